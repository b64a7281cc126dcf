"""Refine the projection of an image against reference stars, find its zero point, and calibrate image and sources."""

from __future__ import annotations

import logging
import time

import lsst.pipe.base.connectionTypes as cT
from astropy.table import Table, vstack
from lsst.images import VisitImage
from lsst.pex.config import ChoiceField, DictField, RangeField
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from uraniborg.algorithms.astrometry import MODELS
from uraniborg.algorithms.photometry import color_terms
from uraniborg.core.errors import UserError
from uraniborg.tasks.common.calibrated_image import calibrated_image
from uraniborg.tasks.common.calibrated_tables import match_table, source_table, summary_stats, summary_table
from uraniborg.tasks.common.calibration import solve_calibration

__all__ = ("CalibrateImageConfig", "CalibrateImageConnections", "CalibrateImageTask")

_LOG, _DIMENSIONS = logging.getLogger(__name__), ("instrument", "visit", "detector")
_SETTINGS = ("max_shift", "max_rotation", "match_radius", "min_snr", "position_floor", "unknown_motion", "max_model",
             "min_astrometry_stars", "min_photometry_stars", "photometry_degree")  # fmt: skip
_REPORT = (
    "visit %d detector %d: %d of %d stars fit a %s to %.0f, %.0f mas; zero point %.3f +- %.3f mag from %d stars; %.2f s"
)
_REPORTED = (
    "visitId", "detector", "nAstrometryUsed", "nAstrometryMatched", "astrometryModel", "rmsRa", "rmsDec", "zeroPoint",
    "zeroPointErr", "nZeroPointStars",
)  # fmt: skip


def _per_detector(kind: type[cT.BaseConnection], name: str, storage_class: str, doc: str) -> cT.BaseConnection:
    return kind(doc=doc, name=name, storageClass=storage_class, dimensions=_DIMENSIONS)


class CalibrateImageConnections(
    PipelineTaskConnections, dimensions=_DIMENSIONS, defaultTemplates={"refcat": "gaia_dr2"}
):
    """Instrumental image and sources in, calibrated ones out."""

    image = _per_detector(cT.Input, "preliminary_visit_image", "VisitImage", "Image in electron.")
    sources = _per_detector(cT.Input, "preliminary_source", "SourceTable", "Its sources.")
    references = cT.PrerequisiteInput(
        doc="Reference stars.", name="{refcat}", storageClass="SourceTable", dimensions=("htm7",), multiple=True,
        deferLoad=True,
    )  # fmt: skip
    visit_image = _per_detector(cT.Output, "visit_image", "VisitImage", "Image in nJy, refined projection.")
    source = _per_detector(cT.Output, "source", "SourceTable", "Sources with sky positions and fluxes in nJy.")
    astrometry_match = _per_detector(cT.Output, "astrometry_match", "SourceTable", "Matched reference stars.")
    visit_detector_summary = _per_detector(cT.Output, "visit_detector_summary", "SourceTable", "One row of facts.")


class CalibrateImageConfig(PipelineTaskConfig, pipelineConnections=CalibrateImageConnections):
    """Configuration of `CalibrateImageTask`."""

    color_terms = DictField[str, str](
        doc="Name of the colour terms for each instrument; see uraniborg.algorithms.photometry.COLOR_TERMS.",
        default={"DECam": "decam_gaia_dr2", "SimCam": "simcam_gaia"},
    )
    max_shift = RangeField[float](doc="Largest error of the first-guess projection [arcsec]", default=60.0, min=0.0)
    max_rotation = RangeField[float](doc="Its largest turn [deg]", default=2.0, min=0.0)
    match_radius = RangeField[float](doc="Largest separation of a matched pair [arcsec]", default=0.5, min=0.0)
    min_snr = RangeField[float](doc="Signal-to-noise ratio of the faintest source to match []", default=10.0, min=0.0)
    position_floor = RangeField[float](
        doc="Error of a position that more light does not lower, where stars are too few to tell it [mas]",
        default=15.0,
        min=0.0,
    )
    unknown_motion = RangeField[float](
        doc="Dispersion of the motion of stars of which the catalogue gives none [mas/yr]", default=8.0, min=0.0
    )
    max_model = ChoiceField[str](
        doc="Richest correction of the projection.", default="cubic", allowed={name: f"{name}." for name in MODELS}
    )
    min_astrometry_stars = RangeField[int](doc="Fewest stars for a refined projection.", default=2, min=1)
    min_photometry_stars = RangeField[int](doc="Fewest stars for a zero point.", default=2, min=1)
    photometry_degree = RangeField[int](doc="Highest degree of the zero point's variation.", default=2, min=0)


class CalibrateImageTask(PipelineTask):
    """Astrometry and photometry of one detector of one visit; too few stars for a match keep the first guess."""

    ConfigClass = CalibrateImageConfig
    _DefaultName = "calibrateImage"
    config: CalibrateImageConfig

    def runQuantum(
        self, butlerQC: QuantumContext, inputRefs: InputQuantizedConnection, outputRefs: OutputQuantizedConnection
    ) -> None:
        """Load the shards of the reference catalogue and run."""
        start = time.monotonic()
        inputs = butlerQC.get(inputRefs)
        shards = [handle.get() for handle in inputs.pop("references")]
        butlerQC.put(outputs := self.run(**inputs, references=vstack(shards, metadata_conflicts="silent")), outputRefs)
        row = outputs.visit_detector_summary[0]
        if outputs.failure:
            _LOG.warning("visit %d detector %d: %s", row["visitId"], row["detector"], outputs.failure)
        _LOG.info(_REPORT, *(row[name] for name in _REPORTED), time.monotonic() - start)

    def run(self, *, image: VisitImage, sources: Table, references: Table) -> Struct:
        """Calibrate.

        Parameters
        ----------
        image : lsst.images.VisitImage
            In electron, background subtracted.
        sources : astropy.table.Table
            Rows of ``PreliminarySource``.
        references : astropy.table.Table
            Rows of ``ReferenceObject``.

        Returns
        -------
        lsst.pipe.base.Struct
            ``visit_image``, ``source``, ``astrometry_match``, ``visit_detector_summary``, and ``failure`` (str, why
            the projection was not refined; empty if it was).

        Raises
        ------
        AlgorithmError
            If there are too few stars for a zero point.
        UserError
            If there are no colour terms for the instrument.
        """
        config = self.config
        instrument = image.sky_projection.pixel_frame.instrument
        if instrument not in config.color_terms:
            raise UserError(f"no colour terms for {instrument!r} in color_terms = {dict(config.color_terms)}")
        settings = {name: getattr(config, name) for name in _SETTINGS}
        terms = color_terms(config.color_terms[instrument])
        calibration = solve_calibration(image, sources, references, terms=terms, **settings)
        source, stats = source_table(sources, calibration), summary_stats(calibration)
        return Struct(
            visit_image=calibrated_image(calibration, stats),
            source=source,
            astrometry_match=match_table(source, calibration),
            visit_detector_summary=summary_table(source, calibration, stats),
            failure=calibration.astrometry.failure,
        )
