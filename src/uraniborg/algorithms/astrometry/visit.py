"""All detectors of one visit matched with reference stars and fitted with one distortion.

Detectors whose own match fails are found through the others: a first fit of the rest says where their stars must be.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.algorithms.astrometry.focal_plane import (
    FocalPlaneFit,
    FocalPlaneStars,
    first_places,
    fit_focal_plane,
)
from uraniborg.algorithms.astrometry.match import mutual_neighbors
from uraniborg.algorithms.astrometry.patterns import match_patterns, unit_vectors
from uraniborg.algorithms.astrometry.tangent import from_tangent_plane, to_tangent_plane
from uraniborg.core.errors import AlgorithmError

__all__ = ("DetectorStars", "VisitAstrometry", "solve_visit")

type Floats = NDArray[np.float64]

_PIXELS = 50.0
"""Half the length over which local derivatives of a first guess are taken."""


@dataclass(frozen=True, slots=True)
class DetectorStars:
    """Stars of one detector, brightest first.

    Attributes
    ----------
    x, y : (n,) float [pixel]
        Centroids.
    error : (n,) float [arcsec]
        Error of each axis.
    plane : (n, 2) float [arcsec]
        First-guess positions on the tangent plane of the boresight.
    center : (2,) float [arcsec]
        First-guess position there of the point that all detectors are placed by.
    axes : (2, 2) float [arcsec/pixel]
        Derivatives of plane position by pixel position at that point.
    """

    x: Floats
    y: Floats
    error: Floats
    plane: Floats
    center: Floats
    axes: Floats


@dataclass(frozen=True, slots=True)
class VisitAstrometry:
    """Result of `solve_visit`.

    Attributes
    ----------
    fit : FocalPlaneFit
    stars : FocalPlaneStars
        Pairs that were fitted.
    reference : (n,) int
        Rows of their references.
    matched : (d,) bool
        Detectors whose own first match was significant.
    shift : (d,) float [arcsec]
        Error of the first guess of each; NaN where not matched.
    turn : (d,) float [deg]
        The same for the turn.
    """

    fit: FocalPlaneFit
    stars: FocalPlaneStars
    reference: NDArray[np.intp]
    matched: NDArray[np.bool_]
    shift: Floats
    turn: Floats


def solve_visit(
    detectors: Sequence[DetectorStars],
    references: tuple[Floats, Floats, Floats],
    boresight: tuple[float, float],
    *,
    center: tuple[float, float],
    max_shift: float = 60.0,
    max_rotation: float = 2.0,
    match_radius: float = 0.3,
    degree: int = 7,
    margin: float = 60.0,
) -> VisitAstrometry:
    """Match and fit one visit.

    Parameters
    ----------
    detectors : sequence of DetectorStars
        At least one.
    references : (ra [deg], dec [deg], error [arcsec]), each (m,) float
        Reference stars at the epoch of the visit, brightest first, and the error of each axis.
    boresight : (ra, dec) float [deg]
        Middle of the tangent plane.
    center : (x, y) float [pixel]
        The point that detectors are placed by.
    max_shift : float [arcsec]
        Largest error of a first guess.
    max_rotation : float [deg]
        Its largest turn.
    match_radius : float [arcsec]
        Largest separation of a pair in the end.
    degree : int
        Of the distortion polynomial.
    margin : float [arcsec]
        References so far outside a detector's stars are looked at, besides ``max_shift``.

    Returns
    -------
    VisitAstrometry

    Raises
    ------
    AlgorithmError
        If no detector is matched, or if there are too few stars.
    """
    ra, dec, reference_error = references
    plane = to_tangent_plane(ra, dec, boresight)
    found: list[tuple[NDArray[np.intp], NDArray[np.intp]] | None] = []
    shift, turn = np.full(len(detectors), np.nan), np.full(len(detectors), np.nan)
    for row, stars in enumerate(detectors):
        low, high = stars.plane.min(axis=0) - max_shift - margin, stars.plane.max(axis=0) + max_shift + margin
        near = np.flatnonzero(((plane > low) & (plane < high)).all(axis=1))
        try:
            match = match_patterns(
                unit_vectors(*from_tangent_plane(stars.plane, boresight)),
                unit_vectors(ra[near], dec[near]),
                max_shift=max_shift,
                max_rotation=max_rotation,
            )
        except AlgorithmError:
            found.append(None)
            continue
        found.append((match.source, near[match.reference]))
        shift[row], turn[row] = match.shift, match.turn
    matched = np.array([pair is not None for pair in found])
    if not matched.any():
        raise AlgorithmError("no detector was matched with reference stars", n_detectors=len(detectors))
    places = first_places(
        np.array([stars.center for stars in detectors]), np.array([stars.axes for stars in detectors]), np.array(center)
    )
    pairs, rows = _gather(detectors, found, plane, reference_error)
    fit = fit_focal_plane(pairs, places, degree=min(degree, 5))
    for radius, order in ((3.0 * match_radius, min(degree, 5)), (match_radius, degree), (match_radius, degree)):
        found = [_near(fit, row, stars, plane, radius) for row, stars in enumerate(detectors)]
        pairs, rows = _gather(detectors, found, plane, reference_error)
        fit = fit_focal_plane(pairs, places, degree=order)
    return VisitAstrometry(fit, pairs, rows, matched, shift, turn)


def _near(
    fit: FocalPlaneFit, row: int, stars: DetectorStars, plane: Floats, radius: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs of a detector that lie close together in a fit."""
    focal = fit.places.to_focal_plane(np.full(len(stars.x), row), stars.x, stars.y)
    return mutual_neighbors(fit.polynomial.apply(focal), plane, radius)


def _gather(
    detectors: Sequence[DetectorStars],
    found: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]] | None],
    plane: Floats,
    reference_error: Floats,
) -> tuple[FocalPlaneStars, NDArray[np.intp]]:
    numbers, x, y, error, rows = [], [], [], [], []
    for row, (stars, pair) in enumerate(zip(detectors, found, strict=True)):
        if pair is None:
            continue
        source, reference = pair
        numbers.append(np.full(len(source), row, np.intp))
        x.append(stars.x[source])
        y.append(stars.y[source])
        error.append(np.hypot(stars.error[source], reference_error[reference]))
        rows.append(reference)
    chosen = np.concatenate(rows)
    stars_of_all = FocalPlaneStars(
        np.concatenate(numbers), np.concatenate(x), np.concatenate(y), plane[chosen], np.concatenate(error)
    )
    return stars_of_all, chosen
