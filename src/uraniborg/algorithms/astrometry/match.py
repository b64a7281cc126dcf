"""Which source is which reference star, when the first-guess positions are off by an unknown shift and small turn."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.special import pdtrc

from uraniborg.algorithms.astrometry.fit import fit_correction
from uraniborg.core.errors import AlgorithmError

__all__ = ("CatalogMatch", "match_catalogs", "mutual_neighbors")

CANDIDATES = 32
"""Peaks of each search whose stars are counted one by one."""
REFINEMENTS = 5
"""Rounds of pairing and fitting after the search."""
LOCAL = 5.0
"""Radius of the surroundings of a peak, in tolerances."""


@dataclass(frozen=True, slots=True)
class CatalogMatch:
    """Pairs of sources and reference stars.

    Attributes
    ----------
    source, reference : (n,) int
        Row numbers of the partners.
    shift : (2,) float [plane unit]
        Shift that the search found, for sources near the median source position; good to the tolerance.
    rotation : float [deg]
        Turn, counter-clockwise, that the search found; good to one step.
    false_alarm : float
        Expected number of peaks this high in the search among unrelated catalogues.
    """

    source: NDArray[np.intp]
    reference: NDArray[np.intp]
    shift: NDArray[np.float64]
    rotation: float
    false_alarm: float


@dataclass(frozen=True, slots=True)
class _Peak:
    """Highest peak of the pair differences of one search."""

    count: int
    shift: NDArray[np.float64]
    rotation: float
    false_alarm: float


def mutual_neighbors(
    sources: NDArray[np.float64], references: NDArray[np.float64], radius: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs in which each is the nearest neighbour of the other.

    Parameters
    ----------
    sources : (n, 2) float
        Positions on a plane.
    references : (m, 2) float
        Positions on the same plane.
    radius : float [plane unit]
        Largest separation of a pair.

    Returns
    -------
    source, reference : (k,) int
        Row numbers, in the order of the sources.
    """
    none = np.empty(0, dtype=np.intp)
    if len(sources) == 0 or len(references) == 0:
        return none, none
    distance, nearest = KDTree(references).query(sources)
    _, back = KDTree(sources).query(references)
    rows = np.arange(len(sources))
    keep = (distance <= radius) & (back[nearest] == rows)
    return rows[keep].astype(np.intp), nearest[keep].astype(np.intp)


def _rotate(points: NDArray[np.float64], degrees: float) -> NDArray[np.float64]:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.asarray(points @ np.array([[cosine, sine], [-sine, cosine]]))


def _densest(
    differences: NDArray[np.float64], pairs: NDArray[np.intp], tolerance: float
) -> tuple[int, NDArray[np.float64]]:
    """Return how many different stars at most agree on one difference within ``tolerance``, and that difference.

    ``pairs`` holds the source and the reference of each difference; a star counts once, so that close groups of
    sources around one star do not look like agreement.
    """
    if len(differences) == 0:
        return 0, np.zeros(2)
    tree = KDTree(differences)
    counts = tree.query_ball_point(differences, tolerance, return_length=True)
    best, shift = 0, np.zeros(2)
    for candidate in np.argsort(-counts, kind="stable")[:CANDIDATES]:
        members = tree.query_ball_point(differences[candidate], tolerance)
        distinct = min(len(np.unique(pairs[members, 0])), len(np.unique(pairs[members, 1])))
        if distinct > best:
            best, shift = distinct, np.median(differences[members], axis=0)
    return best, shift


def _search(
    sources: NDArray[np.float64],
    references: NDArray[np.float64],
    *,
    max_shift: float,
    angles: NDArray[np.float64],
    tolerance: float,
    density: float,
) -> _Peak:
    """Return the shift and turn that most stars agree on; ``density`` is that of unrelated differences."""
    best = _Peak(0, np.zeros(2), 0.0, np.inf)
    for angle in angles:
        turned = _rotate(sources, float(angle))
        differences = references[np.newaxis, :, :] - turned[:, np.newaxis, :]
        near = np.hypot(differences[..., 0], differences[..., 1]) <= max_shift + tolerance
        count, shift = _densest(differences[near], np.argwhere(near), tolerance)
        if count > best.count:
            around = np.hypot(*(differences[near] - shift).T) <= LOCAL * tolerance
            local = max(int(np.count_nonzero(around)) - count, 0) / (np.pi * (LOCAL**2 - 1.0) * tolerance**2)
            chance = _false_alarm(count, max(density, local), max_shift=max_shift, tolerance=tolerance)
            best = _Peak(count, shift, float(angle), chance * len(angles))
    return best


