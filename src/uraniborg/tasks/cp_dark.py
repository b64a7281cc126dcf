"""Combine darks."""

from __future__ import annotations

from collections.abc import Sequence

import lsst.pipe.base.connectionTypes as cT
from lsst.images import MaskedImage
from lsst.pex.config import RangeField
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections, Struct

from uraniborg.model.calibrations import AmplifierGains, CrosstalkModel, LinearityModel
from uraniborg.tasks.common.calib_frames import Label, LazyFrame
from uraniborg.tasks.common.calib_images import LightPath, combine_darks
from uraniborg.tasks.common.calib_task import CalibrationTask, known_calibration

__all__ = ("CpDarkConfig", "CpDarkConnections", "CpDarkTask")

_DIMENSIONS = ("instrument", "detector")


class CpDarkConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Darks in, the dark current out."""

    raws = cT.Input(
        doc="Dark exposures.",
        name="raw",
        storageClass="RawFrame",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
        deferLoad=True,
    )
    bias = known_calibration("bias", "MaskedImageV2", "Bias [adu].")
    gains = known_calibration("gain", "AmplifierGains", "Gains and read noises.")
    linearizer = known_calibration(
        "linearizer", "LinearityModel", "Linearity; not corrected where there is none.", needed=False
    )
    crosstalk = known_calibration(
        "crosstalk", "CrosstalkModel", "Crosstalk; not corrected where there is none.", needed=False
    )
    dark = cT.Output(
        doc="Dark current [electron/s].",
        name="dark",
        storageClass="MaskedImageV2",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )


class CpDarkConfig(PipelineTaskConfig, pipelineConnections=CpDarkConnections):
    """Configuration of `CpDarkTask`."""

    clip = RangeField[float](doc="Values this far from the others are left out [sigma]", default=5.0, min=2.0)


class CpDarkTask(CalibrationTask):
    """The clipped mean of darks without bias, for each second since the clearing of the detector."""

    ConfigClass = CpDarkConfig
    _DefaultName = "cpDark"
    config: CpDarkConfig

    def run(  # type: ignore[override]
        self,
        *,
        label: Label,
        frames: Sequence[LazyFrame],
        bias: MaskedImage,
        gains: AmplifierGains,
        linearizer: LinearityModel | None = None,
        crosstalk: CrosstalkModel | None = None,
    ) -> Struct:
        """Combine darks.

        Parameters
        ----------
        label : Label
            Whose calibration it is.
        frames : sequence of LazyFrame
            Darks.
        bias : lsst.images.MaskedImage
            Bias.
        gains : AmplifierGains
            Gains.
        linearizer : LinearityModel, optional
            Linearity.
        crosstalk : CrosstalkModel, optional
            Crosstalk.

        Returns
        -------
        lsst.pipe.base.Struct
            ``dark`` (`lsst.images.MaskedImage`, electron/s).
        """
        path = LightPath(bias=bias, gains=gains, linearizer=linearizer, crosstalk=crosstalk)
        return Struct(dark=combine_darks(frames, path, clip=self.config.clip))
