"""Detect objects on the coadds of all bands of a patch and measure them."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import lsst.pipe.base.connectionTypes as cT
from lsst.images.cells import CellCoadd
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

from uraniborg.core.errors import UserError
from uraniborg.model.skymap import SkyMap
from uraniborg.tasks.common.object_table import BANDS, object_table
from uraniborg.tasks.common.objects import detect_objects, load_bands, measure_objects

__all__ = ("MeasureObjectsConfig", "MeasureObjectsConnections", "MeasureObjectsTask")

_LOG = logging.getLogger(__name__)


class MeasureObjectsConnections(PipelineTaskConnections, dimensions=("skymap", "tract", "patch")):
    """Coadds in, one table of objects out."""

    sky_map = cT.PrerequisiteInput(
        doc="Geometry of tracts and patches.", name="skyMap", storageClass="TractSkyMap", dimensions=("skymap",)
    )
    coadds = cT.Input(
        doc="Coadds of the patch, one for each band.",
        name="deep_coadd",
        storageClass="CellCoadd",
        dimensions=("skymap", "tract", "patch", "band"),
        multiple=True,
    )
    objects = cT.Output(
        doc="Objects of the patch.", name="object", storageClass="SourceTable", dimensions=("skymap", "tract", "patch")
    )


class MeasureObjectsConfig(PipelineTaskConfig, pipelineConnections=MeasureObjectsConnections):
    """Configuration of `MeasureObjectsTask`."""

    threshold = RangeField[float](
        doc="Significance that noise of one band reaches as often as the level used in all bands [standard deviation]",
        default=5.0,
        min=0.0,
        inclusiveMin=False,
    )
    prominence = RangeField[float](
        doc="Significance by which a peak stands out from a higher one nearby [standard deviation]",
        default=2.0,
        min=0.0,
    )


class MeasureObjectsTask(PipelineTask):
    """Joint detection on all bands, then forced measurement in each."""

    ConfigClass = MeasureObjectsConfig
    _DefaultName = "measureObjects"

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Read, run and write."""
        start = time.monotonic()
        data_id = butlerQC.quantum.dataId
        inputs = butlerQC.get(inputRefs)
        outputs = self.run(
            inputs["coadds"], sky_map=inputs["sky_map"], tract_id=data_id["tract"], patch_id=data_id["patch"]
        )
        butlerQC.put(outputs, outputRefs)
        _LOG.info(
            "%d objects, %d of them primary, on %d bands in %.1f s",
            len(outputs.objects),
            outputs.objects["detect_isPrimary"].sum(),
            len(inputs["coadds"]),
            time.monotonic() - start,
        )

    def run(self, coadds: Sequence[CellCoadd], *, sky_map: SkyMap, tract_id: int, patch_id: int) -> Struct:
        """Detect and measure.

        Parameters
        ----------
        coadds : sequence of lsst.images.cells.CellCoadd
            One for each band.
        sky_map : SkyMap
            Geometry.
        tract_id, patch_id : int
            Where the coadds lie.

        Returns
        -------
        lsst.pipe.base.Struct
            ``objects``: `astropy.table.Table`, rows of ``Object``.

        Raises
        ------
        UserError
            If the table has no columns for a band.
        """
        unknown = sorted({str(coadd.band) for coadd in coadds} - set(BANDS))
        if unknown:
            raise UserError(f"the Object table has columns for the bands {BANDS}, not for {unknown}")
        box, bands = load_bands(coadds)
        found = detect_objects(bands, threshold=self.config.threshold, prominence=self.config.prominence)
        results = measure_objects(bands, found)
        table = object_table(bands, found, results, box=box, sky_map=sky_map, tract_id=tract_id, patch_id=patch_id)
        return Struct(objects=table)
