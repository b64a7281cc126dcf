"""The STE3 CCD camera of the 1-m telescope of the South African Astronomical Observatory."""

from __future__ import annotations

from uraniborg.instruments.saao.camera import Ste3, Ste3Translator

__all__ = ("Ste3", "Ste3Translator")
