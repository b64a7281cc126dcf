"""Small images on a grid that vary smoothly with position and are moved by fractions of a pixel with a Lanczos kernel.

The one definition of how a point-spread model is evaluated, shared by `algorithms` (which fit and use models)
and `model` (which stores them). Positions are 0-based pixels with integer centres; a stamp for position (x, y)
is centred on the pixel (floor(x + 1/2), floor(y + 1/2)) and sums to 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

__all__ = (
    "LANCZOS_ORDER",
    "CellPsf",
    "PointSpread",
    "PsfModel",
    "axis_weights",
    "nearest_pixel",
    "place_stamp",
    "polynomial_terms",
)

LANCZOS_ORDER = 7
"""Half-width of the interpolation kernel in grid steps; errors are 1e-3 of the peak at a FWHM of 4 steps (5: 2e-3)."""

type Floats = NDArray[np.float64]


class PointSpread(Protocol):
    """What measurement asks of a point-spread model."""

    @property
    def sampling(self) -> float:
        """Grid step in pixels."""

    @property
    def stamp_size(self) -> int:
        """Side of a stamp in pixels (odd)."""

    def grids(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the model's grid at each position, (n, g, g); NaN where the model has no data."""

    def evaluate(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the stamps of point sources at the positions, (n, s, s)."""


@njit(cache=True, nogil=True)
def nearest_pixel(position: float) -> int:
    """Return the pixel that a position lies in; halves go up."""
    return math.floor(position + 0.5)


_TAPS = 2 * LANCZOS_ORDER
_TURN_COS = np.cos(np.pi * (np.arange(_TAPS) - LANCZOS_ORDER + 1) / LANCZOS_ORDER)
_TURN_SIN = np.sin(np.pi * (np.arange(_TAPS) - LANCZOS_ORDER + 1) / LANCZOS_ORDER)


@njit(cache=True, nogil=True)
def _lanczos_weights(fraction: float, weights: Floats) -> None:
    """Fill the kernel for a point ``fraction`` (0..1) of a step past sample ``LANCZOS_ORDER - 1``; sums to 1.

    The sines of all taps follow from those of the first by whole turns: they differ by k pi and k pi / order.
    """
    half = LANCZOS_ORDER
    fast = math.sin(math.pi * fraction)
    slow, slow_cos = math.sin(math.pi * fraction / half), math.cos(math.pi * fraction / half)
    total = 0.0
    for tap in range(_TAPS):
        distance = math.pi * (fraction - (tap - half + 1))
        if abs(distance) < 1e-9:
            weight = 1.0
        else:
            sign = 1.0 if (tap - half + 1) % 2 == 0 else -1.0
            weight = half * sign * fast * (slow * _TURN_COS[tap] - slow_cos * _TURN_SIN[tap]) / (distance * distance)
        weights[tap] = weight
        total += weight
    for tap in range(_TAPS):
        weights[tap] /= total


@njit(cache=True, nogil=True)
def axis_weights(offset: Floats, sampling: float, size: int, n_grid: int) -> Floats:
    """Return the matrices that resample one axis of a grid at the pixels of stamps.

    Parameters
    ----------
    offset : (n,) float [pixel]
        Place of each source from the centre of its central pixel along this axis.
    sampling : float [pixel]
        Grid step.
    size, n_grid : int
        Side of the stamps and of the grid.

    Returns
    -------
    (n, size, n_grid) float
        A stamp is ``weights_y @ grid @ weights_x.T``, before it is normalised.
    """
    out = np.zeros((offset.shape[0], size, n_grid))
    weights = np.empty(_TAPS)
    for n in range(offset.shape[0]):
        for i in range(size):
            place = (i - size // 2 - offset[n]) / sampling
            whole = math.floor(place)
            _lanczos_weights(place - whole, weights)
            first = int(whole) - LANCZOS_ORDER + 1 + n_grid // 2
            for tap in range(_TAPS):
                if 0 <= first + tap < n_grid:
                    out[n, i, first + tap] = weights[tap]
    return out


@njit(cache=True, nogil=True)
def _shift_columns(source: Floats, start: float, weights: Floats, out: Floats) -> None:
    """Resample along x at whole steps: ``out[:, i]`` is the value of ``source`` at column ``start + i``."""
    n_grid, size = source.shape[1], out.shape[1]
    whole = math.floor(start)
    _lanczos_weights(start - whole, weights)
    first = int(whole) - LANCZOS_ORDER + 1
    w = weights
    line = np.zeros(size + _TAPS)  # a row between zeros, so that all taps of all pixels are there
    low, high = max(0, -first), min(size + _TAPS - 1, n_grid - first)
    for row in range(source.shape[0]):
        for i in range(low, high):
            line[i] = source[row, first + i]
        into = out[row]
        for i in range(size):  # seven taps at a time, which a processor does for several pixels at once
            left = w[0] * line[i] + w[1] * line[i + 1] + w[2] * line[i + 2] + w[3] * line[i + 3]
            left += w[4] * line[i + 4] + w[5] * line[i + 5] + w[6] * line[i + 6]
            right = w[7] * line[i + 7] + w[8] * line[i + 8] + w[9] * line[i + 9] + w[10] * line[i + 10]
            right += w[11] * line[i + 11] + w[12] * line[i + 12] + w[13] * line[i + 13]
            into[i] = left + right


@njit(cache=True, nogil=True)
def _shift_lines(source: Floats, start: float, weights: Floats, out: Floats) -> None:
    """Resample along y at whole steps: ``out[j]`` is the value of ``source`` at row ``start + j``."""
    n_grid, size = source.shape[0], out.shape[0]
    whole = math.floor(start)
    _lanczos_weights(start - whole, weights)
    first = int(whole) - LANCZOS_ORDER + 1
    for line in range(size):
        into = out[line]
        into[:] = 0.0
        tap, last = max(0, -first - line), min(_TAPS, n_grid - first - line)
        while tap + 4 <= last:
            w0, w1, w2, w3 = weights[tap], weights[tap + 1], weights[tap + 2], weights[tap + 3]
            row = first + line + tap
            s0, s1, s2, s3 = source[row], source[row + 1], source[row + 2], source[row + 3]
            for i in range(into.shape[0]):
                into[i] += w0 * s0[i] + w1 * s1[i] + w2 * s2[i] + w3 * s3[i]
            tap += 4
        while tap < last:
            weight, values = weights[tap], source[first + line + tap]
            for i in range(into.shape[0]):
                into[i] += weight * values[i]
            tap += 1


@njit(cache=True, nogil=True)
def place_stamp(grid: Floats, dx: float, dy: float, sampling: float, out: Floats) -> None:
    """Write into ``out`` the stamp of a point source whose centre is (dx, dy) from the central pixel.

    Parameters
    ----------
    grid : (g, g) float
        Model at steps of ``sampling`` pixels around its centre ``g // 2``; zero outside.
    dx, dy : float [pixel]
        Offset of the source from the centre of the stamp's central pixel.
    sampling : float [pixel]
        Grid step.
    out : (s, s) float
        Overwritten; sums to 1 (is NaN where the grid is).
    """
    n_grid = grid.shape[0]
    size = out.shape[0]
    if sampling == 1.0:
        weights = np.empty(_TAPS)
        wide = np.empty((n_grid, size))
        _shift_columns(grid, n_grid // 2 - size // 2 - dx, weights, wide)
        _shift_lines(wide, n_grid // 2 - size // 2 - dy, weights, out)
    else:
        offsets = np.array([dx, dy])
        matrices = axis_weights(offsets, sampling, size, n_grid)
        out[:, :] = matrices[1] @ grid @ np.ascontiguousarray(matrices[0].T)
    total = 0.0
    for j in range(size):
        for i in range(size):
            total += out[j, i]
    if total != 0.0:
        scale = 1.0 / total
        for j in range(size):
            for i in range(size):
                out[j, i] *= scale


@njit(cache=True, nogil=True)
def _place_all(grids: Floats, x: Floats, y: Floats, sampling: float, size: int) -> Floats:
    out = np.empty((x.shape[0], size, size))
    for n in range(x.shape[0]):
        place_stamp(grids[n], x[n] - nearest_pixel(x[n]), y[n] - nearest_pixel(y[n]), sampling, out[n])
    return out


def polynomial_terms(x: ArrayLike, y: ArrayLike, order: int) -> Floats:
    """Return the terms x^i y^j with i + j <= order, j running fastest.

    Parameters
    ----------
    x, y : (n,) float
        Coordinates, best within -1..1.
    order : int
        Highest total power.

    Returns
    -------
    (n, (order + 1) * (order + 2) / 2) float
    """
    xs, ys = np.atleast_1d(np.asarray(x, float)), np.atleast_1d(np.asarray(y, float))
    return np.stack([xs**i * ys**j for i in range(order + 1) for j in range(order + 1 - i)], axis=1)


def _as_positions(x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
    xs, ys = np.broadcast_arrays(np.asarray(x, float), np.asarray(y, float))
    return np.ascontiguousarray(xs.ravel()), np.ascontiguousarray(ys.ravel())


@dataclass(frozen=True, slots=True)
class PsfModel:
    """A pixel grid whose values are polynomials of position.

    Attributes
    ----------
    coefficients : (n_terms, g, g) float
        Grid of each term of `polynomial_terms`; the scale does not matter, stamps are normalised.
    order : int
        Order of the polynomial.
    center : (x, y) pair of float [pixel]
        Position where the scaled coordinates are zero.
    scale : (x, y) pair of float [pixel]
        Distance from there at which they are 1.
    sampling : float [pixel]
        Grid step.
    stamp_size : int [pixel]
        Side of evaluated stamps (odd), at most the side of the grid.
    """

    coefficients: Floats
    order: int
    center: tuple[float, float]
    scale: tuple[float, float]
    sampling: float
    stamp_size: int

    def grids(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the grid at each position.

        Parameters
        ----------
        x, y : (n,) float [pixel]
            Positions.

        Returns
        -------
        (n, g, g) float
        """
        xs, ys = _as_positions(x, y)
        terms = polynomial_terms(
            (xs - self.center[0]) / self.scale[0], (ys - self.center[1]) / self.scale[1], self.order
        )
        n_terms, side, _ = self.coefficients.shape
        return np.asarray((terms @ self.coefficients.reshape(n_terms, -1)).reshape(-1, side, side))

    def evaluate(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the stamps of point sources of unit flux.

        Parameters
        ----------
        x, y : (n,) float [pixel]
            Positions.

        Returns
        -------
        (n, stamp_size, stamp_size) float
            Indexed ``[n, y, x]``; the central pixel is the one that the position lies in.
        """
        xs, ys = _as_positions(x, y)
        return np.asarray(_place_all(self.grids(xs, ys), xs, ys, self.sampling, self.stamp_size))

    def shifted(self, dx: float, dy: float) -> PsfModel:
        """Return the same model in coordinates whose values are larger by (dx, dy)."""
        return replace(self, center=(self.center[0] + dx, self.center[1] + dy))


@dataclass(frozen=True, slots=True)
class CellPsf:
    """A point-spread model that is constant over the cells of a regular grid, as on coadds.

    Attributes
    ----------
    images : (n_cells_y, n_cells_x, g, g) float
        Centred kernel image of each cell at steps of one pixel; NaN where a cell has no data.
    origin : (x, y) pair of float [pixel]
        Lower edge of the first cell (a pixel centre minus 1/2).
    cell_size : (x, y) pair of float [pixel]
        Size of a cell.
    """

    images: Floats
    origin: tuple[float, float]
    cell_size: tuple[float, float]

    @property
    def sampling(self) -> float:
        """Grid step in pixels."""
        return 1.0

    @property
    def stamp_size(self) -> int:
        """Side of a stamp in pixels (odd)."""
        return int(self.images.shape[-1])

    def grids(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the grid of the cell of each position; NaN outside the cells.

        Parameters
        ----------
        x, y : (n,) float [pixel]
            Positions.

        Returns
        -------
        (n, g, g) float
        """
        xs, ys = _as_positions(x, y)
        column = np.floor((xs - self.origin[0]) / self.cell_size[0])
        row = np.floor((ys - self.origin[1]) / self.cell_size[1])
        n_rows, n_columns = self.images.shape[:2]
        inside = (column >= 0) & (column < n_columns) & (row >= 0) & (row < n_rows)
        found = self.images[np.where(inside, row, 0).astype(int), np.where(inside, column, 0).astype(int)].astype(float)
        found[~inside] = np.nan
        return np.asarray(found)

    def evaluate(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the stamps of point sources of unit flux.

        Parameters
        ----------
        x, y : (n,) float [pixel]
            Positions.

        Returns
        -------
        (n, g, g) float
            As for `PsfModel.evaluate`; NaN where there is no data.
        """
        xs, ys = _as_positions(x, y)
        return np.asarray(_place_all(self.grids(xs, ys), xs, ys, 1.0, self.stamp_size))

    def shifted(self, dx: float, dy: float) -> CellPsf:
        """Return the same model in coordinates whose values are larger by (dx, dy)."""
        return replace(self, origin=(self.origin[0] + dx, self.origin[1] + dy))
