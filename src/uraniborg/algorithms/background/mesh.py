"""Sky from a mesh of cells: clipped mode of each cell, median filter over cells, spline between them.

Bad pixels and pixels of detected objects must be masked by the caller; what stays is the light of objects too
faint to be detected, which the mode estimator follows by about half as much as the mean does.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.interpolate import Akima1DInterpolator

from uraniborg.core.errors import Unprocessable

__all__ = ("BackgroundModel", "estimate_background")

_BINS = 512
_SAMPLE = 256
_RANGE = 5.0

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class BackgroundModel:
    """Sky level on a mesh.

    Attributes
    ----------
    values, errors, rms : (my, mx) float
        Sky level of each cell, its standard error, and the noise of one pixel, in image units.
    counts : (my, mx) int
        Pixels that entered; 0 where the value was filled in from other cells.
    x : (mx,) float [pixel]
    y : (my,) float [pixel]
        Centres of the cells.
    shape : pair of int
        (ny, nx) of the image that it was measured on.
    unresolved : float
        What the pixels that entered are above the level on average: the light of objects too faint to be detected.
    """

    values: Floats
    errors: Floats
    rms: Floats
    counts: NDArray[np.int64]
    x: Floats
    y: Floats
    shape: tuple[int, int]
    unresolved: float

    def evaluate(self, shape: tuple[int, int] | None = None) -> NDArray[np.float32]:
        """Return the sky level of every pixel.

        Akima splines along y, then along x, extrapolated by half a cell at the edges: what
        `lsst.images.fields.SplineField` makes of the same mesh.

        Parameters
        ----------
        shape : pair of int, optional
            (ny, nx) to evaluate on; that of the image by default.

        Returns
        -------
        (ny, nx) float32
        """
        return _interpolate_mesh(self.values, self.x, self.y, shape or self.shape)

    def subtract_from(self, image: NDArray[np.floating]) -> NDArray[np.float32]:
        """Return an image without the sky, (ny, nx) float32; the same as ``image - evaluate()`` in one go."""
        coefficients, starts = _pieces(self.values, self.x, self.y, self.shape)
        if coefficients is None or image.shape != self.shape:
            return np.asarray(image - self.evaluate(), np.float32)
        return np.asarray(_subtract_rows(image, coefficients, starts, self.x))

    def evaluate_rms(self, shape: tuple[int, int] | None = None) -> NDArray[np.float32]:
        """Return the noise of one pixel, everywhere; arguments as for `evaluate`."""
        return _interpolate_mesh(self.rms, self.x, self.y, shape or self.shape)


def estimate_background(
    image: NDArray[np.floating],
    *,
    unusable: NDArray[np.bool_] | None = None,
    cell_size: int = 128,
    clip: float = 3.0,
    min_fraction: float = 0.1,
    filter_size: int = 3,
    thin: int = 1,
    skewness: float = 2.5,
    reach: int = 2,
) -> BackgroundModel:
    """Measure the sky level on a mesh.

    In each cell the pixels are clipped around the median until nothing changes. The level is the mode,
    ``mean - 2.5 (mean - median)``, or the median where that difference exceeds 0.3 sigma (Bertin & Arnouts
    1996, A&AS 117, 393); the difference, which is due to faint objects everywhere and is noisier than the mean,
    is averaged over 5 x 5 cells, leaving out those that stand out. Cells with too few pixels are filled from their
    neighbours, then a median filter over cells replaces those that stand out.

    Parameters
    ----------
    image : (ny, nx) float
        Image with sky.
    unusable : (ny, nx) bool, optional
        Pixels not to use: bad ones and those of detected objects.
    cell_size : int [pixel]
        Wanted side of a cell; cells are made equal and smaller so that they cover the image, and
        small images get at least 2 x 2 cells.
    clip : float [standard deviation]
        Where pixels are clipped.
    min_fraction : float
        Smallest usable fraction of a cell that is measured.
    filter_size : int
        Side of the median filter in cells (odd); 1 turns it off.
    thin : int
        Only every thin-th row is read, for a quick first look.
    skewness : float
        Multiple of ``mean - median`` that the mode is below the mean.
    reach : int
        The difference is averaged over cells up to this many away along each axis.

    Returns
    -------
    BackgroundModel

    Raises
    ------
    Unprocessable
        If no cell has enough usable pixels.
    """
    ny, nx = image.shape
    y_edges, x_edges = _cell_edges(ny, cell_size), _cell_edges(nx, cell_size)
    masked = np.zeros((1, 1), bool) if unusable is None else unusable
    stats = _cell_statistics(image, masked, unusable is not None, y_edges, x_edges, clip, thin)
    needed = min_fraction * np.outer(np.diff(y_edges), np.diff(x_edges)) / thin
    mean, median, sigma = stats[:3]
    counts = stats[3].astype(np.int64)
    good = (counts >= np.maximum(needed, 16)) & np.isfinite(mean)
    if not good.any():
        raise Unprocessable(
            f"no background cell has {min_fraction:.0%} usable pixels; the fullest of {good.size} cells has "
            f"{counts.max()}; use larger cells or mask less"
        )
    counts[~good] = 0
    skew, n_averaged = _average_cells(mean - median, _ordinary(mean - median, good), reach)
    level = np.where(mean - median > 0.3 * sigma, median, mean - skewness * skew)
    rms = _fill_cells(sigma, good)
    values = _filter_outliers(_fill_cells(level, good), rms, filter_size)
    # For n normal values mean - median has variance (pi / 2 - 1) / n and is independent of the mean.
    factor = np.sqrt(1.0 + skewness**2 * (math.pi / 2.0 - 1.0) / n_averaged)
    errors = rms * factor / np.sqrt(np.maximum(counts, needed))
    x, y = (x_edges[1:] + x_edges[:-1] - 1) / 2.0, (y_edges[1:] + y_edges[:-1] - 1) / 2.0
    unresolved = float(np.median((mean - values)[good]))
    return BackgroundModel(values, errors, rms, counts, x, y, (ny, nx), unresolved)


def _cell_edges(size: int, cell_size: int) -> NDArray[np.int64]:
    n_cells = max(2, math.ceil(size / cell_size)) if size >= 32 else 1
    return np.round(np.linspace(0, size, n_cells + 1)).astype(np.int64)


@njit(cache=True, nogil=True)
def _histogram_clip(counts: NDArray[np.int64], low: float, step: float, clip: float, out: Floats) -> None:
    """Write mean, median, standard deviation and number of a histogram after clipping around the median."""
    first, last = 0, counts.shape[0] - 1
    mean = median = sigma = number = 0.0
    for _ in range(30):
        number = total = square = 0.0
        for k in range(first, last + 1):
            value = k + 0.5
            number += counts[k]
            total += counts[k] * value
            square += counts[k] * value * value
        if number < 2:
            out[:3] = np.nan
            out[3] = number
            return
        mean = total / number
        sigma = math.sqrt(max(square / number - mean * mean, 1.0 / 12.0))
        passed, k = 0.0, first
        while passed + counts[k] < 0.5 * number:
            passed += counts[k]
            k += 1
        median = k + (0.5 * number - passed) / counts[k]
        new_first = max(first, math.floor(median - clip * sigma))
        new_last = min(last, math.ceil(median + clip * sigma))
        if new_first == first and new_last == last:
            break
        first, last = new_first, new_last
    out[0], out[1], out[2], out[3] = low + mean * step, low + median * step, sigma * step, number


@njit(cache=True, nogil=True)
def _cell_statistics(
    image: NDArray[np.floating],
    masked: NDArray[np.bool_],
    use_mask: bool,
    y_edges: NDArray[np.int64],
    x_edges: NDArray[np.int64],
    clip: float,
    thin: int,
) -> Floats:
    n_y, n_x = y_edges.shape[0] - 1, x_edges.shape[0] - 1
    out = np.zeros((4, n_y, n_x))
    counts = np.zeros(_BINS, np.int64)
    sample = np.empty(_SAMPLE)
    for row in range(n_y):
        for column in range(n_x):
            y0, y1, x0, x1 = y_edges[row], y_edges[row + 1], x_edges[column], x_edges[column + 1]
            pixels = (y1 - y0) * (x1 - x0)
            stride = max(1, pixels // _SAMPLE)
            while stride > 1 and (x1 - x0) % stride == 0:
                stride -= 1
            n = 0
            for k in range(0, pixels, stride):
                j, i = y0 + k // (x1 - x0), x0 + k % (x1 - x0)
                if n < _SAMPLE and not (use_mask and masked[j, i]) and math.isfinite(image[j, i]):
                    sample[n] = image[j, i]
                    n += 1
            if n < 2:
                out[:3, row, column] = np.nan
                continue
            ordered = np.sort(sample[:n])
            middle = ordered[n // 2]
            # Half the distance between the quartiles below the median: objects only add light above it.
            spread = (middle - ordered[n // 4]) / 0.6745
            if spread <= 0.0:
                spread = max(abs(middle) * 1e-6, 1e-12)
            low, step = middle - _RANGE * spread, 2.0 * _RANGE * spread / _BINS
            counts[:] = 0
            inverse = 1.0 / step
            for j in range(y0, y1, thin):
                for i in range(x0, x1):
                    place = (image[j, i] - low) * inverse
                    if 0.0 <= place < _BINS and not (use_mask and masked[j, i]):
                        counts[int(place)] += 1
            _histogram_clip(counts, low, step, clip, out[:, row, column])
    # A normal distribution clipped at +-c has a standard deviation smaller by this factor.
    tail = clip * math.sqrt(2.0 / math.pi) * math.exp(-0.5 * clip * clip) / math.erf(clip / math.sqrt(2.0))
    out[2] /= math.sqrt(1.0 - tail)
    return out


def _ordinary(values: Floats, good: NDArray[np.bool_], clip: float = 4.0) -> NDArray[np.bool_]:
    """Return the measured cells within some robust widths of the median of all: what one object does is left out."""
    apart = np.abs(values - np.median(values[good]))
    return np.asarray(good & (apart <= clip * 1.4826 * np.median(apart[good])))


def _average_cells(values: Floats, good: NDArray[np.bool_], reach: int) -> tuple[Floats, Floats]:
    """Return the mean over the measured cells around each cell, and their number (1 at least)."""
    padded = np.pad(np.where(good, values, 0.0), reach)
    window = (2 * reach + 1, 2 * reach + 1)
    total = np.lib.stride_tricks.sliding_window_view(padded, window).sum(axis=(2, 3))
    number = np.lib.stride_tricks.sliding_window_view(np.pad(good.astype(float), reach), window).sum(axis=(2, 3))
    number = np.maximum(number, 1.0)
    return total / number, number


def _fill_cells(values: Floats, good: NDArray[np.bool_]) -> Floats:
    """Give cells without a value the mean of their measured neighbours, nearest first (inverse fourth power)."""
    if good.all():
        return values
    rows, columns = np.nonzero(good)
    filled = values.copy()
    for row, column in zip(*np.nonzero(~good), strict=True):  # a few cells of a mesh, not pixels
        weight = 1.0 / ((rows - row) ** 2 + (columns - column) ** 2) ** 2
        filled[row, column] = np.sum(weight * values[good]) / np.sum(weight)
    return filled


def _filter_outliers(values: Floats, rms: Floats, size: int) -> Floats:
    """Replace cells that differ from the median of their surroundings by more than the cells' own scatter."""
    if size <= 1 or min(values.shape) < 3:
        return values
    half = size // 2
    # Reflection about the edge value keeps gradients: the padding continues a slope.
    padded = np.pad(values, half, mode="reflect", reflect_type="odd")
    median = np.median(np.lib.stride_tricks.sliding_window_view(padded, (size, size)), axis=(2, 3))
    difference = values - median
    scatter = 1.4826 * np.median(np.abs(difference)) + 1e-3 * np.median(rms)
    return np.where(np.abs(difference) > 3.0 * scatter, median, values)


