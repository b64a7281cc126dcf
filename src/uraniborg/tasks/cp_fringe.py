"""Make the pattern of fringes of one filter."""

from __future__ import annotations

from collections.abc import Sequence

import lsst.pipe.base.connectionTypes as cT
from lsst.images import MaskedImage
from lsst.pex.config import RangeField
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections, Struct

from uraniborg.model.calibrations import AmplifierGains, CrosstalkModel, DefectList, LinearityModel
from uraniborg.tasks.common.calib_frames import Label, LazyFrame
from uraniborg.tasks.common.calib_images import LightPath, combine_skies, fringe_of
from uraniborg.tasks.common.calib_task import CalibrationTask, known_calibration

__all__ = ("CpFringeConfig", "CpFringeConnections", "CpFringeTask")

_DIMENSIONS = ("instrument", "detector", "physical_filter")


class CpFringeConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Exposures of the sky in, fringes out."""

    raws = cT.Input(
        doc="Exposures of the sky.",
        name="raw",
        storageClass="RawFrame",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
        deferLoad=True,
    )
    bias = known_calibration("bias", "MaskedImageV2", "Bias [adu].")
    gains = known_calibration("gain", "AmplifierGains", "Gains and read noises.")
    flat = known_calibration("flat", "MaskedImageV2", "Flat.", by_filter=True)
    linearizer = known_calibration(
        "linearizer", "LinearityModel", "Linearity; not corrected where there is none.", needed=False
    )
    crosstalk = known_calibration(
        "crosstalk", "CrosstalkModel", "Crosstalk; not corrected where there is none.", needed=False
    )
    dark = known_calibration("dark", "MaskedImageV2", "Dark current; may be missing.", needed=False)
    defects = known_calibration("defects", "DefectList", "Bad pixels; may be missing.", needed=False)
    fringe = cT.Output(
        doc="Fringes relative to the sky, of mean zero.",
        name="fringe",
        storageClass="MaskedImageV2",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )


class CpFringeConfig(PipelineTaskConfig, pipelineConnections=CpFringeConnections):
    """Configuration of `CpFringeTask`."""

    clip = RangeField[float](doc="Values this far from the others are left out [sigma]", default=4.0, min=2.0)
    sigma = RangeField[float](doc="Width of the Gaussian that smooths the pattern [pixel]", default=2.0, min=0.5)


class CpFringeTask(CalibrationTask):
    """The pattern that the sky makes on flat-fielded exposures, without stars and large scales."""

    ConfigClass = CpFringeConfig
    _DefaultName = "cpFringe"
    config: CpFringeConfig

    def run(  # type: ignore[override]
        self,
        *,
        label: Label,
        frames: Sequence[LazyFrame],
        bias: MaskedImage,
        gains: AmplifierGains,
        flat: MaskedImage,
        linearizer: LinearityModel | None = None,
        crosstalk: CrosstalkModel | None = None,
        dark: MaskedImage | None = None,
        defects: DefectList | None = None,
    ) -> Struct:
        """Make the pattern.

        Parameters
        ----------
        label : Label
            Whose calibration it is.
        frames : sequence of LazyFrame
            Exposures of the sky in one filter.
        bias : lsst.images.MaskedImage
            Bias.
        gains : AmplifierGains
            Gains.
        flat : lsst.images.MaskedImage
            Flat.
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
            ``fringe`` (`lsst.images.MaskedImage`).
        """
        path = LightPath(
            bias=bias, gains=gains, linearizer=linearizer, crosstalk=crosstalk, dark=dark, flat=flat, defects=defects
        )
        stack, read_variance = combine_skies(frames, path, clip=self.config.clip)
        return Struct(fringe=fringe_of(stack, read_variance, sigma=self.config.sigma, clip=self.config.clip))
