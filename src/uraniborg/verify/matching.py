"""Which row of one catalogue is which row of another, for measuring (never for making) catalogues."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from uraniborg.algorithms.association import unit_vectors

__all__ = ("Matched", "match_positions", "nearest_separation", "neighbour_flux")


@dataclass(frozen=True, slots=True)
class Matched:
    """Mutual nearest neighbours of two catalogues.

    Attributes
    ----------
    first, second : (n,) int
        Rows of the first and of the second catalogue.
    separation : (n,) float [arcsec]
        Distances.
    """

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    separation: NDArray[np.float64]


def _vectors(positions: tuple[ArrayLike, ArrayLike]) -> NDArray[np.float64]:
    ra, dec = (np.atleast_1d(np.asarray(axis, dtype=float)) for axis in positions)
    return unit_vectors(ra, dec)


def _chord(radius: float) -> float:
    return float(2.0 * np.sin(0.5 * np.deg2rad(radius / 3600.0)))


def match_positions(
    first: tuple[ArrayLike, ArrayLike], second: tuple[ArrayLike, ArrayLike], *, radius: float
) -> Matched:
    """Match two catalogues where each row is the nearest of the other.

    Parameters
    ----------
    first, second : tuple of (n,) and (m,) float [deg]
        Right ascensions and declinations; rows with NaN match nothing.
    radius : float [arcsec]
        Largest separation.

    Returns
    -------
    Matched
        Ordered by the rows of the first catalogue.
    """
    a, b = _vectors(first), _vectors(second)
    rows_a, rows_b = (np.flatnonzero(np.all(np.isfinite(v), axis=1)) for v in (a, b))
    nothing = np.zeros(0, dtype=np.intp)
    if not rows_a.size or not rows_b.size:
        return Matched(nothing, nothing, np.zeros(0))
    tree_a, tree_b = cKDTree(a[rows_a]), cKDTree(b[rows_b])
    distance, nearest = tree_b.query(a[rows_a], distance_upper_bound=_chord(radius))
    found = np.flatnonzero(np.isfinite(distance))
    _, back = tree_a.query(b[rows_b][nearest[found]])
    mutual = found[back == found]
    separation = np.rad2deg(2.0 * np.arcsin(0.5 * distance[mutual])) * 3600.0
    return Matched(rows_a[mutual], rows_b[nearest[mutual]], separation)


def nearest_separation(first: tuple[ArrayLike, ArrayLike], second: tuple[ArrayLike, ArrayLike]) -> NDArray[np.float64]:
    """Return the distance of each row of the first catalogue from the nearest row of the second.

    Parameters
    ----------
    first, second : tuple of (n,) and (m,) float [deg]
        Right ascensions and declinations, all finite.

    Returns
    -------
    (n,) float [arcsec]
        Infinite if the second catalogue is empty.
    """
    a, b = _vectors(first), _vectors(second)
    if not len(b):
        return np.full(len(a), np.inf)
    distance, _ = cKDTree(b).query(a)
    return np.asarray(np.rad2deg(2.0 * np.arcsin(0.5 * np.minimum(distance, 2.0))) * 3600.0)


def neighbour_flux(positions: tuple[ArrayLike, ArrayLike], flux: ArrayLike, *, radius: float) -> NDArray[np.float64]:
    """Return the summed flux of all other rows within a radius of each row.

    Parameters
    ----------
    positions : tuple of (n,) float [deg]
        Right ascensions and declinations.
    flux : (n,) float
        Fluxes.
    radius : float [arcsec]
        Radius.

    Returns
    -------
    (n,) float
    """
    values = np.asarray(flux, dtype=float)
    total = np.zeros(values.size)
    if values.size:
        pairs = cKDTree(_vectors(positions)).query_pairs(_chord(radius), output_type="ndarray")
        np.add.at(total, pairs[:, 0], values[pairs[:, 1]])
        np.add.at(total, pairs[:, 1], values[pairs[:, 0]])
    return total
