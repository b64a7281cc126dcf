"""Combine biases."""

from __future__ import annotations

from collections.abc import Sequence

import lsst.pipe.base.connectionTypes as cT
from lsst.pex.config import RangeField
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections, Struct

from uraniborg.model.calibrations import CrosstalkModel
from uraniborg.tasks.common.calib_frames import Label, LazyFrame
from uraniborg.tasks.common.calib_images import combine_biases
from uraniborg.tasks.common.calib_task import CalibrationTask, known_calibration

__all__ = ("CpBiasConfig", "CpBiasConnections", "CpBiasTask")

_DIMENSIONS = ("instrument", "detector")


class CpBiasConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Biases in, their clipped mean out."""

    raws = cT.Input(
        doc="Bias exposures.",
        name="raw",
        storageClass="RawFrame",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
        deferLoad=True,
    )
    crosstalk = known_calibration(
        "crosstalk", "CrosstalkModel", "Crosstalk; not corrected where there is none.", needed=False
    )
    bias = cT.Output(
        doc="Bias [adu].",
        name="bias",
        storageClass="MaskedImageV2",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )
    numbers = cT.Output(
        doc="Read noise of each amplifier and what was combined.",
        name="bias_numbers",
        storageClass="MetricTable",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )


class CpBiasConfig(PipelineTaskConfig, pipelineConnections=CpBiasConnections):
    """Configuration of `CpBiasTask`."""

    clip = RangeField[float](doc="Values this far from the others are left out [sigma]", default=5.0, min=2.0)


class CpBiasTask(CalibrationTask):
    """The clipped mean of biases without the level of their overscans; read noise from their differences."""

    ConfigClass = CpBiasConfig
    _DefaultName = "cpBias"
    config: CpBiasConfig

    def run(  # type: ignore[override]
        self,
        *,
        label: Label,
        frames: Sequence[LazyFrame],
        crosstalk: CrosstalkModel | None = None,
    ) -> Struct:
        """Combine biases.

        Parameters
        ----------
        label : Label
            Whose calibration it is.
        frames : sequence of LazyFrame
            Biases.
        crosstalk : CrosstalkModel, optional
            Crosstalk.

        Returns
        -------
        lsst.pipe.base.Struct
            ``bias`` (`lsst.images.MaskedImage`, adu), ``numbers`` (dict).
        """
        bias, numbers = combine_biases(frames, crosstalk=crosstalk, clip=self.config.clip)
        return Struct(bias=bias, numbers=numbers)
