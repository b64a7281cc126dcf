"""Define visits: one for each exposure, with the region of the sky that each of its detectors covers."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.io.fits import Header
from lsst.daf.butler import Butler, DatasetRef, DimensionRecord, MissingCollectionError, MissingDatasetTypeError
from lsst.images import Box, SkyProjection
from lsst.sphgeom import ConvexPolygon, Region

from uraniborg.archive.skymaps import load_skymap, registered_tracts
from uraniborg.core.errors import UserError, report_faults
from uraniborg.core.progress import progress
from uraniborg.instruments.base import SurveyInstrument, merged_header, wcs_from_header
from uraniborg.instruments.raw_geometry import detector_wcs_header, raw_geometry
from uraniborg.model.frames import RawFrame
from uraniborg.model.sky_geometry import polygon_region

__all__ = ("ONE_TO_ONE", "VisitReport", "define_visits", "frame_region")

_LOG = logging.getLogger(__name__)

ONE_TO_ONE = (0, "one-to-one")
"""Number and name of the visit system in which every exposure is a visit of the same number."""


@dataclass(frozen=True, slots=True)
class VisitReport:
    """What `define_visits` did.

    Attributes
    ----------
    defined, extended, unchanged : int
        Visits that are new, that got more detectors, that were complete already.
    detectors : int
        Regions of detectors that are new.
    """

    defined: int
    extended: int
    unchanged: int
    detectors: int


def frame_region(projection: SkyProjection[Any], shape: tuple[int, int], *, padding: int) -> ConvexPolygon:
    """Return the part of the sky that a frame covers.

    Parameters
    ----------
    projection : lsst.images.SkyProjection
        Projection of the frame; its pixel bounds tell where on the detector the frame lies.
    shape : (int, int) [pixel]
        Height and width of the frame.
    padding : int [pixel]
        Width of a margin on all sides, for errors of the projection.
    """
    bounds = projection.pixel_bounds
    x0, y0 = (0, 0) if bounds is None else (bounds.bbox.x.start, bounds.bbox.y.start)
    low, high = -0.5 - padding, padding - 0.5
    x = x0 + np.array([low, shape[1] + high, shape[1] + high, low])
    y = y0 + np.array([low, low, shape[0] + high, shape[0] + high])
    sky = projection.pixel_to_sky(x=x, y=y)
    return polygon_region(sky.ra.deg, sky.dec.deg)


def define_visits(
    butler: Butler,
    instrument: SurveyInstrument,
    *,
    exposures: Iterable[int] | None = None,
    collections: str | None = None,
    dataset_type: str = "reduced_image",
    padding: int = 50,
    check_skymap: str | None = None,
) -> VisitReport:
    """Define a visit for each exposure on the sky.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository, open for writing.
    instrument : SurveyInstrument
        The camera.
    exposures : iterable of int, optional
        Exposures; all that have frames if not given.
    collections : str, optional
        Where the frames are; the instrument's defaults if not given.
    dataset_type : str, optional
        Frames whose headers tell the positions: ``reduced_image`` or ``raw``.
    padding : int, optional
        Margin around the regions of detectors [pixel].
    check_skymap : str, optional
        Name of a registered sky map in which all frames have to lie.

    Returns
    -------
    VisitReport
        Visits that exist are left as they are, or extended if they lack detectors.

    Raises
    ------
    UserError
        If there are no frames, if an exposure has none, or if a frame lies outside of the sky map; nothing is
        defined then.
    """
    start = time.monotonic()
    name = instrument.getName()
    refs = _frames(butler, instrument, collections, dataset_type, exposures)
    known = _known_regions(butler, name)
    regions: dict[int, dict[int, Region]] = defaultdict(dict)
    to_read = [ref for ref in refs if ref.dataId["detector"] not in known.get(ref.dataId["exposure"], {})]
    faults: list[str] = []
    with progress("positions of frames", len(to_read)) as shown:
        for ref in to_read:
            exposure, detector = int(ref.dataId["exposure"]), int(ref.dataId["detector"])
            try:
                regions[exposure][detector] = _region(butler, ref, instrument, padding)
            except UserError as error:
                faults.append(f"{butler.getURI(ref).ospath}: {error}")
            shown.advance()
    if check_skymap is not None:
        faults += _outside(butler, regions, check_skymap, {(_key(ref)): ref for ref in to_read})
    report_faults(f"visits of {name}", faults)
    records = {r.id: r for r in butler.query_dimension_records("exposure", instrument=name, limit=None, explain=False)}
    with butler.transaction():
        row = {"instrument": name, "id": ONE_TO_ONE[0], "name": ONE_TO_ONE[1]}
        butler.registry.syncDimensionData("visit_system", row)
        for exposure, new in regions.items():
            _insert(butler, records[exposure], new, known.get(exposure, {}))
    extended = sum(exposure in known for exposure in regions)
    given = {int(ref.dataId["exposure"]) for ref in refs}
    n_detectors = sum(len(new) for new in regions.values())
    _LOG.info("%d visits, %d detectors defined, %.1f s", len(regions), n_detectors, time.monotonic() - start)
    return VisitReport(len(regions) - extended, extended, len(given - set(regions)), n_detectors)


def _key(ref: DatasetRef) -> tuple[int, int]:
    return int(ref.dataId["exposure"]), int(ref.dataId["detector"])


def _frames(
    butler: Butler,
    instrument: SurveyInstrument,
    collections: str | None,
    dataset_type: str,
    exposures: Iterable[int] | None,
) -> list[DatasetRef]:
    where = collections or instrument.makeUmbrellaCollectionName()
    name = instrument.getName()
    try:
        found = butler.query_datasets(dataset_type, collections=where, instrument=name, limit=None, explain=False)
    except (MissingDatasetTypeError, MissingCollectionError):
        found = []
    refs = sorted(found, key=_key)
    if exposures is not None:
        wanted = set(exposures)
        missing = sorted(wanted - {_key(ref)[0] for ref in refs})
        report_faults(f"visits of {instrument.getName()}", [f"exposure {n}: no {dataset_type}" for n in missing])
        refs = [ref for ref in refs if _key(ref)[0] in wanted]
    if not refs:
        raise UserError(f"no {dataset_type} of {instrument.getName()} in {where}; ingest exposures first")
    return refs


def _known_regions(butler: Butler, instrument: str) -> dict[int, dict[int, Region]]:
    known: dict[int, dict[int, Region]] = defaultdict(dict)
    records = butler.query_dimension_records("visit_detector_region", instrument=instrument, limit=None, explain=False)
    for record in records:
        known[record.visit][record.detector] = record.region
    return known


def _region(butler: Butler, ref: DatasetRef, instrument: SurveyInstrument, padding: int) -> ConvexPolygon:
    header = merged_header(butler.get(ref.makeComponentRef("primary")), butler.get(ref.makeComponentRef("header")))
    if ref.datasetType.storageClass_name == "RawFrame" and "DETSEC" in header:
        return _raw_region(butler.get(ref), header, instrument, int(ref.dataId["exposure"]), padding)
    shape = (int(header["NAXIS2"]), int(header["NAXIS1"]))
    projection = instrument.sky_projection(header, shape, visit=int(ref.dataId["exposure"]))
    return frame_region(projection, shape, padding=padding)


def _raw_region(raw: RawFrame, header: Header, instrument: SurveyInstrument, visit: int, padding: int) -> ConvexPolygon:
    """Return the region of a detector that is read out in segments, each with a projection of its own."""
    geometry = raw_geometry(raw)
    number = instrument.observation_info(header).detector_num
    frame = instrument.get_detector(number, visit=visit, header=header).frame
    wcs = wcs_from_header(detector_wcs_header(raw.header, geometry.amplifiers[0]))
    box = Box.from_shape(geometry.shape)
    projection = SkyProjection.from_fits_wcs(wcs, frame, pixel_bounds=box, x0=0, y0=0)
    return frame_region(projection, geometry.shape, padding=padding)


def _outside(
    butler: Butler, regions: dict[int, dict[int, Region]], skymap: str, refs: dict[tuple[int, int], DatasetRef]
) -> list[str]:
    sky, tracts = load_skymap(butler, skymap), registered_tracts(butler, skymap)
    return [
        f"{butler.getURI(refs[exposure, detector]).ospath}: lies outside of the sky map {skymap!r}"
        for exposure, detectors in regions.items()
        for detector, region in detectors.items()
        if tracts.isdisjoint(sky.tracts_overlapping(region))
    ]


def _insert(butler: Butler, exposure: DimensionRecord, new: dict[int, Region], known: dict[int, Region]) -> None:
    instrument, visit = exposure.instrument, exposure.id
    every = [*known.values(), *new.values()]
    hull = ConvexPolygon([vertex for region in every for vertex in region.getVertices()])
    row = {
        name: getattr(exposure, name)
        for name in (
            *("instrument", "id", "physical_filter", "day_obs", "seq_num", "exposure_time", "target_name"),
            *("observation_reason", "science_program", "azimuth", "zenith_angle", "timespan"),
        )
    }
    row |= {"name": exposure.obs_id, "region": hull}
    insert = butler.registry.insertDimensionData
    insert("visit", row, replace=bool(known), skip_existing=not known)
    keys = {"instrument": instrument, "visit": visit}
    insert("visit_definition", keys | {"exposure": visit}, skip_existing=True)
    insert("visit_system_membership", keys | {"visit_system": ONE_TO_ONE[0]}, skip_existing=True)
    rows = [keys | {"detector": detector, "region": region} for detector, region in new.items()]
    insert("visit_detector_region", *rows, skip_existing=True)
