"""Photometric calibration: reference magnitudes in the bands of a camera, and the zero point of an exposure."""

from uraniborg.algorithms.photometry.color_terms import (
    COLOR_TERMS,
    ColorTerm,
    ColorTermSet,
    ReferenceMagnitudes,
    color_terms,
)
from uraniborg.algorithms.photometry.spatial import CalibrationField, fit_calibration_field
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
    "CalibrationField",
    "ColorTerm",
    "ColorTermSet",
    "ReferenceMagnitudes",
    "ZeroPoint",
    "color_terms",
    "fit_calibration_field",
    "fit_zero_point",
    "flux_scale",
    "per_adu_and_second",
)
