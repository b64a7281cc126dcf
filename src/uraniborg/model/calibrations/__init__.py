"""Calibrations that are numbers and not images: what they hold, with units, as versioned JSON."""

from uraniborg.model.calibrations.amplifiers import (
    AmplifierGains,
    ChargeTransfer,
    ChargeTransferModel,
    CrosstalkModel,
    Linearity,
    LinearityModel,
    PhotonTransfer,
    PhotonTransferCurve,
)
from uraniborg.model.calibrations.base import Calibration
from uraniborg.model.calibrations.detectors import (
    BrighterFatterModel,
    Defect,
    DefectKind,
    DefectList,
    GhostModel,
    Reflection,
)

__all__ = (
    "Calibration",
    "AmplifierGains",
    "PhotonTransfer",
    "PhotonTransferCurve",
    "Linearity",
    "LinearityModel",
    "CrosstalkModel",
    "ChargeTransfer",
    "ChargeTransferModel",
    "BrighterFatterModel",
    "Defect",
    "DefectKind",
    "DefectList",
    "GhostModel",
    "Reflection",
)
