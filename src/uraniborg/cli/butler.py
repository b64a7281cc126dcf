"""Sub-commands of Rubin's `butler` command, found through the entry point group `butler.cli`.

Every name starts with ``uraniborg-``: `butler` refuses to run at all where two packages offer a command of one name,
and Rubin's own packages (not on PyPI) have ``ingest-raws``, ``define-visits`` and ``register-skymap``.
"""

from __future__ import annotations

import copy
import functools
import importlib
from typing import Any

import click

from uraniborg.core.errors import UraniborgError, UserError

__all__ = ("COMMANDS", "butler_commands")

COMMANDS: dict[str, tuple[str, str]] = {
    "uraniborg-create": ("uraniborg.cli.repo:repo", "create"),
    "uraniborg-info": ("uraniborg.cli.repo:repo", "info"),
    "uraniborg-ingest-reduced": ("uraniborg.cli.ingest:ingest", "reduced"),
    "uraniborg-ingest-raws": ("uraniborg.cli.ingest:ingest", "raws"),
    "uraniborg-define-visits": ("uraniborg.cli.ingest:ingest", "visits"),
    "uraniborg-ingest-refcat": ("uraniborg.cli.ingest:ingest", "refcat"),
    "uraniborg-register-skymap": ("uraniborg.cli.skymap:skymap", "register"),
    "uraniborg-find-patch": ("uraniborg.cli.skymap:skymap", "find"),
    "uraniborg-certify": ("uraniborg.cli.calib:calib", "certify"),
    "uraniborg-decertify": ("uraniborg.cli.calib:calib", "decertify"),
}
"""Name in `butler` to (module:group, command of `uraniborg`)."""


def butler_commands() -> list[click.Command]:
    """Return our commands under the names that they have in `butler`."""
    return [_as_butler_command(name) for name in COMMANDS]


def _as_butler_command(name: str) -> click.Command:
    place, ours = COMMANDS[name]
    module, _, group = place.partition(":")
    command = copy.copy(getattr(importlib.import_module(module), group).commands[ours])
    command.name = name
    command.callback = _with_clean_errors(command.callback)
    return command


def _with_clean_errors(callback: Any) -> Any:
    """Return a callback whose errors of ours are shown by click as one message, as `uraniborg` shows them."""

    @functools.wraps(callback)
    def run(*arguments: Any, **options: Any) -> Any:
        try:
            return callback(*arguments, **options)
        except UraniborgError as error:
            shown = click.ClickException(str(error))
            shown.exit_code = 2 if isinstance(error, UserError) else 1
            raise shown from error

    return run
