"""`uraniborg demo`: the main job, on a simulated field or on a folder of real exposures."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from uraniborg.verify.report import Report

__all__ = ("demo",)


@click.command()
@click.option(
    "--data",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of real exposures: DECam ooi/oow/ood files with Gaia stars (chunk-*.fits) beside them.",
)
@click.option("--survey", default="tiny", show_default=True, help="Simulated survey, where no --data is given.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo-out"),
    show_default=True,
    help="Folder for the repository and the report; a run that was stopped is continued there.",
)
@click.option("-j", "--jobs", type=click.IntRange(min=1), default=2, show_default=True, help="Worker processes.")
@click.pass_context
def demo(context: click.Context, data: Path | None, survey: str, out: Path, jobs: int) -> None:
    """Run the main job: exposures in; light curves, coadds, difference sources and alert packets out.

    The survey tiny-raw begins with raw frames: calibrations are made, verified and certified, then the signature of the
    camera is removed. The others, and real exposures, are reduced ones.

    Ends with a table of numbers against what is promised, and an HTML report with pictures. The exit status is 0 only
    if the run is complete.

    \b
    Examples:
      uraniborg demo
      uraniborg demo --survey tiny-raw --out from-raws
      uraniborg demo --data shared/data/images/decam_field_187p03_25p56 --out real
    """
    from uraniborg.execution.report import print_report
    from uraniborg.productions.first_light import process_field, read_field, simulated_field
    from uraniborg.productions.first_light_report import report_run

    start = time.perf_counter()
    kind = "real" if data is not None else survey
    folder = out / Path(kind).stem
    field = simulated_field(survey, folder / "survey", jobs=jobs) if data is None else read_field(data)
    click.echo(f"{field.name}: repository {folder / 'repo'}", err=True)
    result = process_field(field, folder / "repo", jobs=jobs)
    if not result.run.ok:
        print_report(result.run, _console(stderr=True))
    seconds = time.perf_counter() - start
    report = report_run(result, folder, seconds=round(seconds, 1))
    _print_summary(report)
    context.exit(result.run.exit_status)


def _console(*, stderr: bool = False) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 140)


def _bar(row: dict[str, Any]) -> str:
    if row["comparison"] == "within":
        return f"{row['bar'][0]:g} to {row['bar'][1]:g} {row['unit']}".rstrip()
    return f"{row['comparison']} {row['bar'][0]:g} {row['unit']}".rstrip() if row["bar"] else "reported"


def _print_summary(report: Report) -> None:
    from rich.table import Table

    content, console = report.content, _console()
    table = Table(title=content["title"], title_justify="left")
    for heading in ("what", "value", "bar", ""):
        table.add_column(heading, justify="right" if heading in ("value", "bar") else "left")
    for row in content["metrics"]:
        value = "not measured" if row["value"] is None else f"{row['value']:.4g} {row['unit']}".rstrip()
        verdict = "[green]holds[/green]" if row["holds"] else "[red]missed[/red]"
        table.add_row(row["description"], value, _bar(row), verdict)
    console.print(table)
    state = "complete" if content["complete"] else "NOT complete"
    console.print(
        f"{content['n_held']} of {content['n_metrics']} promises hold; the run is {state}; {content['seconds']:.0f} s\n"
        f"report:  {report.html}\nnumbers: {report.summary}",
        highlight=False,
        soft_wrap=True,
    )
