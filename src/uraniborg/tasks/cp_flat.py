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
from uraniborg.tasks.common.calib_task import CalibrationTask

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
    bias = cT.PrerequisiteInput(
        doc="Bias [adu].",
        name="bias",
        storageClass="MaskedImageV2",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
    gains = cT.PrerequisiteInput(
        doc="Gains and read noises.",
        name="gain",
        storageClass="AmplifierGains",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
    linearizer = cT.PrerequisiteInput(
        doc="Linearity; not corrected where there is none.",
        name="linearizer",
        storageClass="LinearityModel",
        dimensions=("instrument", "detector"),
        isCalibration=True,
        minimum=0,
    )
    crosstalk = cT.PrerequisiteInput(
        doc="Crosstalk; not corrected where there is none.",
        name="crosstalk",
        storageClass="CrosstalkModel",
        dimensions=("instrument", "detector"),
        isCalibration=True,
        minimum=0,
    )
    dark = cT.PrerequisiteInput(
        doc="Dark current [electron/s]; not subtracted where there is none.",
        name="dark",
        storageClass="MaskedImageV2",
        dimensions=("instrument", "detector"),
        isCalibration=True,
        minimum=0,
    )
    defects = cT.PrerequisiteInput(
        doc="Bad pixels; none are known where there is no list.",
        name="defects",
        storageClass="DefectList",
        dimensions=("instrument", "detector"),
        isCalibration=True,
        minimum=0,
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
