"""Kernels that measure each source in a box cut from the image after all its neighbours were subtracted."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.measurement.aperture import sum_aperture
from uraniborg.algorithms.measurement.moments import fit_moments
from uraniborg.core.pixelgrid import nearest_pixel, place_stamp

__all__ = ("measure_boxes",)

type Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def _fill_box(
    residual: NDArray[np.float32],
    variance: NDArray[np.floating],
    stamp: Floats,
    place: tuple[int, int],
    flux: float,
    box: Floats,
) -> None:
    """Copy the surroundings of a source, its own model added back.

    ``box`` is (3, m, m): pixel values with the model on unusable pixels, variances (0 there), residuals
    (NaN there).
    """
    size, half = box.shape[1], box.shape[1] // 2
    reach = stamp.shape[0] // 2
    ny, nx = residual.shape
    for b in range(size):
        j = place[1] + b - half
        for a in range(size):
            i = place[0] + a - half
            model = 0.0
            if abs(b - half) <= reach and abs(a - half) <= reach:
                model = flux * stamp[b - half + reach, a - half + reach]
            inside = 0 <= i < nx and 0 <= j < ny
            if inside and not math.isnan(residual[j, i]):
                box[0, b, a] = residual[j, i] + model
                box[1, b, a] = variance[j, i]
                box[2, b, a] = residual[j, i]
            else:
                box[0, b, a], box[1, b, a], box[2, b, a] = model, 0.0, np.nan


@njit(cache=True, nogil=True)
def _annulus(values: Floats, inner: float, outer: float, work: Floats) -> tuple[float, float]:
    """Return the clipped mean of the usable pixels of an annulus, and its standard error.

    Clipping starts from the median and the quartiles of one pixel in eight.
    """
    half = values.shape[0] // 2
    n = sampled = 0
    for b in range(values.shape[0]):
        for a in range(values.shape[1]):
            square = (a - half) ** 2 + (b - half) ** 2
            if inner * inner <= square <= outer * outer and not math.isnan(values[b, a]):
                work[n] = values[b, a]
                n += 1
    if n < 32:
        return np.nan, np.nan
    sample = np.sort(work[:n:8])
    sampled = sample.shape[0]
    middle = sample[sampled // 2]
    spread = max((sample[(3 * sampled) // 4] - sample[sampled // 4]) / 1.349, 1e-12)
    kept = 0
    for _ in range(5):
        total = square_sum = 0.0
        count = 0
        for k in range(n):
            shifted = work[k] - middle
            if abs(shifted) <= 3.0 * spread:
                total += shifted
                square_sum += shifted * shifted
                count += 1
        if count < 2 or count == kept:
            break
        kept = count
        middle += total / count
        # 0.973: the variance of a normal distribution clipped at three standard deviations.
        spread = math.sqrt(max(square_sum / count - (total / count) ** 2, 1e-24) / 0.973)
    return middle, spread / math.sqrt(max(kept, 1))


@njit(cache=True, nogil=True)
def _bits_around(bits: NDArray[np.uint8], column: int, row: int, reach: int) -> int:
    """Return all mask bits within ``reach`` pixels of a pixel."""
    ny, nx = bits.shape
    found = 0
    for j in range(max(0, row - reach), min(ny, row + reach + 1)):
        for i in range(max(0, column - reach), min(nx, column + reach + 1)):
            found |= bits[j, i]
    return found


@njit(cache=True, nogil=True)
def _touches_bad(variance: Floats, cx: float, cy: float, radius: float) -> bool:
    for j in range(int(cy - radius), int(cy + radius) + 2):
        for i in range(int(cx - radius), int(cx + radius) + 2):
            if (i - cx) ** 2 + (j - cy) ** 2 < radius * radius and variance[j, i] == 0.0:
                return True
    return False


@njit(cache=True, nogil=True)
def measure_boxes(
    residual: NDArray[np.float32],
    variance: NDArray[np.floating],
    bits: NDArray[np.uint8],
    grids: Floats,
    sampling: float,
    size: int,
    centers: Floats,
    fluxes: Floats,
    signs: Floats,
    radii: Floats,
) -> tuple[Floats, NDArray[np.int64]]:
    """Measure shapes, sky and apertures of all sources.

    Parameters
    ----------
    residual : (ny, nx) float32
        Image minus all point-source models; NaN on unusable pixels.
    variance : (ny, nx) float
        Variance of each pixel.
    bits : (ny, nx) uint8
        Mask, or an array of another height where there is none.
    grids : (n, g, g) float
        Model of the point-spread function for each source.
    sampling : float [pixel]
        Its grid step.
    size : int [pixel]
        Side of its stamps.
    centers : (n, 2) float [pixel]
        x, y.
    fluxes : (n,) float
        Point-source fluxes that were subtracted.
    signs : (n,) float
        +1 or -1.
    radii : (k,) float [pixel]
        Radii of apertures, rising.

    Returns
    -------
    table : (n, 11 + 2 k) float
        Moments and their errors (6), moments of the model (3), sky and its error (2), aperture fluxes, their errors.
    seen : (n, 5) int
        Mask bits in the central 3 x 3 pixels, mask bits in the core, 1 where the moments failed, 1 where an
        aperture holds unusable pixels, reach of the core [pixel].
    """
    n, k = centers.shape[0], radii.shape[0]
    table = np.full((n, 11 + 2 * k), np.nan)
    seen = np.zeros((n, 5), np.int64)
    half = math.ceil(radii[k - 1]) + 2
    box = np.empty((3, 2 * half + 1, 2 * half + 1))
    work = np.empty((2 * half + 1) ** 2)
    stamp = np.empty((size, size))
    ones = np.ones((size, size))
    start, row = np.empty(4), np.empty(9)
    ny, nx = residual.shape
    width = 1.7
    for s in range(n):
        x, y = centers[s, 0], centers[s, 1]
        if not (math.isfinite(x) and math.isfinite(y)) or x < -half or y < -half or x > nx + half or y > ny + half:
            continue
        column, line = nearest_pixel(x), nearest_pixel(y)
        place_stamp(grids[s], x - column, y - line, sampling, stamp)
        _fill_box(residual, variance, stamp, (column, line), fluxes[s], box)
        if signs[s] < 0:
            box[0] *= -1.0
        start[0], start[1] = size // 2 + x - column, size // 2 + y - line
        start[2], start[3] = width * width, 2.0
        if fit_moments(stamp, ones, start, True, row):
            table[s, 6], table[s, 7], table[s, 8] = row[3], row[4], row[5]
            width = math.sqrt(0.5 * (row[3] + row[4]))
        start[0], start[1] = half + x - column, half + y - line
        start[2], start[3] = width * width, 2.0 * width
        if fit_moments(box[0], box[1], start, True, row):
            for c in range(6):
                table[s, c] = row[3 + c]
        else:
            seen[s, 2] = 1
        table[s, 9], table[s, 10] = _annulus(box[2], 0.6 * radii[k - 1], radii[k - 1], work)
        for a in range(k):
            total, noise = sum_aperture(box[0], box[1], start[0], start[1], radii[a])
            table[s, 11 + a], table[s, 11 + k + a] = signs[s] * total, math.sqrt(noise)
        seen[s, 3] = _touches_bad(box[1], start[0], start[1], radii[k - 1])
        seen[s, 4] = int(2.0 * width + 0.5)
        if bits.shape[0] == ny:
            seen[s, 0] = _bits_around(bits, column, line, 1)
            seen[s, 1] = _bits_around(bits, column, line, seen[s, 4])
    return table, seen
