"""Combine the warps of one band into the coadd of a patch."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import lsst.pipe.base.connectionTypes as cT
from lsst.images import Box
from lsst.images.cells import CellCoadd
from lsst.pex.config import ListField, RangeField
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from uraniborg.model.masks import UNUSABLE_PLANES
from uraniborg.tasks.common.coadds import CARRIED_PLANES, coadd_warps, union_box

__all__ = ("AssembleCoaddConfig", "AssembleCoaddConnections", "AssembleCoaddTask")

_LOG = logging.getLogger(__name__)


class AssembleCoaddConnections(PipelineTaskConnections, dimensions=("skymap", "tract", "patch", "band")):
    """Warps in, coadd out."""

    warps = cT.Input(
        doc="Warps of all visits of the band.",
        name="direct_warp",
        storageClass="CellCoadd",
        dimensions=("skymap", "tract", "patch", "instrument", "visit"),
        multiple=True,
        deferLoad=True,
    )
    coadd = cT.Output(
        doc="Weighted mean of the warps.",
        name="deep_coadd",
        storageClass="CellCoadd",
        dimensions=("skymap", "tract", "patch", "band"),
    )


class AssembleCoaddConfig(PipelineTaskConfig, pipelineConnections=AssembleCoaddConnections):
    """Configuration of `AssembleCoaddTask`."""

    exclude = ListField[str](doc="Mask planes of pixels that do not enter.", default=list(UNUSABLE_PLANES))
    carry_share = RangeField[float](
        doc="Share of the weight that must be saturated, interpolated or suspect for the coadd to be so []",
        default=0.1,
        min=0.0,
        max=1.0,
    )


class AssembleCoaddTask(PipelineTask):
    """Inverse-variance weighted mean of the warps of one band on one patch."""

    ConfigClass = AssembleCoaddConfig
    _DefaultName = "assembleCoadd"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read the warps one at a time, in the order of their visits."""
        start = time.monotonic()
        handles = sorted(
            butlerQC.get(inputRefs.warps), key=lambda handle: (handle.dataId["instrument"], handle.dataId["visit"])
        )
        bbox = union_box(handle.get(component="bbox") for handle in handles)
        outputs = self.run((handle.get() for handle in handles), bbox=bbox)
        butlerQC.put(outputs, outputRefs)
        coadd = outputs.coadd
        _LOG.info(
            "%d of %d visits on %d cells, noise factor %.3f, in %.1f s",
            coadd.metadata["n_visits"],
            len(handles),
            len(list(coadd.bounds.cell_indices())),
            coadd.metadata["noise_factor"],
            time.monotonic() - start,
        )

    def run(self, warps: Iterable[CellCoadd], *, bbox: Box) -> Struct:
        """Combine warps.

        Parameters
        ----------
        warps : iterable of lsst.images.cells.CellCoadd
            Warps of one patch and band.
        bbox : lsst.images.Box
            Whole cells that hold them all.

        Returns
        -------
        lsst.pipe.base.Struct
            ``coadd``: `lsst.images.cells.CellCoadd`.

        Raises
        ------
        lsst.pipe.base.NoWorkFound
            If no pixel has data.
        """
        carry = dict.fromkeys(CARRIED_PLANES, self.config.carry_share)
        return Struct(coadd=coadd_warps(warps, bbox, exclude=self.config.exclude, carry=carry))
