"""DECam, the Dark Energy Camera on the Blanco 4-m telescope."""

from __future__ import annotations

from uraniborg.instruments.decam.camera import DECam

__all__ = ("DECam",)
