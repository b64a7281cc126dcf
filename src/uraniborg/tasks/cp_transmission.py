"""Measure the transmission of one filter and detector."""

from __future__ import annotations

from collections.abc import Sequence

import lsst.pipe.base.connectionTypes as cT
from lsst.images import MaskedImage
from lsst.pex.config import Field
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections, Struct

from uraniborg.model.calibrations import AmplifierGains, CrosstalkModel, LinearityModel
from uraniborg.tasks.common.calib_amplifiers import measure_curve
from uraniborg.tasks.common.calib_frames import Label, LazyFrame
from uraniborg.tasks.common.calib_images import LightPath
from uraniborg.tasks.common.calib_task import CalibrationTask, known_calibration

__all__ = ("CpTransmissionConfig", "CpTransmissionConnections", "CpTransmissionTask")

_DIMENSIONS = ("instrument", "detector", "physical_filter")


class CpTransmissionConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Monochromatic flats in, transmission out."""

    raws = cT.Input(
        doc="Monochromatic flats.",
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
    transmission = cT.Output(
        doc="Relative transmission of each amplifier.",
        name="transmission",
        storageClass="SourceTable",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )


class CpTransmissionConfig(PipelineTaskConfig, pipelineConnections=CpTransmissionConnections):
    """Configuration of `CpTransmissionTask`."""

    keyword = Field[str](doc="Keyword of the wavelength [nm] in the primary header.", default="MONOWL")


class CpTransmissionTask(CalibrationTask):
    """Relative transmission from monochromatic flats of a steady lamp."""

    ConfigClass = CpTransmissionConfig
    _DefaultName = "cpTransmission"
    config: CpTransmissionConfig

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
    ) -> Struct:
        """Measure the transmission.

        Parameters
        ----------
        label : Label
            Whose calibration it is.
        frames : sequence of LazyFrame
            Monochromatic flats.
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

        Returns
        -------
        lsst.pipe.base.Struct
            ``transmission`` (`astropy.table.Table`).
        """
        path = LightPath(bias=bias, gains=gains, linearizer=linearizer, crosstalk=crosstalk, dark=dark)
        return Struct(transmission=measure_curve(frames, path, keyword=self.config.keyword))
