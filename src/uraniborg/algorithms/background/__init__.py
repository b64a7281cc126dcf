"""The sky level of an image and its noise."""

from uraniborg.algorithms.background.mesh import BackgroundModel, estimate_background

__all__ = ("BackgroundModel", "estimate_background")
