"""Weighted means of warped exposures, with their variance, mask and PSF."""

from uraniborg.algorithms.coadd.multiband import combine_significance, joint_threshold
from uraniborg.algorithms.coadd.stack import CoaddResult, CoaddStack, background_weight

__all__ = ("CoaddResult", "CoaddStack", "background_weight", "combine_significance", "joint_threshold")
