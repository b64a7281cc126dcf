"""Warp the calibrated detectors of one visit onto one patch of the sky map."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import lsst.pipe.base.connectionTypes as cT
from lsst.images import SkyProjection, TractFrame, VisitImage
from lsst.images.cells import PatchDefinition
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

from uraniborg.tasks.common.visit_warps import warp_visit

__all__ = ("MakeDirectWarpConfig", "MakeDirectWarpConnections", "MakeDirectWarpTask")

_LOG = logging.getLogger(__name__)


class MakeDirectWarpConnections(
    PipelineTaskConnections, dimensions=("skymap", "tract", "patch", "instrument", "visit")
):
    """Visit images in, warp out."""

    sky_map = cT.PrerequisiteInput(
        doc="Geometry of tracts and patches.", name="skyMap", storageClass="TractSkyMap", dimensions=("skymap",)
    )
    visit_images = cT.Input(
        doc="Calibrated detectors of the visit that overlap the patch.",
        name="visit_image",
        storageClass="VisitImage",
        dimensions=("instrument", "visit", "detector"),
        multiple=True,
        deferLoad=True,
    )
    direct_warp = cT.Output(
        doc="The visit on the pixels of the patch, with its PSF in each cell.",
        name="direct_warp",
        storageClass="CellCoadd",
        dimensions=("skymap", "tract", "patch", "instrument", "visit"),
    )


class MakeDirectWarpConfig(PipelineTaskConfig, pipelineConnections=MakeDirectWarpConnections):
    """Configuration of `MakeDirectWarpTask`."""

    psf_size = RangeField[int](doc="Side of the PSF stamp of each cell, odd [pixel]", default=41, min=11, max=151)

    def validate(self) -> None:
        """Check that the stamps have a middle pixel."""
        super().validate()
        if self.psf_size % 2 == 0:
            raise ValueError(f"psf_size is {self.psf_size}; it must be odd")


class MakeDirectWarpTask(PipelineTask):
    """Warp one visit onto one patch."""

    ConfigClass = MakeDirectWarpConfig
    _DefaultName = "makeDirectWarp"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read the detectors one at a time, in the order of their numbers."""
        start = time.monotonic()
        data_id = butlerQC.quantum.dataId
        tract = butlerQC.get(inputRefs.sky_map).tract(data_id["tract"])
        handles = sorted(butlerQC.get(inputRefs.visit_images), key=lambda handle: handle.dataId["detector"])
        outputs = self.run(
            (handle.get() for handle in handles),
            projection=tract.sky_projection(str(data_id["skymap"])),
            patch=tract.patch(data_id["patch"]).definition(),
        )
        butlerQC.put(outputs, outputRefs)
        warp = outputs.direct_warp
        _LOG.info(
            "%d detectors on %d cells, noise factor %.3f, in %.1f s",
            len(warp.provenance.inputs),
            len(list(warp.bounds.cell_indices())),
            warp.metadata["noise_factor"],
            time.monotonic() - start,
        )

    def run(
        self, visit_images: Iterable[VisitImage], *, projection: SkyProjection[TractFrame], patch: PatchDefinition
    ) -> Struct:
        """Warp one visit.

        Parameters
        ----------
        visit_images : iterable of lsst.images.VisitImage
            Calibrated detectors of one visit.
        projection : lsst.images.SkyProjection
            Of the tract.
        patch : lsst.images.cells.PatchDefinition
            Where to.

        Returns
        -------
        lsst.pipe.base.Struct
            ``direct_warp``: the `lsst.images.cells.CellCoadd` of `uraniborg.tasks.common.visit_warps.warp_visit`.

        Raises
        ------
        lsst.pipe.base.NoWorkFound
            If the visit has no pixel on the patch.
        """
        return Struct(direct_warp=warp_visit(visit_images, projection, patch, psf_size=self.config.psf_size))
