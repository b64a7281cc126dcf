"""`uraniborg verify`: what is promised, and whether it holds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from uraniborg.acceptance.runner import SuiteResult

__all__ = ("verify",)


@click.group()
def verify() -> None:
    """Measure the acceptance suites."""


@verify.command("list")
@click.argument("suite", required=False)
def list_command(suite: str | None) -> None:
    """List the suites, or the promises of one SUITE.

    \b
    Examples:
      uraniborg verify list
      uraniborg verify list first-light
    """
    from rich.console import Console
    from rich.table import Table

    from uraniborg.verify.metrics import list_suites, load_suite

    console = Console(width=None if sys.stdout.isatty() else 160)
    if suite is None:
        for name, title in list_suites().items():
            console.print(f"[bold]{name}[/bold]  {title}", highlight=False)
        return
    table = Table("name", "what", "bar", "on", box=None, pad_edge=False)
    for metric in load_suite(suite):
        table.add_row(metric.name, metric.description, metric.bar_text, metric.field)
    console.print(table)


@verify.command()
@click.argument("suite")
@click.option("--json", "json_path", type=click.Path(dir_okay=False, path_type=Path), help="Write the result here too.")
@click.option("--quick", is_flag=True, help="A small simulated field, and without the long measurements.")
@click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Folder of real data.")
@click.option(
    "--work", type=click.Path(file_okay=False, path_type=Path), help="Keep repositories and reports in this folder."
)
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Worker processes.")
@click.pass_context
def accept(
    context: click.Context,
    suite: str,
    json_path: Path | None,
    quick: bool,
    data: Path | None,
    work: Path | None,
    jobs: int,
) -> None:
    """Run the productions of a SUITE, measure them, and say which promises hold; exit 0 only if all do.

    \b
    Examples:
      uraniborg verify accept first-light
      uraniborg verify accept first-light --quick --json result.json
      uraniborg verify accept simulation --work out    # and a page with pictures, out/report/index.html
    """
    import json

    from uraniborg.acceptance.runner import run_suite
    from uraniborg.verify.metrics import load_suite, summarise

    load_suite(suite)  # an unknown name is told before anything runs
    result = run_suite(suite, quick=quick, data=data, work=work, jobs=jobs)
    _print(result)
    if json_path is not None:
        content = summarise(result.measurements, suite=suite, quick=quick, seconds=round(result.seconds, 1))
        json_path.write_text(json.dumps(content, indent=2, allow_nan=False, default=lambda v: v.item()) + "\n", "utf8")
    context.exit(0 if result.all_hold else 1)


def _print(result: SuiteResult) -> None:
    from rich.console import Console
    from rich.table import Table

    from uraniborg.verify.report import format_value

    table = Table(title=f"{result.name}{' (quick)' if result.quick else ''}", title_justify="left")
    for heading, justify in (("what", "left"), ("value", "right"), ("bar", "right"), ("", "left"), ("s", "right")):
        table.add_column(heading, justify=justify)  # type: ignore[arg-type]
    for found in result.measurements:
        if not found.measured:
            verdict = "[yellow]not measured[/yellow]"
        elif found.metric.comparison == "report":
            verdict = "reported"
        else:
            verdict = "[green]holds[/green]" if found.holds else "[red]missed[/red]"
        what = f"{found.metric.description}\n[dim]{found.note}[/dim]"
        table.add_row(what, format_value(found), found.metric.bar_text, verdict, f"{found.seconds:.1f}")
    console = Console(width=None if sys.stdout.isatty() else 160)
    console.print(table)
    held = sum(found.holds for found in result.measurements)
    console.print(f"{held} of {len(result.measurements)} hold; {result.seconds:.0f} s", highlight=False)
