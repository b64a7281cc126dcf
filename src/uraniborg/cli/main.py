"""Entry point of the `uraniborg` command; a sub-command's module is imported only when it is used."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import Any

import click

from uraniborg import __version__
from uraniborg.core.errors import UraniborgError, UserError

__all__ = ("cli", "main")

COMMANDS: dict[str, tuple[str, str]] = {
    "alerts": ("uraniborg.cli.alerts:alerts", "Inspect and validate alert packets."),
    "calib": ("uraniborg.cli.calib:calib", "Certify calibrations with a validity range."),
    "catalog": ("uraniborg.cli.catalog:catalog", "Load tables and ask them in ADQL."),
    "demo": ("uraniborg.cli.demo:demo", "Run the main job on simulated or real exposures."),
    "ingest": ("uraniborg.cli.ingest:ingest", "Bring exposures and reference catalogues into a repository."),
    "repo": ("uraniborg.cli.repo:repo", "Create and describe data repositories."),
    "run": ("uraniborg.cli.run:run", "Run a pipeline on a pool of persistent workers."),
    "sim": ("uraniborg.cli.sim:sim", "Simulate exposures with a truth table."),
    "skymap": ("uraniborg.cli.skymap:skymap", "Register sky maps and look up tracts and patches."),
    "serve": ("uraniborg.cli.serve:serve", "Serve a catalogue: TAP, cone search, a page for browsers."),
    "verify": ("uraniborg.cli.verify:verify", "Measure the acceptance suites."),
}
"""Noun to (module:command, one line of help)."""


class _LazyGroup(click.Group):
    """A group whose commands live in modules that are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module_name, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module_name), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__)
@click.option("-v", "--verbose", is_flag=True, help="Show what is being done in detail.")
@click.option("-q", "--quiet", is_flag=True, help="Show warnings and errors only.")
def cli(verbose: bool, quiet: bool) -> None:
    """Run a sky survey's data as a system: archive, process, verify, serve.

    \b
    Examples:
      uraniborg demo                          simulate a small field and process it
      uraniborg demo --data DIR               process a directory of real exposures
      uraniborg repo create REPO              make an empty data repository
      uraniborg run PIPELINE.yaml -b REPO -i DECam/defaults -o u/me/run -j 2
      uraniborg verify accept first-light     measure what was promised
    """
    level = logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("uraniborg").setLevel(level)
    logging.getLogger("lsst.utils.packages").setLevel(logging.ERROR)  # it misses eups, which no pip install has


def main(args: list[str] | None = None) -> Any:
    """Run the command; a `UserError` ends with status 2, other errors of ours with 1."""
    try:
        return cli.main(args=args, prog_name="uraniborg", standalone_mode=True)
    except UraniborgError as error:
        click.echo(f"uraniborg: error: {error}", err=True)
        sys.exit(2 if isinstance(error, UserError) else 1)


if __name__ == "__main__":
    main()
