"""SimCam, the camera of simulated exposures."""

from __future__ import annotations

from uraniborg.instruments.simcam.camera import SimCam
from uraniborg.instruments.simcam.headers import SimCamExposure, SimCamGeometry, file_name, make_headers

__all__ = ("SimCam", "SimCamExposure", "SimCamGeometry", "file_name", "make_headers")
