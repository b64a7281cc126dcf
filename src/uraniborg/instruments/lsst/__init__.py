"""Rubin's cameras: LSSTCam, ComCam, LATISS, and the test stands where their detectors were measured."""

from __future__ import annotations

from uraniborg.instruments.lsst.cameras import ComCam, Latiss, LsstCam, Ts3, Ts8, UcdCam

__all__ = ("ComCam", "Latiss", "LsstCam", "Ts3", "Ts8", "UcdCam")
