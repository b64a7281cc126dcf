"""`uraniborg calib`: build calibrations, and certify them with a validity range."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ("calib",)


@click.group()
def calib() -> None:
    """Build calibrations, and certify them with a validity range."""


@calib.command()
@click.option("-b", "--repo", required=True, help="Butler repository with the raw calibration exposures.")
@click.option("--night", "nights", multiple=True, required=True, type=int, metavar="YYYYMMDD", help="May be repeated.")
@click.option("-i", "--instrument", help="Name; not needed if the repository has only one.")
@click.option("-d", "--detector", "detectors", multiple=True, type=int, help="Only these; may be repeated.")
@click.option("-p", "--product", "products", multiple=True, help="Only these, e.g. bias; may be repeated.")
@click.option(
    "--begin", default="", metavar="TIME", help="Start of the validity (TAI, ISO); the first night by default."
)
@click.option("--end", default="", metavar="TIME", help="End of the validity (TAI, ISO); open by default.")
@click.option("--replace", is_flag=True, help="Take back the validity of other calibrations for the same time.")
@click.option("-j", "--jobs", default=1, show_default=True, help="Worker processes.")
@click.option("-c", "--config", "overrides", multiple=True, metavar="LABEL:FIELD=VALUE", help="Configuration of tasks.")
@click.option("--criteria", type=click.Path(path_type=Path), help="YAML file with bars that replace ours.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the report (HTML, with figures) to this file.")
@click.option("--plan", is_flag=True, help="Only say what would be made from which exposures.")
def build(
    repo: str,
    nights: tuple[int, ...],
    instrument: str | None,
    detectors: tuple[int, ...],
    products: tuple[str, ...],
    begin: str,
    end: str,
    *,
    replace: bool,
    jobs: int,
    overrides: tuple[str, ...],
    criteria: Path | None,
    report: Path | None,
    plan: bool,
) -> None:
    """Make the calibrations of some nights, verify them, and certify what passes.

    Bias, crosstalk, charge transfer, linearity, photon transfer, brighter-fatter kernel, dark, flats, defects,
    transmission, fringes and illumination are made in this order from the exposures that there are. What does not
    pass is not certified; the table says which number failed, and the exit status is 1. A build that was stopped is
    continued by the same command.

    \b
    Examples:
      uraniborg calib build -b REPO --night 20241230
      uraniborg calib build -b REPO --night 20241230 --begin 2024-12-30 --end 2025-01-30 -j 4
      uraniborg calib build -b REPO --night 20241230 -p bias -p dark -d 0 --report calibrations.html
      uraniborg calib build -b REPO --night 20241230 --plan
    """
    from uraniborg.productions.calib import BuildOptions, build_calibrations
    from uraniborg.productions.calib_report import describe_build, describe_plan, find_instrument, write_report

    camera = find_instrument(repo, instrument)
    if plan:
        click.echo(describe_plan(repo, nights, instrument=camera))
        return
    options = BuildOptions(detectors, products, begin, end, replace, jobs, overrides, criteria)
    result = build_calibrations(repo, nights, instrument=camera, options=options)
    click.echo(describe_build(result))
    if report is not None:
        write_report(repo, result, report)
        click.echo(f"report: {report}")
    if result.refused:
        raise click.exceptions.Exit(1)


@calib.command()
@click.argument("repo")
@click.argument("dataset_type")
@click.argument("run")
@click.argument("collection")
@click.option("--begin", metavar="TIME", help="Start of the validity (TAI, ISO); unbounded if not given.")
@click.option("--end", metavar="TIME", help="End of the validity (TAI, ISO); unbounded if not given.")
@click.option("-d", "--data-id", "values", multiple=True, metavar="NAME=VALUE", help="Only these; may be repeated.")
def certify(
    repo: str, dataset_type: str, run: str, collection: str, begin: str | None, end: str | None, values: tuple[str, ...]
) -> None:
    """Declare calibrations DATASET_TYPE of RUN in REPO valid, in the calibration collection COLLECTION.

    \b
    Examples:
      uraniborg calib certify REPO bias u/me/bias DECam/calib --begin 2026-01-01 --end 2026-02-01
      uraniborg calib certify REPO flat u/me/flat DECam/calib --begin 2026-01-01 -d instrument=DECam -d detector=34
    """
    from uraniborg.archive.certify import certify_calibration
    from uraniborg.archive.repository import open_repository
    from uraniborg.core.errors import UserError

    data_id: dict[str, int | str] = {}
    for text in values:
        name, sign, value = text.partition("=")
        if not sign:
            raise UserError(f"--data-id {text!r} is not of the form NAME=VALUE, e.g. detector=34")
        data_id[name] = int(value) if value.isdecimal() else value
    with open_repository(repo, writeable=True) as butler:
        refs = certify_calibration(butler, dataset_type, run, collection, begin=begin, end=end, data_id=data_id)
    click.echo(f"{len(refs)} {dataset_type} certified in {collection}")


@calib.command()
@click.argument("repo")
@click.argument("dataset_type")
@click.argument("collection")
@click.option("--begin", metavar="TIME", help="Start (TAI, ISO); unbounded if not given.")
@click.option("--end", metavar="TIME", help="End (TAI, ISO); unbounded if not given.")
def decertify(repo: str, dataset_type: str, collection: str, begin: str | None, end: str | None) -> None:
    """Take back the validity of DATASET_TYPE in COLLECTION of REPO for some time.

    \b
    Example:
      uraniborg calib decertify REPO bias DECam/calib --begin 2026-01-10 --end 2026-01-12
    """
    from uraniborg.archive.certify import decertify_calibration
    from uraniborg.archive.repository import open_repository

    with open_repository(repo, writeable=True) as butler:
        decertify_calibration(butler, dataset_type, collection, begin=begin, end=end)
    click.echo(f"{dataset_type} decertified in {collection}")
