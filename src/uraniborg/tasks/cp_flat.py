"""Combine flats of one filter."""

from __future__ import annotations

from collections.abc import Sequence

import lsst.pipe.base.connectionTypes as cT
from lsst.images import MaskedImage
from lsst.pex.config import RangeField
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections, Struct

from uraniborg.model.calibrations import AmplifierGains, CrosstalkModel, DefectList, LinearityModel
from uraniborg.tasks.common.calib_frames import Label, LazyFrame
from uraniborg.tasks.common.calib_images import LightPath, combine_flats
from uraniborg.tasks.common.calib_task import CalibrationTask, known_calibration

__all__ = ("CpFlatConfig", "CpFlatConnections", "CpFlatTask")

_DIMENSIONS = ("instrument", "detector", "physical_filter")


class CpFlatConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Flats in, their clipped mean out."""

    raws = cT.Input(
        doc="Flat exposures.",
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
    dark = known_calibration(
        "dark", "MaskedImageV2", "Dark current [electron/s]; not subtracted where there is none.", needed=False
    )
    defects = known_calibration(
        "defects", "DefectList", "Bad pixels; none are known where there is no list.", needed=False
    )
    flat = cT.Output(
        doc="Response, of median one.",
        name="flat",
        storageClass="MaskedImageV2",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )


class CpFlatConfig(PipelineTaskConfig, pipelineConnections=CpFlatConnections):
    """Configuration of `CpFlatTask`."""

    clip = RangeField[float](doc="Values this far from the others are left out [sigma]", default=5.0, min=2.0)
    lowest = RangeField[float](doc="Fainter flats are left out [electron]", default=5000.0, min=0.0)
    highest = RangeField[float](doc="Brighter flats are left out [electron]", default=70000.0, min=0.0)


class CpFlatTask(CalibrationTask):
    """The clipped mean of flats, each weighted with its level, of median one."""

    ConfigClass = CpFlatConfig
    _DefaultName = "cpFlat"
    config: CpFlatConfig

    def run(  # type: ignore[override]
        self,
        *,
        label: Label,
        frames: Sequence[LazyFrame],
        bias: MaskedImage,
        gains: AmplifierGains,
        linearizer: LinearityModel | None = None,
        crosstalk: CrosstalkModel | None = None,
        dark: MaskedImage | None = None,
        defects: DefectList | None = None,
    ) -> Struct:
        """Combine flats.

        Parameters
        ----------
        label : Label
            Whose calibration it is.
        frames : sequence of LazyFrame
            Flats of one filter.
        bias : lsst.images.MaskedImage
            Bias.
        gains : AmplifierGains
            Gains.
        linearizer : LinearityModel, optional
            Linearity.
        crosstalk : CrosstalkModel, optional
            Crosstalk.
        dark : lsst.images.MaskedImage, optional
            Dark.
        defects : DefectList, optional
            Bad pixels.

        Returns
        -------
        lsst.pipe.base.Struct
            ``flat`` (`lsst.images.MaskedImage`).
        """
        path = LightPath(bias=bias, gains=gains, linearizer=linearizer, crosstalk=crosstalk, dark=dark, defects=defects)
        levels = (self.config.lowest, self.config.highest)
        return Struct(flat=combine_flats(frames, path, levels=levels, clip=self.config.clip))
