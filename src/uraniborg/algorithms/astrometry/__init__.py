"""Astrometry: reference stars at the epoch of an exposure, matching, and the correction of a first-guess WCS."""

from uraniborg.algorithms.astrometry.epoch import EpochPositions, earth_position, propagate_positions
from uraniborg.algorithms.astrometry.fit import MODELS, PlaneCorrection, PlaneFit, fit_correction
from uraniborg.algorithms.astrometry.match import CatalogMatch, match_catalogs, mutual_neighbors
from uraniborg.algorithms.astrometry.refraction import ZenithGeometry, chromatic_offsets, zenith_geometry
from uraniborg.algorithms.astrometry.tangent import from_tangent_plane, sky_offsets, to_tangent_plane

__all__ = (
    "MODELS",
    "CatalogMatch",
    "EpochPositions",
    "PlaneCorrection",
    "PlaneFit",
    "ZenithGeometry",
    "chromatic_offsets",
    "earth_position",
    "fit_correction",
    "from_tangent_plane",
    "match_catalogs",
    "mutual_neighbors",
    "propagate_positions",
    "sky_offsets",
    "to_tangent_plane",
    "zenith_geometry",
)
