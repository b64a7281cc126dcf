"""Fluxes in circular apertures, and what sky is left around the source."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.measurement.aperture import sum_apertures
from uraniborg.algorithms.measurement.plugins import Column, SourceBlock
from uraniborg.core.flags import MeasurementFlag

__all__ = ("AperturePlugin",)

type Floats = NDArray[np.float64]

_INNER = 0.6
_CLIP = 3.0
_CLIPPED = 0.9733
"""Variance of a normal distribution that is clipped at three standard deviations."""


@njit(cache=True, nogil=True)
def _annulus(
    data: NDArray[np.float32],
    variance: NDArray[np.float32],
    stamp: Floats,
    flux: float,
    radius: float,
    work: NDArray[np.float32],
) -> tuple[float, float]:
    """Return the clipped mean of the usable pixels between 0.6 and 1 radius, the source taken out, and its error."""
    size, half, reach = data.shape[0], data.shape[0] // 2, stamp.shape[0] // 2
    low, high = (_INNER * radius) ** 2, radius**2
    n = 0
    noise = 0.0
    for b in range(size):
        v = b - half
        if v * v > high:
            continue
        outer = int(math.sqrt(high - v * v))
        inner = math.ceil(math.sqrt(low - v * v)) if v * v < low else 0
        for side in range(2):
            first, last = (-outer, -inner) if side == 0 else (max(inner, 1), outer)
            for a in range(half + first, half + last + 1):
                if variance[b, a] > 0.0:
                    value = data[b, a]
                    if abs(v) <= reach and abs(a - half) <= reach:
                        value -= np.float32(flux * stamp[v + reach, a - half + reach])
                    work[n] = value
                    noise += variance[b, a]
                    n += 1
    if n < 32:
        return np.nan, np.nan
    # The noise is known from the variance; a first middle is the median of a few pixels.
    middle = float(np.median(work[: n : max(1, n // 64)]))
    width = math.sqrt(noise / n)
    total = square = 0.0
    count = 0
    for _ in range(3):
        total = square = 0.0
        count = 0
        for k in range(n):
            shifted = work[k] - middle
            if abs(shifted) <= _CLIP * width:
                total += shifted
                square += shifted * shifted
                count += 1
        if count < 16:
            return np.nan, np.nan
        middle += total / count
        if abs(total) < 0.1 * width * math.sqrt(count):
            break
    scatter = math.sqrt(max(square / count - (total / count) ** 2, 0.0) / _CLIPPED)
    return middle, scatter / math.sqrt(count)


@njit(cache=True, nogil=True)
def _touches_bad(variance: NDArray[np.float32], cx: float, cy: float, radius: float) -> bool:
    size = variance.shape[0]
    zeros = 0
    for j in range(size):
        for i in range(size):
            zeros += variance[j, i] == np.float32(0.0)
    if zeros == 0:
        return False
    for j in range(max(0, int(cy - radius)), min(size, int(cy + radius) + 2)):
        for i in range(max(0, int(cx - radius)), min(size, int(cx + radius) + 2)):
            if variance[j, i] == 0.0 and (i - cx) ** 2 + (j - cy) ** 2 < radius * radius:
                return True
    return False


@njit(cache=True, nogil=True)
def _measure(
    data: NDArray[np.float32],
    variance: NDArray[np.float32],
    stamps: Floats,
    centers: Floats,
    fluxes: Floats,
    radii: Floats,
    out: Floats,
    bad: NDArray[np.bool_],
) -> None:
    """Write for each source: sky, its error, aperture fluxes (k), their errors (k)."""
    n, size, k = data.shape[0], data.shape[1], radii.shape[0]
    work = np.empty(size * size, np.float32)
    flux, noise = np.empty(k), np.empty(k)
    for s in range(n):
        cx, cy = centers[s, 0], centers[s, 1]
        sum_apertures(data[s], variance[s], cx, cy, radii, flux, noise)
        for a in range(k):
            out[s, 2 + a], out[s, 2 + k + a] = flux[a], math.sqrt(noise[a])
        out[s, 0], out[s, 1] = _annulus(data[s], variance[s], stamps[s], fluxes[s], radii[k - 1], work)
        bad[s] = _touches_bad(variance[s], cx, cy, radii[k - 1])


class AperturePlugin:
    """Sums within circles with the exact overlap of circle and pixel; the sky between 0.6 and 1 largest radius."""

    name = "apertures"
    requires = ()
    columns = (
        Column("aperture_flux", "electron", "Fluxes within the apertures."),
        Column("aperture_flux_err", "electron", "Their errors."),
        Column("sky", "electron", "Clipped mean of what is left around the source, for each pixel."),
        Column("sky_err", "electron", "Its error."),
    )

    def measure(self, block: SourceBlock) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns for the sources of a block."""
        n, k = len(block.sign), len(block.radii)
        table, bad = np.empty((n, 2 + 2 * k)), np.empty(n, bool)
        planes = (block.data, block.variance, block.stamps, block.center, block.psf_flux)
        _measure(*planes, block.radii, table, bad)
        return {
            "aperture_flux": block.sign[:, None] * table[:, 2 : 2 + k],
            "aperture_flux_err": table[:, 2 + k :],
            "sky": block.sign * table[:, 0],
            "sky_err": table[:, 1],
            "flags": np.where(bad, int(MeasurementFlag.APERTURE_BAD_PIXEL), 0).astype(np.int32),
        }
