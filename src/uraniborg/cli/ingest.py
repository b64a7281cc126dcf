"""`uraniborg ingest`: bring exposures and reference catalogues into a repository, define visits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from uraniborg.archive.ingest import IngestReport
    from uraniborg.instruments.base import SurveyInstrument

__all__ = ("find_instrument", "ingest")


def find_instrument(name: str, butler: Any = None) -> SurveyInstrument:
    """Return an instrument by the full name of its class, or by its name if a repository knows it.

    Raises
    ------
    UserError
        If there is no such instrument.
    """
    from uraniborg.core.errors import UserError
    from uraniborg.instruments.base import SurveyInstrument

    try:
        return SurveyInstrument.from_string(name, None if butler is None else butler.registry)
    except (RuntimeError, TypeError) as error:
        raise UserError(
            f"no instrument {name!r}: {error}; give the full name of its class, e.g. uraniborg.instruments.decam.DECam"
        ) from error


@click.group()
def ingest() -> None:
    """Bring exposures and reference catalogues into a repository."""


def _frame_options(command: Callable[..., None]) -> Callable[..., None]:
    options = [
        click.argument("repo"),
        click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path)),
        click.option(
            "--instrument", required=True, metavar="CLASS", help="Full name of the camera's class, or its name."
        ),
        click.option("--run", metavar="NAME", help="Collection for the files."),
        click.option(
            "-t",
            "--transfer",
            type=click.Choice(["copy", "symlink", "hardlink", "direct", "move"]),
            default="copy",
            show_default=True,
            help="How files get in; direct leaves them where they are.",
        ),
        click.option(
            "--on-conflict",
            type=click.Choice(["fail", "skip", "replace"]),
            default="fail",
            show_default=True,
            help="For files whose exposure and detector are there with another content.",
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _show(report: IngestReport) -> None:
    click.echo(
        f"{len(report.exposures)} exposures in {report.run}: {report.ingested} files ingested, {report.skipped} were "
        f"there, {report.replaced} replaced ({report.seconds:.1f} s)"
    )


@ingest.command()
@_frame_options
def reduced(
    repo: str, paths: tuple[Path, ...], instrument: str, run: str | None, transfer: Any, on_conflict: Any
) -> None:
    """Bring reduced exposures into REPO: triplets of image, weight and data quality in files or folders PATHS.

    \b
    Examples:
      uraniborg ingest reduced REPO exposures/ --instrument uraniborg.instruments.decam.DECam
      uraniborg ingest reduced REPO exposures/ --instrument DECam --transfer direct
      uraniborg ingest reduced REPO sim/images --instrument uraniborg.instruments.simcam.SimCam

    All files are checked first; if anything is wrong, all faults are told and nothing is ingested. An ingest that was
    interrupted is completed by running it again.
    """
    from uraniborg.archive.ingest import ingest_reduced
    from uraniborg.archive.repository import open_repository

    with open_repository(repo, writeable=True) as butler:
        camera = find_instrument(instrument, butler)
        options = {"run": run, "transfer": transfer, "on_conflict": on_conflict}
        _show(ingest_reduced(butler, paths, instrument=camera, **options))


@ingest.command()
@_frame_options
def raws(repo: str, paths: tuple[Path, ...], instrument: str, run: str | None, transfer: Any, on_conflict: Any) -> None:
    """Bring raw exposures into REPO: files or folders PATHS, with one detector or many in a file.

    \b
    Example:
      uraniborg ingest raws REPO night/*.fits.fz --instrument uraniborg.instruments.decam.DECam --transfer symlink
    """
    from uraniborg.archive.ingest import ingest_raws
    from uraniborg.archive.repository import open_repository

    with open_repository(repo, writeable=True) as butler:
        camera = find_instrument(instrument, butler)
        _show(ingest_raws(butler, paths, instrument=camera, run=run, transfer=transfer, on_conflict=on_conflict))


@ingest.command()
@click.argument("repo")
@click.argument("instrument")
@click.option("-e", "--exposure", "exposures", type=int, multiple=True, help="Only this exposure; may be repeated.")
@click.option("--collections", metavar="NAME", help="Where the frames are; the camera's defaults if not given.")
@click.option("--dataset-type", default="reduced_image", show_default=True, help="Frames that tell the positions.")
@click.option("--padding", default=50, show_default=True, help="Margin around the detectors' regions [pixel].")
@click.option("--check-skymap", metavar="NAME", help="Refuse frames outside of this sky map.")
def visits(
    repo: str,
    instrument: str,
    exposures: tuple[int, ...],
    collections: str | None,
    dataset_type: str,
    padding: int,
    check_skymap: str | None,
) -> None:
    """Define a visit for each exposure of INSTRUMENT in REPO.

    \b
    Examples:
      uraniborg ingest visits REPO DECam
      uraniborg ingest visits REPO DECam --check-skymap rings_v1
    """
    from uraniborg.archive.repository import open_repository
    from uraniborg.archive.visits import define_visits

    with open_repository(repo, writeable=True) as butler:
        report = define_visits(
            butler,
            find_instrument(instrument, butler),
            exposures=exposures or None,
            collections=collections,
            dataset_type=dataset_type,
            padding=padding,
            check_skymap=check_skymap,
        )
    click.echo(
        f"{report.defined} visits defined, {report.extended} extended, {report.unchanged} were there; "
        f"{report.detectors} detectors"
    )


@ingest.command()
@click.argument("repo")
@click.argument("name")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--preset", help="Columns of a known catalogue: gaia_dr2, gaia_dr3, rubin_gaia, simulated.")
@click.option(
    "-c", "--column", "columns", multiple=True, metavar="OURS=THEIRS", help="Column to take; may be repeated."
)
@click.option("--epoch", type=float, help="Epoch of positions (Julian year) where no column tells it.")
@click.option("--rows", default=200_000, show_default=True, help="Rows held in memory while reading.")
def refcat(
    repo: str,
    name: str,
    files: tuple[Path, ...],
    preset: str | None,
    columns: tuple[str, ...],
    epoch: float | None,
    rows: int,
) -> None:
    """Bring a star catalogue NAME into REPO from FILES: FITS, Parquet, CSV or ECSV.

    \b
    Examples:
      uraniborg ingest refcat REPO gaia_dr2 chunk-*.fits --preset gaia_dr2
      uraniborg ingest refcat REPO tycho2 tycho2.csv -c ra=RAmdeg -c dec=DEmdeg --epoch 2000
    """
    from uraniborg.archive.refcats import ingest_reference_catalogue
    from uraniborg.archive.repository import open_repository
    from uraniborg.core.errors import UserError

    pairs = [text.partition("=") for text in columns]
    if wrong := [text for text, (_, sign, theirs) in zip(columns, pairs, strict=True) if not sign or not theirs]:
        raise UserError(f"--column {wrong[0]!r} is not of the form OURS=THEIRS, e.g. ra=RAmdeg")
    with open_repository(repo, writeable=True) as butler:
        report = ingest_reference_catalogue(
            butler,
            name,
            files,
            preset=preset,
            columns={ours: theirs for ours, _, theirs in pairs},
            epoch=epoch,
            rows_at_once=rows,
        )
    click.echo(
        f"{report.rows} stars in {report.shards} shards of {report.run} ({report.skipped} were there), "
        f"{report.left_out} rows without a position left out ({report.seconds:.1f} s)"
    )
