"""The sky level of an image and its noise, and of a whole focal plane."""

from uraniborg.algorithms.background.binned import estimate_deep_background
from uraniborg.algorithms.background.focal_plane import FocalPlaneSky, fit_focal_plane_sky
from uraniborg.algorithms.background.mesh import BackgroundModel, estimate_background

__all__ = ("BackgroundModel", "FocalPlaneSky", "estimate_background", "estimate_deep_background", "fit_focal_plane_sky")
