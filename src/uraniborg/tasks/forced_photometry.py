"""Measure the flux of every object on every visit image."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import lsst.pipe.base.connectionTypes as cT
from astropy.table import Table
from lsst.images import VisitImage
from lsst.pex.config import Field
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

from uraniborg.model.tables import conform
from uraniborg.tasks.common.forced import forced_columns, objects_on

__all__ = ("ForcedPhotometryConfig", "ForcedPhotometryConnections", "ForcedPhotometryTask")

_LOG = logging.getLogger(__name__)


class ForcedPhotometryConnections(PipelineTaskConnections, dimensions=("instrument", "visit", "detector", "skymap")):
    """Objects and a visit image in, fluxes out."""

    visit_image = cT.Input(
        doc="Calibrated image.",
        name="visit_image",
        storageClass="VisitImage",
        dimensions=("instrument", "visit", "detector"),
    )
    objects = cT.Input(
        doc="Objects of the patches that overlap the detector.",
        name="object",
        storageClass="SourceTable",
        dimensions=("skymap", "tract", "patch"),
        multiple=True,
        deferLoad=True,
    )
    forced_source = cT.Output(
        doc="Flux of each object on the detector.",
        name="forced_source",
        storageClass="SourceTable",
        dimensions=("instrument", "visit", "detector", "skymap"),
    )


class ForcedPhotometryConfig(PipelineTaskConfig, pipelineConnections=ForcedPhotometryConnections):
    """Configuration of `ForcedPhotometryTask`."""

    local_background = Field[bool](
        doc="Whether a constant is fitted together with each flux; safer on poor backgrounds, noisier on good ones.",
        default=False,
    )


class ForcedPhotometryTask(PipelineTask):
    """Point-source fluxes at the positions of primary objects, neighbours fitted together."""

    ConfigClass = ForcedPhotometryConfig
    _DefaultName = "forcedPhotometry"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read only the columns that are needed."""
        start = time.monotonic()
        columns = ["objectId", "tract", "patch", "coord_ra", "coord_dec", "detect_isPrimary"]
        handles = sorted(butlerQC.get(inputRefs.objects), key=lambda h: (h.dataId["tract"], h.dataId["patch"]))
        objects = [handle.get(parameters={"columns": columns}) for handle in handles]
        outputs = self.run(butlerQC.get(inputRefs.visit_image), objects=objects)
        butlerQC.put(outputs, outputRefs)
        table = outputs.forced_source
        _LOG.info(
            "%d objects, %d without flux, in %.1f s",
            len(table),
            table["psfFlux_flag"].sum(),
            time.monotonic() - start,
        )

    def run(self, visit_image: VisitImage, *, objects: Sequence[Table]) -> Struct:
        """Measure.

        Parameters
        ----------
        visit_image : lsst.images.VisitImage
            In nJy.
        objects : sequence of astropy.table.Table
            Rows of ``Object``: ``objectId``, ``tract``, ``patch``, ``coord_ra``, ``coord_dec``,
            ``detect_isPrimary``.

        Returns
        -------
        lsst.pipe.base.Struct
            ``forced_source``: `astropy.table.Table`, rows of ``ForcedSource``.

        Raises
        ------
        lsst.pipe.base.NoWorkFound
            If no primary object lies on the detector.
        """
        chosen = objects_on(visit_image, objects)
        if not len(chosen):
            raise NoWorkFound("no primary object lies on the detector")
        columns = forced_columns(visit_image, chosen, local_background=self.config.local_background)
        return Struct(forced_source=conform(columns, "ForcedSource"))
