from __future__ import annotations

import importlib
import subprocess
import sys
import time

import click
import pytest

from uraniborg.cli.main import COMMANDS, cli, main
from uraniborg.core.errors import StoreError, UserError


@pytest.mark.parametrize("noun", sorted(COMMANDS))
def test_every_noun_leads_to_a_command_with_help(noun: str) -> None:
    module, _, attribute = COMMANDS[noun][0].partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert command.help


def _leaves(command: click.Command, name: str) -> list[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        return [leaf for child, sub in command.commands.items() for leaf in _leaves(sub, f"{name} {child}")]
    return [(name, command)]


def test_every_command_shows_examples() -> None:
    nouns = {noun: cli.get_command(click.Context(cli), noun) for noun in COMMANDS}
    leaves = [leaf for noun, command in nouns.items() for leaf in _leaves(command, noun)]
    assert not [name for name, command in leaves if f"uraniborg {name.split()[0]}" not in (command.help or "")]


def test_help_is_quick() -> None:
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "uraniborg.cli.main", "--help"], capture_output=True, check=True)
        seconds.append(time.perf_counter() - start)
        assert b"Examples" in done.stdout
    assert min(seconds) < 0.4


@pytest.mark.parametrize(("error", "status"), [(UserError("bad value 3"), 2), (StoreError("gone"), 1)])
def test_errors_of_ours_end_with_a_message_and_a_status(
    error: Exception, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(cli, "main", fail)
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == status
    assert f"uraniborg: error: {error}" in capsys.readouterr().err
