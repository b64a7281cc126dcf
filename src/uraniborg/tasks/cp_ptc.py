"""Measure photon transfer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lsst.pipe.base.connectionTypes as cT
from lsst.images import MaskedImage
from lsst.pex.config import RangeField
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections, Struct

from uraniborg.model.calibrations import ChargeTransferModel, CrosstalkModel, LinearityModel
from uraniborg.tasks.common.calib_amplifiers import measure_photon_transfer
from uraniborg.tasks.common.calib_frames import Label, LazyFrame
from uraniborg.tasks.common.calib_task import CalibrationTask, known_calibration

__all__ = ("CpPtcConfig", "CpPtcConnections", "CpPtcTask")

_DIMENSIONS = ("instrument", "detector")


class CpPtcConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Pairs of flats in, photon transfer curve and gains out."""

    raws = cT.Input(
        doc="Flat exposures, in pairs.",
        name="raw",
        storageClass="RawFrame",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
        deferLoad=True,
    )
    bias = known_calibration("bias", "MaskedImageV2", "Bias [adu].")
    noise = known_calibration("bias_numbers", "MetricTable", "Read noise of biases.")
    linearizer = known_calibration(
        "linearizer", "LinearityModel", "Linearity; not corrected where there is none.", needed=False
    )
    crosstalk = known_calibration(
        "crosstalk", "CrosstalkModel", "Crosstalk; not corrected where there is none.", needed=False
    )
    cti = known_calibration(
        "cti",
        "ChargeTransferModel",
        "Charge transfer; its effect on variances is ignored where there is none.",
        needed=False,
    )
    ptc = cT.Output(
        doc="Photon transfer curves.",
        name="ptc",
        storageClass="PhotonTransferModel",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )
    gain = cT.Output(
        doc="Gains and read noises.",
        name="gain",
        storageClass="AmplifierGains",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )


class CpPtcConfig(PipelineTaskConfig, pipelineConnections=CpPtcConnections):
    """Configuration of `CpPtcTask`."""

    reach = RangeField[int](doc="Largest distance of covariances in rows and columns.", default=8, min=1, max=16)


class CpPtcTask(CalibrationTask):
    """Gain, noise and covariance coefficients from the full model of Astier et al. (2019)."""

    ConfigClass = CpPtcConfig
    _DefaultName = "cpPtc"
    config: CpPtcConfig

    def run(  # type: ignore[override]
        self,
        *,
        label: Label,
        frames: Sequence[LazyFrame],
        bias: MaskedImage,
        noise: dict[str, Any],
        linearizer: LinearityModel | None = None,
        crosstalk: CrosstalkModel | None = None,
        cti: ChargeTransferModel | None = None,
    ) -> Struct:
        """Measure photon transfer.

        Parameters
        ----------
        label : Label
            Whose calibration it is.
        frames : sequence of LazyFrame
            Pairs of flats.
        bias : lsst.images.MaskedImage
            Bias.
        noise : dict
            What the combination of biases told.
        linearizer : LinearityModel, optional
            Linearity.
        crosstalk : CrosstalkModel, optional
            Crosstalk.
        cti : ChargeTransferModel, optional
            Charge transfer.

        Returns
        -------
        lsst.pipe.base.Struct
            ``ptc`` (`PhotonTransferCurve`), ``gain`` (`AmplifierGains`).
        """
        curve, gains = measure_photon_transfer(
            frames,
            label,
            bias=bias,
            noise=noise,
            linearizer=linearizer,
            crosstalk=crosstalk,
            cti=cti,
            reach=self.config.reach,
        )
        return Struct(ptc=curve, gain=gains)
