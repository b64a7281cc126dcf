"""Fit one smooth sky to all detectors of a visit: what their meshes took too much comes back."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import lsst.pipe.base.connectionTypes as cT
from lsst.images import VisitImage
from lsst.pex.config import RangeField
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

from uraniborg.core.errors import Unprocessable
from uraniborg.tasks.common.sky_correction import sky_correction_table

__all__ = ("FitVisitSkyConfig", "FitVisitSkyConnections", "FitVisitSkyTask")

_LOG = logging.getLogger(__name__)


class FitVisitSkyConnections(PipelineTaskConnections, dimensions=("instrument", "visit")):
    """The meshes of all detectors in, one table of corrections out."""

    images = cT.Input(
        doc="Image of each detector, its mesh subtracted.",
        name="preliminary_visit_image",
        storageClass="VisitImage",
        dimensions=("instrument", "visit", "detector"),
        multiple=True,
        deferLoad=True,
    )
    sky_correction = cT.Output(
        doc="What to add to the image of each detector to have the sky of the visit subtracted instead of its mesh.",
        name="sky_correction",
        storageClass="SourceTable",
        dimensions=("instrument", "visit"),
    )


class FitVisitSkyConfig(PipelineTaskConfig, pipelineConnections=FitVisitSkyConnections):
    """Configuration of `FitVisitSkyTask`."""

    order = RangeField[int](doc="Highest degree of the sky over the focal plane.", default=4, min=0, max=10)


class FitVisitSkyTask(PipelineTask):
    """Tell the sky, which is smooth over the focal plane, from the halos that a mesh follows."""

    ConfigClass = FitVisitSkyConfig
    _DefaultName = "fitVisitSky"
    config: FitVisitSkyConfig

    def runQuantum(
        self, butlerQC: QuantumContext, inputRefs: InputQuantizedConnection, outputRefs: OutputQuantizedConnection
    ) -> None:
        """Run, and say in one line what was found."""
        outputs = self.run(images=(handle.get() for handle in butlerQC.get(inputRefs.images)))
        butlerQC.put(outputs, outputRefs)
        table = outputs.sky_correction
        _LOG.info(
            "visit %d: sky of %d cells, rms %.2f electron about a surface of degree %d",
            *(table.meta["visit"], len(table), table.meta["rms"], self.config.order),
        )

    def run(self, *, images: Iterable[VisitImage]) -> Struct:
        """Fit.

        Parameters
        ----------
        images : iterable of lsst.images.VisitImage
            Detectors of one visit.

        Returns
        -------
        lsst.pipe.base.Struct
            ``sky_correction`` (`astropy.table.Table`, ``SkyCorrection``).

        Raises
        ------
        lsst.pipe.base.NoWorkFound
            If the visit has fewer cells than the surface has parameters.
        """
        try:
            return Struct(sky_correction=sky_correction_table(images, order=self.config.order))
        except Unprocessable as error:
            raise NoWorkFound(str(error)) from error
