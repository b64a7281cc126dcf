"""The level that the electronics add to the signal, measured in the pixels that see no light.

A level for each row follows drifts from row to row at the price of noise that a whole row shares; `OverscanResult`
tells that error, so that it can enter the variance of the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.interpolate import LSQUnivariateSpline

from uraniborg.algorithms.isr.geometry import AmplifierGeometry
from uraniborg.core.errors import UserError

__all__ = ("OverscanMethod", "OverscanResult", "parallel_levels", "row_levels", "subtract_overscan")

OverscanMethod = Literal["row", "spline", "constant"]
_CLIP = 6.0  # pixels further from the median of their row, in units of the noise, are left out


@dataclass(frozen=True, slots=True)
class OverscanResult:
    """The data of one amplifier without its electronic level.

    Attributes
    ----------
    data : (my, mx) float32 [adu]
        Light-sensitive pixels in the order of read-out.
    levels : (my,) float [adu]
        Level that was subtracted from each row.
    level_error : float [adu]
        Standard error of the level of a row.
    noise : float [adu]
        Read noise: robust scatter of the overscan around the level of its row.
    """

    data: NDArray[np.float32]
    levels: NDArray[np.float64]
    level_error: float
    noise: float

    @property
    def drift(self) -> float:
        """Difference of the mean level of the last and first tenth of the rows [adu]."""
        n = max(1, len(self.levels) // 10)
        return float(self.levels[-n:].mean() - self.levels[:n].mean())


def subtract_overscan(
    segment: NDArray[np.generic],
    amplifier: AmplifierGeometry,
    *,
    method: OverscanMethod = "row",
    skip: int = 5,
    parallel: bool = False,
    knots: int = 16,
) -> OverscanResult:
    """Return the data of a segment without its electronic level.

    Parameters
    ----------
    segment : (ny, nx) int or float [adu]
        All pixels of one amplifier, as they were read.
    amplifier : AmplifierGeometry
        Where data and overscan are.
    method : {"row", "spline", "constant"}, optional
        A clipped mean for each row, a smooth curve through those means, or one level for all rows.
    skip : int, optional
        First columns (and rows) of an overscan to leave out: they hold charge that came late [pixel].
    parallel : bool, optional
        Also subtract a level for each column, from the parallel overscan.
    knots : int, optional
        Pieces of the curve of "spline".

    Raises
    ------
    UserError
        If there is no overscan to measure, or the method is unknown.
    """
    if method not in get_args(OverscanMethod):
        raise UserError(f"no overscan method {method!r}; there are {list(get_args(OverscanMethod))}")
    box = amplifier.serial_overscan
    if box is None or box.x1 - box.x0 - skip < 3:
        raise UserError(
            f"amplifier {amplifier.name} has no serial overscan of more than {skip + 2} columns: {box}; take another "
            "skip, or switch the step off"
        )
    rows, n = amplifier.data, box.x1 - box.x0 - skip
    levels, noise = row_levels(np.ascontiguousarray(segment[rows.y0 : rows.y1, box.x0 + skip : box.x1]))
    error = noise / np.sqrt(n)
    if method == "spline" and len(levels) > 4 * knots:
        levels, error = _smooth(levels, knots, error)
    elif method != "row":
        levels, error = np.full(len(levels), levels.mean()), error / np.sqrt(len(levels))
    data = np.empty(rows.shape, dtype=np.float32)
    _subtract_rows(segment[rows.slices], levels, data)
    if parallel:
        data -= parallel_levels(segment, amplifier, level=float(levels[-1]), skip=skip)
    return OverscanResult(data, levels, float(error), float(noise))


def row_levels(overscan: NDArray[np.generic]) -> tuple[NDArray[np.float64], float]:
    """Return the clipped mean of each row, and the scatter around it.

    Each row stands for itself, so rows can be given in any portions; only the clipping width, six times the noise of
    that very row's own median absolute deviation (at least one unit), depends on the pixels of the row.

    Parameters
    ----------
    overscan : (n, m) int or float [adu]
        Rows of overscan pixels.

    Returns
    -------
    levels : (n,) float [adu]
        Mean of each row without outliers.
    noise : float [adu]
        Root mean square of the pixels kept around their row's level, corrected for the degree of freedom lost.
    """
    levels = np.empty(len(overscan))
    squares = np.empty(len(overscan))
    _row_levels(overscan, levels, squares)
    return levels, _robust_noise(squares, overscan.shape[1]) if len(squares) else 0.0


def parallel_levels(
    segment: NDArray[np.generic], amplifier: AmplifierGeometry, *, level: float, skip: int
) -> NDArray[np.float32]:
    """Return the level of each column in the parallel overscan, above the level of the rows there.

    Parameters
    ----------
    segment : (ny, nx) int or float [adu]
        All pixels of one amplifier.
    amplifier : AmplifierGeometry
        Where the parallel overscan is.
    level : float [adu]
        Level of the rows of the parallel overscan.
    skip : int
        First rows to leave out [pixel].

    Returns
    -------
    (mx,) float32 [adu]
    """
    box = amplifier.parallel_overscan
    if box is None or box.y1 - box.y0 - skip < 3:
        raise UserError(f"amplifier {amplifier.name} has no parallel overscan of more than {skip + 2} rows: {box}")
    pixels = np.ascontiguousarray(segment[box.y0 + skip : box.y1, amplifier.data.x0 : amplifier.data.x1].T)
    columns, _ = row_levels(pixels)
    return (columns - level).astype(np.float32)


def _robust_noise(squares: NDArray[np.float64], n: int) -> float:
    """Return the noise from the mean squares of rows; rows that an artefact spoiled are clipped."""
    middle = float(np.median(squares))
    width = middle * np.sqrt(2.0 / max(n - 1, 1))
    kept = squares[np.abs(squares - middle) < 4.0 * width + 1e-12]
    return float(np.sqrt(kept.mean()))


def _smooth(levels: NDArray[np.float64], knots: int, error: float) -> tuple[NDArray[np.float64], float]:
    """Return a least-squares cubic spline through levels, two rounds of clipping, and its mean standard error."""
    x = np.arange(len(levels), dtype=float)
    inner = np.linspace(0.0, len(levels) - 1.0, knots + 1)[1:-1]
    weight = np.ones(len(levels))
    for _ in range(3):
        curve = LSQUnivariateSpline(x, levels, inner, w=weight)(x)
        offset = np.abs(levels - curve)
        scatter = 1.4826 * float(np.median(offset))
        weight = np.where(offset < 4.0 * max(scatter, 1e-9), 1.0, 1e-6)
    return np.asarray(curve), max(error, scatter) * float(np.sqrt((knots + 3) / len(levels)))


@njit(cache=True, nogil=True)
def _row_levels(overscan: NDArray[np.float64], levels: NDArray[np.float64], squares: NDArray[np.float64]) -> None:
    rows, columns = overscan.shape
    values = np.empty(columns)
    for j in range(rows):
        for i in range(columns):
            values[i] = overscan[j, i]
        middle = np.median(values)
        width = _CLIP * max(1.4826 * np.median(np.abs(values - middle)), 1.0)
        total, n = 0.0, 0
        for i in range(columns):
            if abs(values[i] - middle) <= width:
                total += values[i] - middle
                n += 1
        mean = middle + total / n
        levels[j] = mean
        square = 0.0
        for i in range(columns):
            if abs(values[i] - middle) <= width:
                square += (values[i] - mean) ** 2
        squares[j] = square / max(n - 1, 1)


@njit(cache=True, nogil=True)
def _subtract_rows(data: NDArray[np.float64], levels: NDArray[np.float64], result: NDArray[np.float32]) -> None:
    for j in range(data.shape[0]):
        level = np.float32(levels[j])
        for i in range(data.shape[1]):
            result[j, i] = np.float32(data[j, i]) - level
