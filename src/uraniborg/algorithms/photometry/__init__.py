"""Photometric calibration: reference magnitudes in the bands of a camera, and the zero point of an exposure."""

from uraniborg.algorithms.photometry.color_terms import (
    COLOR_TERMS,
    ColorTerm,
    ColorTermSet,
    ReferenceMagnitudes,
    color_terms,
)
from uraniborg.algorithms.photometry.zero_point import (
    AB_NJY,
    ZeroPoint,
    fit_zero_point,
    flux_scale,
    per_adu_and_second,
)

__all__ = (
    "AB_NJY",
    "COLOR_TERMS",
    "ColorTerm",
    "ColorTermSet",
    "ReferenceMagnitudes",
    "ZeroPoint",
    "color_terms",
    "fit_zero_point",
    "flux_scale",
    "per_adu_and_second",
)