def _akima(knots: Floats, values: Floats, at: Floats) -> Floats:
    """Interpolate along the first axis; constant where there is one knot."""
    if knots.size == 1:
        return np.repeat(values, at.size, axis=0)
    return np.asarray(Akima1DInterpolator(knots, values)(at, extrapolate=True))


def _interpolate_mesh(values: Floats, x: Floats, y: Floats, shape: tuple[int, int]) -> NDArray[np.float32]:
    coefficients, starts = _pieces(values, x, y, shape)
    if coefficients is None:
        return np.repeat(_akima(y, values, np.arange(shape[0], dtype=float)), shape[1], axis=1).astype(np.float32)
    return np.asarray(_evaluate_rows(coefficients, starts, x))


def _pieces(
    values: Floats, x: Floats, y: Floats, shape: tuple[int, int]
) -> tuple[Floats, NDArray[np.int64]] | tuple[None, None]:
    """Return the cubic pieces of every row, and where they start; nothing if there is one column of cells."""
    if x.size == 1:
        return None, None
    rows = _akima(y, values, np.arange(shape[0], dtype=float))
    pieces = np.asarray(Akima1DInterpolator(x, np.ascontiguousarray(rows.T)).c)
    # The first and last pieces also hold what lies outside the knots.
    starts = np.concatenate([[0], np.ceil(x[1:-1]), [shape[1]]]).astype(np.int64)
    return np.ascontiguousarray(pieces.transpose(2, 1, 0)), np.clip(starts, 0, shape[1])


