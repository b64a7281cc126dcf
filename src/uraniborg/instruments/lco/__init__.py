"""The Sinistro cameras of the 1-m telescopes of Las Cumbres Observatory."""

from __future__ import annotations

from uraniborg.instruments.lco.camera import Sinistro, SinistroTranslator

__all__ = ("Sinistro", "SinistroTranslator")
