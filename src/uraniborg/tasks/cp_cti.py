"""Measure charge transfer."""

from __future__ import annotations

from collections.abc import Sequence

import lsst.pipe.base.connectionTypes as cT
from lsst.pex.config import RangeField
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections, Struct

from uraniborg.tasks.common.calib_amplifiers import measure_charge_transfer
from uraniborg.tasks.common.calib_frames import Label, LazyFrame
from uraniborg.tasks.common.calib_task import CalibrationTask

__all__ = ("CpCtiConfig", "CpCtiConnections", "CpCtiTask")

_DIMENSIONS = ("instrument", "detector")


class CpCtiConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Flats in, charge transfer out."""

    raws = cT.Input(
        doc="Flat exposures.",
        name="raw",
        storageClass="RawFrame",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
        deferLoad=True,
    )
    cti = cT.Output(
        doc="Charge transfer.",
        name="cti",
        storageClass="ChargeTransferModel",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )


class CpCtiConfig(PipelineTaskConfig, pipelineConnections=CpCtiConnections):
    """Configuration of `CpCtiTask`."""

    faintest = RangeField[float](doc="Fainter flats are left out [adu]", default=5000.0, min=0.0)


class CpCtiTask(CalibrationTask):
    """Charge transfer from the charge that trails into the overscans of flats."""

    ConfigClass = CpCtiConfig
    _DefaultName = "cpCti"
    config: CpCtiConfig

    def run(  # type: ignore[override]
        self,
        *,
        label: Label,
        frames: Sequence[LazyFrame],
    ) -> Struct:
        """Measure charge transfer.

        Parameters
        ----------
        label : Label
            Whose calibration it is.
        frames : sequence of LazyFrame
            Flats.

        Returns
        -------
        lsst.pipe.base.Struct
            ``cti`` (`ChargeTransferModel`).
        """
        return Struct(cti=measure_charge_transfer(frames, label, faintest=self.config.faintest))
