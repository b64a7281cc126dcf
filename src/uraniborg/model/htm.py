"""Indices of the Hierarchical Triangular Mesh for arrays of positions; equal to those of `lsst.sphgeom`."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ("htm_index",)

_X, _Y, _Z = np.eye(3)
_ROOTS = np.array(
    [
        [_X, -_Z, _Y],
        [_Y, -_Z, -_X],
        [-_X, -_Z, -_Y],
        [-_Y, -_Z, _X],
        [_X, _Z, -_Y],
        [-_Y, _Z, -_X],
        [-_X, _Z, _Y],
        [_Y, _Z, _X],
    ]
)
"""Corners of the eight triangles of level 0 (S0 to S3, N0 to N3)."""


def htm_index(ra: ArrayLike, dec: ArrayLike, *, level: int = 7) -> NDArray[np.int64]:
    """Return the triangle that holds each position.

    Parameters
    ----------
    ra, dec : (n,) float [deg]
        Positions; positions on an edge belong to either side.
    level : int, optional
        Number of subdivisions; level 7 has triangles of about 0.3 square degrees.

    Returns
    -------
    (n,) int64
        Kunszt, Szalay & Thakar (2001), "The Hierarchical Triangular Mesh", in Mining the Sky, p. 631.
    """
    a, d = np.deg2rad(np.atleast_1d(ra)).astype(float), np.deg2rad(np.atleast_1d(dec)).astype(float)
    point = np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)
    x, y, north = point[:, 0] > 0, point[:, 1] > 0, point[:, 2] >= 0
    south_root = np.where(y, np.where(x, 0, 1), np.where(x, 3, 2))
    north_root = np.where(y, np.where(x, 7, 6), np.where(x, 4, 5))
    root = np.where(north, north_root, south_root)
    corners = _ROOTS[root]
    index: NDArray[np.int64] = (8 + root).astype(np.int64)
    for _ in range(level):
        child, corners = _subdivide(point, corners)
        index = index * 4 + child
    return index


def _subdivide(
    point: NDArray[np.float64], corners: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return which of four sub-triangles holds each point, and its corners (n, 3, 3)."""
    middles = corners[:, [1, 2, 0]] + corners[:, [2, 0, 1]]
    middles /= np.linalg.norm(middles, axis=-1, keepdims=True)
    # A point is in the sub-triangle at corner k if it is on the corner's side of the arc that cuts it off.
    arcs = np.cross(middles[:, [2, 0, 1]], middles[:, [1, 2, 0]])
    side = np.einsum("nki,ni->nk", arcs, point)
    child = np.where(side[:, 0] > 0, 0, np.where(side[:, 1] > 0, 1, np.where(side[:, 2] > 0, 2, 3)))
    first = np.take_along_axis(corners, np.minimum(child, 2)[:, np.newaxis, np.newaxis], axis=1)[:, 0]
    at = np.minimum(child, 2)
    rows = np.arange(len(point))
    outer = np.stack([first, middles[rows, (at + 2) % 3], middles[rows, (at + 1) % 3]], axis=1)
    return child.astype(np.int64), np.where((child == 3)[:, np.newaxis, np.newaxis], middles, outer)
