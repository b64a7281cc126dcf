"""`uraniborg alerts`: show and validate files of alert packets."""

from __future__ import annotations

import sys
from pathlib import Path

import click

__all__ = ("alerts",)


@click.group()
def alerts() -> None:
    """Inspect and validate files of alert packets."""


@alerts.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("-n", "--limit", default=50, show_default=True, help="Most packets to show; 0 shows all.")
def show(file: Path, limit: int) -> None:
    """Print one line for each packet of FILE.

    \b
    Examples:
      uraniborg alerts show alert_packets.avro
    """
    from rich.console import Console
    from rich.table import Table

    from uraniborg.alerts import read_alerts
    from uraniborg.alerts.summary import SUMMARY_COLUMNS, summarise_packet

    packets = read_alerts(file.read_bytes())
    shown = packets if limit == 0 else packets[:limit]
    table = Table(title=f"{file.name}: {len(packets)} packets")
    for name in SUMMARY_COLUMNS:
        table.add_column(name, justify="right")
    for packet in shown:
        table.add_row(*summarise_packet(packet))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    if len(shown) < len(packets):
        click.echo(f"{len(packets) - len(shown)} more; show all with --limit 0")


@alerts.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def validate(file: Path) -> None:
    """Check every packet of FILE against the newest alert schema; end with status 1 if any has a fault.

    \b
    Examples:
      uraniborg alerts validate alert_packets.avro
    """
    from uraniborg.alerts import validate_alerts

    report = validate_alerts(file.read_bytes())
    for fault in report.faults:
        click.echo(fault, err=True)
    click.echo(f"{report.n_valid} of {report.n_packets} packets agree with {report.schema_name}")
    if report.faults:
        raise click.exceptions.Exit(1)