@njit(cache=True, nogil=True)
def _subtract_rows(
    image: NDArray[np.floating], pieces: Floats, starts: NDArray[np.int64], knots: Floats
) -> NDArray[np.float32]:
    """Return an image minus the cubic pieces; see `_evaluate_rows`."""
    ny, n_pieces = pieces.shape[0], pieces.shape[1]
    out = np.empty((ny, starts[n_pieces]), np.float32)
    for j in range(ny):
        for k in range(n_pieces):
            # Pieces span some hundred pixels: single precision keeps 1e-6 of the level.
            a, b = np.float32(pieces[j, k, 0]), np.float32(pieces[j, k, 1])
            c, d = np.float32(pieces[j, k, 2]), np.float32(pieces[j, k, 3])
            part, values = out[j, starts[k] : starts[k + 1]], image[j, starts[k] : starts[k + 1]]
            first = starts[k] - knots[k]
            for i in range(part.shape[0]):
                t = np.float32(first + i)
                part[i] = np.float32(values[i]) - (((a * t + b) * t + c) * t + d)
    return out


@njit(cache=True, nogil=True)
def _evaluate_rows(pieces: Floats, starts: NDArray[np.int64], knots: Floats) -> NDArray[np.float32]:
    """Evaluate cubic pieces (ny, n, 4), highest power first; piece k holds pixels starts[k] to starts[k + 1]."""
    ny, n_pieces = pieces.shape[0], pieces.shape[1]
    out = np.empty((ny, starts[n_pieces]), np.float32)
    for j in range(ny):
        for k in range(n_pieces):
            a, b, c, d = pieces[j, k, 0], pieces[j, k, 1], pieces[j, k, 2], pieces[j, k, 3]
            part = out[j, starts[k] : starts[k + 1]]
            for i in range(part.shape[0]):
                t = starts[k] + i - knots[k]
                part[i] = ((a * t + b) * t + c) * t + d
    return out
