"""Combine the warps of all other visits of a band into the template of one visit on a patch."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Iterable

import lsst.pipe.base.connectionTypes as cT
from lsst.daf.butler import DataCoordinate
from lsst.images import Box
from lsst.images.cells import CellCoadd
from lsst.pex.config import ListField, RangeField
from lsst.pipe.base import (
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantaAdjuster,
    QuantumContext,
    Struct,
)

from uraniborg.model.masks import UNUSABLE_PLANES
from uraniborg.tasks.common.coadds import CARRIED_PLANES, coadd_warps, union_box

__all__ = ("AssembleTemplateConfig", "AssembleTemplateConnections", "AssembleTemplateTask")

_LOG = logging.getLogger(__name__)
_DIMENSIONS = ("skymap", "tract", "patch", "instrument", "visit")


class AssembleTemplateConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Warps in, template out.

    The graph builder gives each quantum the warp of its own visit, as dimensions say; `adjust_all_quanta` adds those
    of the other visits of the band that are in the same graph. The own warp shapes the graph and is never read.
    """

    warps = cT.Input(
        doc="Warps of the visits of one band, the own one among them.",
        name="direct_warp",
        storageClass="CellCoadd",
        dimensions=_DIMENSIONS,
        multiple=True,
        deferLoad=True,
    )
    template = cT.Output(
        doc="Weighted mean of the warps of the other visits.",
        name="template_coadd",
        storageClass="CellCoadd",
        dimensions=_DIMENSIONS,
    )

    def adjust_all_quanta(self, adjuster: QuantaAdjuster) -> None:
        """Give each quantum the warps of the other visits of its patch, instrument and band; drop those without."""
        groups: dict[tuple[object, ...], list[DataCoordinate]] = defaultdict(list)
        for data_id in list(adjuster.iter_data_ids()):
            full = adjuster.expand_quantum_data_id(data_id)
            groups[tuple(full[key] for key in ("skymap", "tract", "patch", "instrument", "band"))].append(data_id)
        for members in groups.values():
            for data_id in members:
                if len(members) == 1:
                    adjuster.remove_quantum(data_id)
                for other in members:
                    if other != data_id:
                        adjuster.add_input(data_id, "warps", other)


class AssembleTemplateConfig(PipelineTaskConfig, pipelineConnections=AssembleTemplateConnections):
    """Configuration of `AssembleTemplateTask`."""

    exclude = ListField[str](doc="Mask planes of pixels that do not enter.", default=list(UNUSABLE_PLANES))
    carry_share = RangeField[float](
        doc="Share of the weight that must be saturated, interpolated or suspect for the template to be so []",
        default=0.1,
        min=0.0,
        max=1.0,
    )


class AssembleTemplateTask(PipelineTask):
    """Inverse-variance weighted mean of the warps of the other visits."""

    ConfigClass = AssembleTemplateConfig
    _DefaultName = "assembleTemplate"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read the warps of the other visits one at a time, in their order."""
        start = time.monotonic()
        visit = butlerQC.quantum.dataId["visit"]
        handles = sorted(butlerQC.get(inputRefs.warps), key=lambda handle: handle.dataId["visit"])
        others = [handle for handle in handles if handle.dataId["visit"] != visit]
        if len(others) == len(handles):
            raise NoWorkFound(f"visit {visit} has no data on the patch, so it needs no template")
        if not others:
            raise NoWorkFound(f"no other visit of the band of visit {visit} has data on the patch")
        bbox = union_box(handle.get(component="bbox") for handle in others)
        outputs = self.run((handle.get() for handle in others), bbox=bbox)
        butlerQC.put(outputs, outputRefs)
        _LOG.info(
            "template of visit %d from %d other visits in %.1f s",
            visit,
            outputs.template.metadata["n_visits"],
            time.monotonic() - start,
        )

    def run(self, warps: Iterable[CellCoadd], *, bbox: Box) -> Struct:
        """Combine the warps of the other visits.

        Parameters
        ----------
        warps : iterable of lsst.images.cells.CellCoadd
            Warps of one patch and band.
        bbox : lsst.images.Box
            Whole cells that hold them all.

        Returns
        -------
        lsst.pipe.base.Struct
            ``template``: `lsst.images.cells.CellCoadd`.

        Raises
        ------
        lsst.pipe.base.NoWorkFound
            If no pixel has data.
        """
        carry = dict.fromkeys(CARRIED_PLANES, self.config.carry_share)
        return Struct(template=coadd_warps(warps, bbox, exclude=self.config.exclude, carry=carry))
