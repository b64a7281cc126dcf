"""Measure crosstalk."""

from __future__ import annotations

from collections.abc import Sequence

import lsst.pipe.base.connectionTypes as cT
from lsst.images import MaskedImage
from lsst.pex.config import RangeField
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections, Struct

from uraniborg.tasks.common.calib_amplifiers import measure_crosstalk
from uraniborg.tasks.common.calib_frames import Label, LazyFrame
from uraniborg.tasks.common.calib_task import CalibrationTask, known_calibration

__all__ = ("CpCrosstalkConfig", "CpCrosstalkConnections", "CpCrosstalkTask")

_DIMENSIONS = ("instrument", "detector")


class CpCrosstalkConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Bright spots in, crosstalk out."""

    raws = cT.Input(
        doc="Exposures with bright spots.",
        name="raw",
        storageClass="RawFrame",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
        deferLoad=True,
    )
    bias = known_calibration("bias", "MaskedImageV2", "Bias [adu].")
    crosstalk = cT.Output(
        doc="Crosstalk.",
        name="crosstalk",
        storageClass="CrosstalkModel",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )


class CpCrosstalkConfig(PipelineTaskConfig, pipelineConnections=CpCrosstalkConnections):
    """Configuration of `CpCrosstalkTask`."""

    bright = RangeField[float](doc="Pixels brighter than this show crosstalk elsewhere [adu]", default=10000.0, min=0.0)


class CpCrosstalkTask(CalibrationTask):
    """Crosstalk coefficients from bright spots: all sources are fitted together."""

    ConfigClass = CpCrosstalkConfig
    _DefaultName = "cpCrosstalk"
    config: CpCrosstalkConfig

    def run(  # type: ignore[override]
        self,
        *,
        label: Label,
        frames: Sequence[LazyFrame],
        bias: MaskedImage,
    ) -> Struct:
        """Measure crosstalk.

        Parameters
        ----------
        label : Label
            Whose calibration it is.
        frames : sequence of LazyFrame
            Exposures with spots.
        bias : lsst.images.MaskedImage
            Bias.

        Returns
        -------
        lsst.pipe.base.Struct
            ``crosstalk`` (`CrosstalkModel`).
        """
        return Struct(crosstalk=measure_crosstalk(frames, label, bias=bias, bright=self.config.bright))
