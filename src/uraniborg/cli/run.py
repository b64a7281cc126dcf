"""The command ``uraniborg run``."""

from __future__ import annotations

import sys
from pathlib import Path

import click

__all__ = ("run",)


@click.command()
@click.argument("pipeline")
@click.option("-b", "--butler-config", "repo", required=True, help="Butler repository.")
@click.option("-i", "--input", "inputs", multiple=True, required=True, help="Input collections; may be repeated.")
@click.option("-o", "--output", help="CHAINED collection for the outputs; a time-stamped RUN is made in it.")
@click.option("--output-run", help="Name of the RUN itself.")
@click.option("-d", "--data-query", "query", default="", help="Data-id expression that selects what to process.")
@click.option("-j", "--processes", "jobs", default=1, show_default=True, help="Number of worker processes.")
@click.option("-c", "--config", "overrides", multiple=True, metavar="LABEL:FIELD=VALUE", help="Change a setting.")
@click.option("--resume", is_flag=True, help="Continue the newest run of the output collection.")
@click.option("--retries", default=0, show_default=True, help="Tries more for a quantum whose worker was killed.")
@click.option("--timeout", type=float, help="Seconds after which a quantum's worker is killed.")
@click.option("--recycle-after", type=int, help="Quanta after which a worker is replaced by a fresh one.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first failure.")
@click.option("--report", "report_file", type=click.Path(path_type=Path, dir_okay=False), help="Write a JSON report.")
def run(
    pipeline: str,
    repo: str,
    inputs: tuple[str, ...],
    output: str | None,
    output_run: str | None,
    query: str,
    jobs: int,
    overrides: tuple[str, ...],
    resume: bool,
    retries: int,
    timeout: float | None,
    recycle_after: int | None,
    fail_fast: bool,
    report_file: Path | None,
) -> None:
    """Run PIPELINE on a pool of persistent workers.

    PIPELINE is the path of a YAML file, which may end in #label to take a part of it. Exit status: 0 if every quantum
    succeeded, 1 if any failed, 2 for wrong usage, 130 if interrupted.

    \b
    Examples:
      uraniborg run PIPELINE.yaml -b REPO -i DECam/defaults -o u/me/run -j 2
      uraniborg run PIPELINE.yaml#singleFrame -b REPO -i DECam/defaults -o u/me/run -d "visit=431608"
      uraniborg run PIPELINE.yaml -b REPO -i DECam/defaults -o u/me/run -j 2 --resume
    """
    from rich.console import Console

    from uraniborg.execution.executor import PoolOptions
    from uraniborg.execution.report import print_report
    from uraniborg.execution.runner import RunInterrupted, run_pipeline
    from uraniborg.execution.zipfile_guard import mend_zipfile

    if warning := mend_zipfile():
        click.echo(f"note: {warning}", err=True)
    options = PoolOptions(retries=retries, timeout=timeout, recycle_after=recycle_after, fail_fast=fail_fast)
    try:
        report = run_pipeline(
            pipeline,
            repo=repo,
            inputs=inputs,
            output=output,
            output_run=output_run,
            query=query,
            jobs=jobs,
            resume=resume,
            config_overrides=overrides,
            options=options,
        )
    except RunInterrupted as stop:
        report = stop.report
    if report_file is not None:
        report.write_json(report_file)
    print_report(report, Console(stderr=True, width=None if sys.stderr.isatty() else 120))
    raise SystemExit(report.exit_status)
