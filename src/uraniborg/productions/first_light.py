"""First light: raw or reduced exposures, simulated or real, through one repository to alerts and a report.

Every step can be repeated: what is there already is kept, and a run that was killed is resumed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from lsst.daf.butler import Butler, DimensionRecord
from lsst.sphgeom import ConvexPolygon, LonLat

from uraniborg.archive.ingest import ingest_raws, ingest_reduced
from uraniborg.archive.refcats import ingest_reference_catalogue
from uraniborg.archive.repository import create_repository, open_repository
from uraniborg.archive.skymaps import register_skymap
from uraniborg.archive.visits import define_visits
from uraniborg.core.errors import StoreError, UserError, report_faults
from uraniborg.execution.report import RunReport
from uraniborg.execution.runner import RunChanged, run_pipeline
from uraniborg.instruments.base import SurveyInstrument
from uraniborg.instruments.decam import DECam
from uraniborg.instruments.simcam import SimCam
from uraniborg.model.skymap import DiscreteSkyMap
from uraniborg.productions.calib import BuildOptions, build_calibrations
from uraniborg.sim import SimulatedField, load_config, load_field, simulate_field
from uraniborg.verify.calib import Outcome

__all__ = ("Field", "FirstLight", "process_field", "read_field", "simulated_field")

_LOG = logging.getLogger(__name__)

PIPELINE = "resource://uraniborg/productions/pipelines/first_light.yaml"
RAW_PIPELINE = "resource://uraniborg/productions/pipelines/first_light_raw.yaml"
CALIBRATIONS = ("bias", "crosstalk", "cti", "linearity", "ptc", "kernel", "dark", "flat", "defects")
"""What instrument signature removal asks for."""
SKYMAP = "field"
OUTPUT = "first_light"
PATCH_SIZE = 1000
CELL_SIZE = 50
MARGIN = 5.0
"""Sky around the exposures that the sky map holds as well. [arcsec]"""


@dataclass(frozen=True, slots=True)
class Field:
    """Exposures of one field of the sky, and what is needed to calibrate them.

    Attributes
    ----------
    name : str
        Title for reports.
    images : pathlib.Path
        Folder of the exposures.
    instrument : SurveyInstrument
        The camera.
    references : tuple of pathlib.Path
        Files of the reference catalogue.
    preset : str
        How its columns are called, see `uraniborg.archive.refcats`; None if they have our names.
    catalogue : str
        Name of the reference catalogue in the repository.
    pixel_scale : float [arcsec]
        Of the coadds.
    truth : SimulatedField or None
        What was put in, for a simulated field.
    raw : bool
        Whether these are raw frames, with those that calibrations are made of among them.
    """

    name: str
    images: Path
    instrument: SurveyInstrument
    references: tuple[Path, ...]
    preset: str | None
    catalogue: str
    pixel_scale: float
    truth: SimulatedField | None = None
    raw: bool = False


@dataclass(frozen=True, slots=True)
class FirstLight:
    """What a run of first light left behind.

    Attributes
    ----------
    field : Field
        What was processed.
    repo : pathlib.Path
        Repository.
    collection : str
        Collection of the results.
    run : RunReport
        What succeeded and what failed.
    calibrations : tuple of Outcome
        What became of each calibration, for a field of raw frames.
    """

    field: Field
    repo: Path
    collection: str
    run: RunReport
    calibrations: tuple[Outcome, ...] = ()


def simulated_field(survey: str | Path, folder: Path, *, jobs: int = 1) -> Field:
    """Make a simulated field, or take the one that is there already.

    Parameters
    ----------
    survey : str or pathlib.Path
        Name of a ready-made survey, or a YAML file.
    folder : pathlib.Path
        Where its files are, or will be.
    jobs : int, optional
        Number of processes.

    Raises
    ------
    UserError
        If the folder holds something else.
    """
    config = load_config(survey)
    if folder.is_dir() and any(folder.iterdir()):
        field = load_field(folder)
        if field.config != config:
            raise UserError(f"{folder} holds another simulated survey than {survey}; remove it or choose another --out")
    else:
        field = simulate_field(config, folder, jobs=jobs)
    return Field(
        name=f"simulated field '{config.name}'",
        images=field.raw_folder if config.raw else field.image_folder,
        instrument=SimCam(),
        references=(field.reference,),
        preset=None,
        catalogue="simulated_gaia",
        pixel_scale=config.camera.pixel_scale,
        truth=field,
        raw=config.raw,
    )


def read_field(folder: Path) -> Field:
    """Describe a folder of DECam community-pipeline exposures with Gaia stars (``chunk-*.fits``) beside them.

    Parameters
    ----------
    folder : pathlib.Path
        Holds the ``ooi``, ``oow`` and ``ood`` files.

    Raises
    ------
    UserError
        If there are no exposures or no Gaia stars; both in one message.
    """
    images = sorted(folder.glob("*_ooi_*.fits*"))
    references = tuple(sorted(folder.glob("chunk-*.fits*")))
    faults = [] if images else ["no exposures (*_ooi_*.fits and their oow and ood companions)"]
    faults += [] if references else ["no Gaia stars (chunk-*.fits)"]
    if faults:
        raise UserError(f"{folder} cannot be processed: {'; '.join(faults)}")
    return Field(
        name=f"DECam field {folder.name}",
        images=folder,
        instrument=DECam(),
        references=references,
        preset="gaia_dr2",
        catalogue="gaia_dr2",
        pixel_scale=0.262,
    )


def process_field(field: Field, repo: Path, *, jobs: int = 1, overrides: Mapping[str, str] | None = None) -> FirstLight:
    """Ingest a field and run the pipeline of first light; picks up where an earlier call was stopped.

    Of raw frames, the calibrations are made, verified and certified first.

    Parameters
    ----------
    field : Field
        What to process.
    repo : pathlib.Path
        Repository; made if there is none.
    jobs : int, optional
        Number of worker processes.
    overrides : mapping of str to str, optional
        Configuration, ``label:field`` to value.

    Returns
    -------
    FirstLight

    Raises
    ------
    UserError
        If the input is not right (nothing is half ingested then), or if a calibration is not good enough.
    StoreError
        If the repository cannot be written.
    """
    there = (repo / "butler.yaml").exists()
    with open_repository(repo, writeable=True) if there else create_repository(repo) as butler:
        _fill(butler, field)
    calibrations = _calibrate(field, repo, jobs=jobs) if field.raw else ()
    report = _run(field, repo, jobs=jobs, overrides=overrides or {})
    return FirstLight(field=field, repo=repo, collection=OUTPUT, run=report, calibrations=calibrations)


def _calibrate(field: Field, repo: Path, *, jobs: int) -> tuple[Outcome, ...]:
    """Make the calibrations of all nights that have frames for them; none may be missing."""
    with open_repository(repo) as butler:
        nights = sorted({int(record.day_obs) for record in _exposures(butler, field) if not _is_science(record)})
        raws = butler.query_datasets("raw", collections=field.instrument.makeDefaultRawIngestRunName(), limit=None)
        detectors = {int(ref.dataId["detector"]) for ref in raws}
    if not nights:
        raise UserError(f"{field.images} has raw frames of the sky, but none to make calibrations of")
    # A calibration is the work of one task for each detector; more workers would only be started.
    options = BuildOptions(products=CALIBRATIONS, jobs=min(jobs, len(detectors)))
    build = build_calibrations(repo, nights, instrument=field.instrument, options=options)
    faults = [
        f"{item.product} {item.state}: {item.reason}"
        for item in build.outcomes
        if item.state not in ("certified", "kept")
    ]
    report_faults(f"calibrations of {field.name}", faults)
    return tuple(build.outcomes)


def _exposures(butler: Butler, field: Field) -> list[DimensionRecord]:
    name = field.instrument.getName()
    return list(butler.query_dimension_records("exposure", instrument=name, limit=None, explain=False))


def _is_science(record: DimensionRecord) -> bool:
    return str(record.observation_type) == "science"


def _run(field: Field, repo: Path, *, jobs: int, overrides: Mapping[str, str]) -> RunReport:
    """Continue the newest run, or start one where there is none or the pipeline has changed since."""
    run = partial(
        run_pipeline,
        RAW_PIPELINE if field.raw else PIPELINE,
        repo=repo,
        inputs=field.instrument.makeUmbrellaCollectionName(),
        output=OUTPUT,
        query=f"instrument='{field.instrument.getName()}' AND skymap='{SKYMAP}'",
        jobs=jobs,
        config_overrides=[
            f"calibrateImage:connections.refcat={field.catalogue}",
            *(f"{name}={value}" for name, value in overrides.items()),
        ],
    )
    try:
        return run(resume=True)
    except RunChanged as change:
        _LOG.warning("starting a new run: %s", change)
        return run(resume=False)


def _fill(butler: Butler, field: Field) -> None:
    """Ingest exposures and reference stars, define visits and a sky map round them."""
    bring = ingest_raws if field.raw else ingest_reduced
    ingest = bring(butler, field.images, instrument=field.instrument)
    _LOG.info("%d files ingested, %d were there already", ingest.ingested, ingest.skipped)
    ingest_reference_catalogue(butler, field.catalogue, field.references, preset=field.preset)
    if field.raw:
        numbers = [int(record.id) for record in _exposures(butler, field) if _is_science(record)]
        define_visits(butler, field.instrument, dataset_type="raw", exposures=numbers)
    else:
        define_visits(butler, field.instrument)
    register_skymap(butler, SKYMAP, _skymap_around(butler, field))


def _skymap_around(butler: Butler, field: Field) -> DiscreteSkyMap:
    """Return a sky map of one tract that holds all visits."""
    records = butler.query_dimension_records("visit_detector_region", instrument=field.instrument.getName(), limit=None)
    if not records:
        raise StoreError(f"no visits of {field.instrument.getName()} in the repository although they were defined")
    regions = [record.region for record in records]
    vertices = [vertex for region in regions if isinstance(region, ConvexPolygon) for vertex in region.getVertices()]
    center = ConvexPolygon(vertices).getCentroid()
    radius = max(np.degrees(np.arccos(min(1.0, center.dot(vertex)))) for vertex in vertices)
    position = LonLat(center)
    return DiscreteSkyMap.around(
        # Rounded, so that the map of the same exposures is the same on every machine.
        round(position.getLon().asDegrees(), 4),
        round(position.getLat().asDegrees(), 4),
        round(radius + MARGIN / 3600.0, 4),
        pixel_scale=field.pixel_scale,
        patch_size=PATCH_SIZE,
        patch_border=CELL_SIZE,
        cell_size=CELL_SIZE,
    )
