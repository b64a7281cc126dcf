"""Detect and measure sources on difference images."""

from __future__ import annotations

import logging
import time

import lsst.pipe.base.connectionTypes as cT
import numpy as np
from astropy.time import Time
from lsst.images import DifferenceImage, VisitImage
from lsst.pex.config import RangeField
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from uraniborg.model.tables import empty_table
from uraniborg.tasks.common.dia_sources import dia_source_rows, measure_difference

__all__ = ("DetectDiaSourcesConfig", "DetectDiaSourcesConnections", "DetectDiaSourcesTask")

_LOG = logging.getLogger(__name__)
_DIMENSIONS = ("instrument", "visit", "detector")


class DetectDiaSourcesConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Difference, visit image and template in, sources out."""

    difference_image = cT.Input(
        doc="Visit image minus matched template.",
        name="difference_image",
        storageClass="DifferenceImage",
        dimensions=_DIMENSIONS,
    )
    visit_image = cT.Input(
        doc="Calibrated detector, for fluxes on it.",
        name="visit_image",
        storageClass="VisitImage",
        dimensions=_DIMENSIONS,
    )
    template_detector = cT.Input(
        doc="Template on the same pixels, for fluxes on it.",
        name="template_detector",
        storageClass="DifferenceImage",
        dimensions=_DIMENSIONS,
    )
    dia_source_detector = cT.Output(
        doc="Sources of both signs, not yet associated.",
        name="dia_source_detector",
        storageClass="SourceTable",
        dimensions=_DIMENSIONS,
    )


class DetectDiaSourcesConfig(PipelineTaskConfig, pipelineConnections=DetectDiaSourcesConnections):
    """Configuration of `DetectDiaSourcesTask`."""

    threshold = RangeField[float](doc="Least signal-to-noise ratio of a source []", default=5.0, min=3.0)
    min_reliability = RangeField[float](
        doc="Least reliability of a source that is kept; Rubin sends alerts from 0.1 on []",
        default=0.1,
        min=0.0,
        max=1.0,
        inclusiveMax=True,
    )


class DetectDiaSourcesTask(PipelineTask):
    """Sources on one difference image, with fluxes on the images it was made from."""

    ConfigClass = DetectDiaSourcesConfig
    _DefaultName = "detectDiaSources"

    def runQuantum(
        self, butlerQC: QuantumContext, inputRefs: InputQuantizedConnection, outputRefs: OutputQuantizedConnection
    ) -> None:
        """Read, run, write."""
        start = time.monotonic()
        outputs = self.run(**butlerQC.get(inputRefs), processed=Time.now().tai.mjd)
        butlerQC.put(outputs, outputRefs)
        table = outputs.dia_source_detector
        _LOG.info(
            "%d sources kept of %d, %d of them negative, in %.1f s",
            len(table),
            outputs.n_detected,
            table["isNegative"].sum(),
            time.monotonic() - start,
        )

    def run(
        self,
        difference_image: DifferenceImage,
        visit_image: VisitImage,
        template_detector: DifferenceImage,
        *,
        processed: float,
    ) -> Struct:
        """Detect and measure.

        Parameters
        ----------
        difference_image : lsst.images.DifferenceImage
            Difference with white noise.
        visit_image : lsst.images.VisitImage
            What the template was subtracted from.
        template_detector : lsst.images.DifferenceImage
            The template.
        processed : float
            When this is done [MJD TAI].

        Returns
        -------
        lsst.pipe.base.Struct
            ``dia_source_detector``: `astropy.table.Table`, rows of ``DiaSource``; ``n_detected``: int, how many there
            were before those of low reliability were left out.
        """
        found = measure_difference(difference_image, threshold=self.config.threshold)
        if found is None:
            return Struct(dia_source_detector=empty_table("DiaSource"), n_detected=0)
        table = dia_source_rows(
            difference_image, found, science=visit_image, template=template_detector, processed=processed
        )
        usable = np.isfinite(table["ra"]) & np.isfinite(table["psfFlux"])
        kept = usable & (np.asarray(table["reliability"]) >= self.config.min_reliability)
        return Struct(dia_source_detector=table[kept], n_detected=len(table))
