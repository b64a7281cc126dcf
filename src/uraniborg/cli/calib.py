"""`uraniborg calib`: certify calibrations with a validity range."""

from __future__ import annotations

import click

__all__ = ("calib",)


@click.group()
def calib() -> None:
    """Certify calibrations with a validity range."""


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
