"""Measure the flux of every difference object on every difference image."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import lsst.pipe.base.connectionTypes as cT
import numpy as np
from astropy.table import Table
from astropy.time import Time
from lsst.images import DifferenceImage, VisitImage
from lsst.pipe.base import (
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from uraniborg.core.ids import source_ids
from uraniborg.model.projections import sky_to_pixel
from uraniborg.tasks.common.dia_objects import stack_tables
from uraniborg.tasks.common.dia_sources import forced_on
from uraniborg.tasks.common.dia_tables import dia_table
from uraniborg.tasks.common.reference_stars import midpoint_mjd

__all__ = ("ForcedDiaPhotometryConfig", "ForcedDiaPhotometryConnections", "ForcedDiaPhotometryTask")

_LOG = logging.getLogger(__name__)


class ForcedDiaPhotometryConnections(PipelineTaskConnections, dimensions=("instrument", "visit", "detector", "skymap")):
    """Objects, difference and visit image in, fluxes out."""

    difference_image = cT.Input(
        doc="Visit image minus matched template.",
        name="difference_image",
        storageClass="DifferenceImage",
        dimensions=("instrument", "visit", "detector"),
    )
    visit_image = cT.Input(
        doc="Calibrated detector.",
        name="visit_image",
        storageClass="VisitImage",
        dimensions=("instrument", "visit", "detector"),
    )
    dia_objects = cT.Input(
        doc="Objects of the tracts that overlap the detector.",
        name="dia_object",
        storageClass="SourceTable",
        dimensions=("skymap", "tract"),
        multiple=True,
    )
    dia_forced_source = cT.Output(
        doc="Flux of each object on the detector.",
        name="dia_forced_source",
        storageClass="SourceTable",
        dimensions=("instrument", "visit", "detector", "skymap"),
    )


class ForcedDiaPhotometryConfig(PipelineTaskConfig, pipelineConnections=ForcedDiaPhotometryConnections):
    """Configuration of `ForcedDiaPhotometryTask`."""


class ForcedDiaPhotometryTask(PipelineTask):
    """Point-source fluxes at the mean positions of difference objects."""

    ConfigClass = ForcedDiaPhotometryConfig
    _DefaultName = "forcedDiaPhotometry"

    def runQuantum(
        self, butlerQC: QuantumContext, inputRefs: InputQuantizedConnection, outputRefs: OutputQuantizedConnection
    ) -> None:
        """Read, run, write."""
        start = time.monotonic()
        outputs = self.run(**butlerQC.get(inputRefs), processed=Time.now().tai.mjd)
        butlerQC.put(outputs, outputRefs)
        table = outputs.dia_forced_source
        missing = int(np.isnan(table["psfFlux"]).sum())
        _LOG.info("%d objects, %d without flux, in %.1f s", len(table), missing, time.monotonic() - start)

    def run(
        self,
        difference_image: DifferenceImage,
        visit_image: VisitImage,
        dia_objects: Sequence[Table],
        *,
        processed: float,
    ) -> Struct:
        """Measure.

        Parameters
        ----------
        difference_image : lsst.images.DifferenceImage
            Difference with white noise.
        visit_image : lsst.images.VisitImage
            The image it was made from.
        dia_objects : sequence of astropy.table.Table
            Rows of ``DiaObject``.
        processed : float
            When this is done [MJD TAI].

        Returns
        -------
        lsst.pipe.base.Struct
            ``dia_forced_source``: `astropy.table.Table`, rows of ``DiaForcedSource`` for the objects on the detector,
            ordered by object.

        Raises
        ------
        lsst.pipe.base.NoWorkFound
            If no object lies on the detector.
        """
        objects = stack_tables(dia_objects, "DiaObject")
        if not len(objects):
            raise NoWorkFound("no difference object lies on the detector: there are none in its tracts")
        ra, dec = np.asarray(objects["ra"]), np.asarray(objects["dec"])
        x, y = sky_to_pixel(visit_image.sky_projection, ra, dec)
        inside = np.asarray(visit_image.bbox.contains(x=x, y=y), dtype=bool)
        chosen = np.flatnonzero(inside)
        if not chosen.size:
            raise NoWorkFound("no difference object lies on the detector")
        chosen = chosen[np.argsort(np.asarray(objects["diaObjectId"])[chosen])]
        difference, science = (forced_on(image, ra[chosen], dec[chosen]) for image in (difference_image, visit_image))
        frame = visit_image.sky_projection.pixel_frame
        columns = {
            "diaForcedSourceId": source_ids(frame.visit, frame.detector, chosen.size),
            "diaObjectId": np.asarray(objects["diaObjectId"])[chosen],
            "ra": ra[chosen],
            "dec": dec[chosen],
            "visit": frame.visit,
            "detector": frame.detector,
            "psfFlux": difference.flux,
            "psfFluxErr": difference.flux_err,
            "midpointMjdTai": midpoint_mjd(visit_image),
            "scienceFlux": science.flux,
            "scienceFluxErr": science.flux_err,
            "band": visit_image.band,
            "timeProcessedMjdTai": processed,
        }
        return Struct(dia_forced_source=dia_table("DiaForcedSource", chosen.size, columns))
