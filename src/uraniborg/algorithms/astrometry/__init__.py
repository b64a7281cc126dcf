"""Astrometry: reference stars at the epoch of an exposure, matching, and the correction of a first-guess WCS."""

from uraniborg.algorithms.astrometry.epoch import EpochPositions, earth_position, propagate_positions
from uraniborg.algorithms.astrometry.fit import MODELS, PlaneCorrection, PlaneFit, extra_error, fit_correction
from uraniborg.algorithms.astrometry.focal_plane import (
    DetectorPlaces,
    FocalPlaneFit,
    FocalPlanePolynomial,
    FocalPlaneStars,
    first_places,
    fit_focal_plane,
)
from uraniborg.algorithms.astrometry.match import CatalogMatch, match_catalogs, mutual_neighbors
from uraniborg.algorithms.astrometry.patterns import PatternMatch, match_patterns, unit_vectors
from uraniborg.algorithms.astrometry.refraction import ZenithGeometry, chromatic_offsets, zenith_geometry
from uraniborg.algorithms.astrometry.tangent import from_tangent_plane, sky_offsets, to_tangent_plane
from uraniborg.algorithms.astrometry.visit import DetectorStars, VisitAstrometry, solve_visit

__all__ = (
    "MODELS",
    "CatalogMatch",
    "DetectorPlaces",
    "DetectorStars",
    "EpochPositions",
    "FocalPlaneFit",
    "FocalPlanePolynomial",
    "FocalPlaneStars",
    "PatternMatch",
    "PlaneCorrection",
    "PlaneFit",
    "VisitAstrometry",
    "ZenithGeometry",
    "chromatic_offsets",
    "earth_position",
    "extra_error",
    "first_places",
    "fit_correction",
    "fit_focal_plane",
    "from_tangent_plane",
    "match_catalogs",
    "match_patterns",
    "mutual_neighbors",
    "propagate_positions",
    "sky_offsets",
    "solve_visit",
    "to_tangent_plane",
    "unit_vectors",
    "zenith_geometry",
)