def _false_alarm(count: int, density: float, *, max_shift: float, tolerance: float) -> float:
    """Return the expected number of windows with ``count`` or more differences if none were related.

    A window is a circle around a difference; beside the one in its middle it holds a Poisson number.
    """
    if count < 2:
        return np.inf
    windows = density * np.pi * (max_shift + tolerance) ** 2
    return float(windows * pdtrc(count - 2, density * np.pi * tolerance**2))


def _unrelated_density(sources: NDArray[np.float64], references: NDArray[np.float64], *, max_shift: float) -> float:
    """Return the density of the differences of all pairs, but for one pair of each star (which may be related)."""
    differences = references[np.newaxis, :, :] - sources[:, np.newaxis, :]
    near = int(np.count_nonzero(np.hypot(differences[..., 0], differences[..., 1]) <= max_shift))
    related = min(len(sources), len(references))
    return float(max(near - related, 1) / (np.pi * max_shift**2))


def _angles(max_rotation: float, extent: float, tolerance: float) -> NDArray[np.float64]:
    """Return trial turns so fine that half a step moves no point of the field by more than half the tolerance."""
    step = np.degrees(tolerance / max(extent, tolerance))
    half = int(np.ceil(max_rotation / step))
    return np.sort(np.arange(-half, half + 1) * step, stable=True)


def match_catalogs(
    sources: NDArray[np.float64],
    references: NDArray[np.float64],
    *,
    max_shift: float = 30.0,
    first_shift: float = 1.0,
    max_rotation: float = 0.5,
    tolerance: float = 0.5,
    max_false_alarm: float = 1e-3,
    n_brightest: int = 300,
) -> CatalogMatch:
    """Pair sources with reference stars through the shift and turn that most pairs agree on.

    The search starts with small shifts, where few agreeing stars are already significant, and widens (three-fold
    each time, with turns allowed) until the agreement cannot be chance.

    Parameters
    ----------
    sources : (n, 2) float
        First-guess positions on a plane, brightest first.
    references : (m, 2) float
        Reference positions on the same plane, brightest first.
    max_shift, first_shift : float [plane unit]
        Largest shift, and that of the first search.
    max_rotation : float [deg]
        Largest turn about the centroid of the sources.
    tolerance : float [plane unit]
        How closely pairs have to agree on the shift.
    max_false_alarm : float
        Largest expected number of such agreements by chance.
    n_brightest : int
        Number of sources and of references that the search uses; the pairs come from all.

    Returns
    -------
    CatalogMatch

    Raises
    ------
    AlgorithmError
        If no agreement is significant.

    """
    if len(sources) == 0 or len(references) == 0:
        raise AlgorithmError("cannot match without stars", n_sources=len(sources), n_references=len(references))
    center = np.median(sources, axis=0)
    local, stars = sources - center, references - center
    bright, known = local[:n_brightest], stars[:n_brightest]
    density = _unrelated_density(bright, known, max_shift=max_shift)
    extent = float(np.hypot(*local.T).max())
    best = _Peak(0, np.zeros(2), 0.0, np.inf)
    radius, angles = min(first_shift, max_shift), np.zeros(1)
    while True:
        found = _search(bright, known, max_shift=radius, angles=angles, tolerance=tolerance, density=density)
        best = min(best, found, key=lambda peak: (peak.false_alarm, -peak.count))
        if best.false_alarm <= max_false_alarm or radius >= max_shift:
            break
        radius = min(3.0 * radius, max_shift)
        angles = _angles(max_rotation, extent, tolerance)
    if best.false_alarm > max_false_alarm:
        raise AlgorithmError(
            "no significant match of sources and reference stars; check the first-guess WCS or widen the search",
            n_sources=len(sources),
            n_references=len(references),
            best_agreement=best.count,
            false_alarm=best.false_alarm,
            max_shift=max_shift,
        )
    source, reference = _pair(_rotate(local, best.rotation) + best.shift, stars, tolerance)
    return CatalogMatch(source, reference, best.shift, best.rotation, best.false_alarm)


def _pair(
    moved: NDArray[np.float64], references: NDArray[np.float64], tolerance: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return mutual neighbours, after the turn and stretch that the search steps left over are taken out."""
    for _ in range(REFINEMENTS):
        source, reference = mutual_neighbors(moved, references, 2.0 * tolerance)
        errors = np.full(len(source), 0.5 * tolerance)
        fit = fit_correction(moved[source], references[reference], errors, max_model="similarity")
        moved = fit.correction.apply(moved)
    return mutual_neighbors(moved, references, tolerance)
