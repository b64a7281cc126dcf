"""A square grid over points of a plane, so that those near a place are found without looking at the others."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ("Grid", "candidates_near", "make_grid")

type Floats = NDArray[np.float64]
type Grid = tuple[NDArray[np.int64], NDArray[np.int64], Floats, NDArray[np.int64]]
"""Starts, order, geometry and shape, as `make_grid` returns them."""


def make_grid(points: Floats, *, per_cell: float = 2.0) -> Grid:
    """Sort points into square cells.

    Parameters
    ----------
    points : (n, 2) float
        Positions on a plane, at least one.
    per_cell : float
        Mean number of points in a cell.

    Returns
    -------
    starts : (n_cells + 1,) int
        Where each cell begins in ``order``, rows of cells running fastest.
    order : (n,) int
        Points, cell by cell.
    geometry : (3,) float
        Lower corner (x, y) and side of a cell, in the unit of the points.
    shape : (2,) int
        Cells along x and y.
    """
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.maximum(high - low, 1e-12)
    side = max(math.sqrt(span[0] * span[1] * per_cell / len(points)), float(span.max()) / 1000.0)
    shape = np.maximum(np.ceil(span / side).astype(np.int64), 1)
    cell = np.minimum(((points - low) / side).astype(np.int64), shape - 1)
    index = cell[:, 1] * shape[0] + cell[:, 0]
    order = np.argsort(index, kind="stable").astype(np.int64)
    starts = np.searchsorted(index[order], np.arange(shape[0] * shape[1] + 1)).astype(np.int64)
    return starts, order, np.array([low[0], low[1], side]), shape


@njit(cache=True, nogil=True)
def candidates_near(points: Floats, grid: Grid, window: tuple[float, float, float], out: NDArray[np.int64]) -> int:
    """Write the points within a circle into ``out``.

    Parameters
    ----------
    points : (n, 2) float
        The points that the grid was made of.
    grid : tuple
        From `make_grid`.
    window : (x, y, radius)
        Circle.
    out : (k,) int
        Overwritten; more than ``k`` points are not looked for.

    Returns
    -------
    int
        How many were written.
    """
    starts, order, geometry, shape = grid
    x, y, radius = window
    side = geometry[2]
    first_column = max(math.floor((x - radius - geometry[0]) / side), 0)
    last_column = min(math.floor((x + radius - geometry[0]) / side), shape[0] - 1)
    first_row = max(math.floor((y - radius - geometry[1]) / side), 0)
    last_row = min(math.floor((y + radius - geometry[1]) / side), shape[1] - 1)
    n = 0
    for row in range(first_row, last_row + 1):
        if first_column > last_column:
            break
        begin = starts[row * shape[0] + first_column]
        end = starts[row * shape[0] + last_column + 1]
        for k in range(begin, end):
            point = order[k]
            dx, dy = points[point, 0] - x, points[point, 1] - y
            if dx * dx + dy * dy <= radius * radius:
                if n == out.shape[0]:
                    return n
                out[n] = point
                n += 1
    return n
