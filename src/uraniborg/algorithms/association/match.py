"""Association of sources of successive visits with objects, by position and its error, one to one in each visit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import min_weight_full_bipartite_matching
from scipy.spatial import cKDTree

from uraniborg.core.errors import UserError

__all__ = ("Association", "associate_sources", "match_to_objects", "unit_vectors")

ARCSEC = np.pi / 180.0 / 3600.0


@dataclass(frozen=True, slots=True)
class Association:
    """Which object every source belongs to.

    Attributes
    ----------
    object_index : (n,) int
        Object of each source, counted in the order in which objects were found.
    founder : (n_objects,) int
        Index of the first source of each object: what its identifier is made from.
    """

    object_index: NDArray[np.intp]
    founder: NDArray[np.intp]


def unit_vectors(ra: NDArray[np.floating], dec: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return positions on the unit sphere.

    Parameters
    ----------
    ra, dec : (n,) float [deg]
        Positions.

    Returns
    -------
    (n, 3) float
    """
    alpha, delta = np.radians(ra), np.radians(dec)
    return np.stack([np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)], axis=-1)


def match_to_objects(
    sources: NDArray[np.floating],
    objects: NDArray[np.floating],
    *,
    source_errors: NDArray[np.floating],
    object_errors: NDArray[np.floating],
    max_separation: float,
    max_chi2: float = 25.0,
) -> NDArray[np.intp]:
    """Match the sources of one visit to objects so that the sum of squared normalised distances is least.

    All sources are resolved together, each object is given away at most once, and leaving a source without an
    object costs ``max_chi2``. The squared normalised distance of a pair is its separation squared over the sum of
    both variances, which is minus twice the logarithm of the likelihood ratio of Sutherland & Saunders (1992,
    MNRAS 259, 413) up to a constant.

    Parameters
    ----------
    sources, objects : (n, 3), (m, 3) float
        Unit vectors.
    source_errors, object_errors : (n,), (m,) float [arcsec]
        Position errors for each axis.
    max_separation : float [arcsec]
        Pairs farther apart are not considered.
    max_chi2 : float
        Largest squared normalised distance of a pair.

    Returns
    -------
    (n,) int
        Index of the object, or -1.
    """
    n, m = len(sources), len(objects)
    result = np.full(n, -1, dtype=np.intp)
    if n == 0 or m == 0:
        return result
    chord = 2.0 * np.sin(0.5 * max_separation * ARCSEC)
    pairs = cKDTree(sources).sparse_distance_matrix(cKDTree(objects), chord, output_type="ndarray")
    row, column = pairs["i"], pairs["j"]
    separation = 2.0 * np.arcsin(0.5 * pairs["v"]) / ARCSEC
    chi2 = separation**2 / (source_errors[row] ** 2 + object_errors[column] ** 2)
    near = chi2 < max_chi2
    row, column, chi2 = row[near], column[near], chi2[near]
    alone = (np.bincount(row, minlength=n)[row] == 1) & (np.bincount(column, minlength=m)[column] == 1)
    result[row[alone]] = column[alone]
    row, column, chi2 = row[~alone], column[~alone], chi2[~alone]
    if row.size:
        rivals, local = np.unique(row, return_inverse=True)
        # One private column for each source stands for "no object"; the +1 keeps perfect pairs explicit.
        own = m + np.arange(rivals.size)
        cost = np.concatenate([chi2, np.full(rivals.size, max_chi2)]) + 1.0
        rows = np.concatenate([local, np.arange(rivals.size)])
        columns = np.concatenate([column, own])
        graph = coo_array((cost, (rows, columns)), shape=(rivals.size, m + rivals.size)).tocsr()
        matched_row, matched_column = min_weight_full_bipartite_matching(graph)
        taken = matched_column < m
        result[rivals[matched_row[taken]]] = matched_column[taken]
    return result


def associate_sources(
    ra: NDArray[np.floating],
    dec: NDArray[np.floating],
    *,
    errors: NDArray[np.floating],
    visit: NDArray[np.integer],
    time: NDArray[np.floating],
    max_separation: float = 1.0,
    systematic_error: float = 0.05,
    max_chi2: float = 25.0,
) -> Association:
    """Link the sources of many visits to objects, visit by visit in the order of time.

    An object is where the weighted mean of its sources lies. The outcome depends on the data only, not on the
    order of the rows.

    Parameters
    ----------
    ra, dec : (n,) float [deg]
        Positions.
    errors : (n,) float [arcsec]
        Statistical position errors for each axis; NaN counts as the largest separation.
    visit : (n,) int
        Visit; two sources of one visit never share an object.
    time : (n,) float [d]
        Epoch of the source; visits are taken in the order of their earliest epoch, then of their number.
    max_separation : float [arcsec]
        Largest distance of a source from its object.
    systematic_error : float [arcsec]
        Error of positions from visit to visit, added in quadrature for each pair.
    max_chi2 : float
        Largest squared normalised distance of a pair.

    Returns
    -------
    Association

    Raises
    ------
    UserError
        If a position is not finite.
    """
    vectors = unit_vectors(ra, dec)
    if not np.isfinite(vectors).all():
        raise UserError(f"{(~np.isfinite(vectors).all(axis=1)).sum()} sources have no position; leave them out first")
    n = len(vectors)
    sigma = np.where(np.isfinite(errors) & (errors > 0), errors, max_separation).astype(np.float64)
    sums, weights = np.zeros((n, 3)), np.zeros(n)
    object_index = np.full(n, -1, dtype=np.intp)
    founder = np.empty(n, dtype=np.intp)
    n_objects = 0
    for members in _visits_in_time(visit, time, ra, dec):
        known = slice(0, n_objects)
        means = sums[known] / np.linalg.norm(sums[known], axis=1, keepdims=True)
        matched = match_to_objects(
            vectors[members],
            means,
            source_errors=np.hypot(sigma[members], systematic_error),
            object_errors=weights[known] ** -0.5,
            max_separation=max_separation,
            max_chi2=max_chi2,
        )
        new = np.flatnonzero(matched < 0)
        matched[new] = n_objects + np.arange(new.size)
        founder[matched[new]] = members[new]
        n_objects += new.size
        object_index[members] = matched
        weight = 1.0 / np.hypot(sigma[members], systematic_error) ** 2
        sums[matched] += weight[:, None] * vectors[members]
        weights[matched] += weight
    return Association(object_index, founder[:n_objects])


def _visits_in_time(
    visit: NDArray[np.integer], time: NDArray[np.floating], ra: NDArray[np.floating], dec: NDArray[np.floating]
) -> list[NDArray[np.intp]]:
    """Return the rows of each visit, visits by time and rows by position, so that row order does not matter."""
    names, which = np.unique(visit, return_inverse=True)
    start = np.full(names.size, np.inf)
    np.minimum.at(start, which, time)
    rank = np.empty(names.size, dtype=np.intp)
    rank[np.lexsort([names, start])] = np.arange(names.size)
    order = np.lexsort([dec, ra, rank[which]])
    edges = np.flatnonzero(np.diff(rank[which][order])) + 1
    return list(np.split(order, edges)) if order.size else []
