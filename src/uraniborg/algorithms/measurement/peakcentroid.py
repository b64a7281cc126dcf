"""The centroid of the Sloan survey: the top of the image after smoothing with the point-spread function."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.measurement.plugins import Column, SourceBlock
from uraniborg.core.flags import MeasurementFlag

__all__ = ("PeakCentroidPlugin",)

type Floats = NDArray[np.float64]

_REACH = 8


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _correlate(data: NDArray[np.float32], stamp: Floats, reach: int, di: int, dj: int) -> float:
    """Return the sum of a stamp, moved by whole pixels, times a box with the same middle."""
    shift, middle = data.shape[0] // 2 - stamp.shape[0] // 2, stamp.shape[0] // 2
    total = 0.0
    for b in range(middle - reach, middle + reach + 1):
        row, line = data[b + shift + dj], stamp[b]
        for a in range(middle - reach, middle + reach + 1):
            total += row[a + shift + di] * line[a]
    return total


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _slope_noise(variance: NDArray[np.float32], stamp: Floats, reach: int) -> tuple[float, float]:
    """Return the variances of the differences along x and y of the smoothed image."""
    shift, middle = variance.shape[0] // 2 - stamp.shape[0] // 2, stamp.shape[0] // 2
    along_x = along_y = 0.0
    for b in range(middle - reach, middle + reach + 1):
        row, line, below, above = variance[b + shift], stamp[b], stamp[b - 1], stamp[b + 1]
        for a in range(middle - reach, middle + reach + 1):
            across, up = 0.5 * (line[a - 1] - line[a + 1]), 0.5 * (below[a] - above[a])
            along_x += row[a + shift] * across * across
            along_y += row[a + shift] * up * up
    return along_x, along_y


@njit(cache=True, nogil=True)
def _measure(data: NDArray[np.float32], variance: NDArray[np.float32], stamps: Floats) -> Floats:
    """Return the shift of each source from the centre of its stamp, and its errors: x, y, x_err, y_err."""
    n = data.shape[0]
    out = np.full((n, 4), np.nan)
    reach = min(_REACH, stamps.shape[1] // 2 - 1)
    for s in range(n):
        middle = _correlate(data[s], stamps[s], reach, 0, 0)
        left, right = _correlate(data[s], stamps[s], reach, -1, 0), _correlate(data[s], stamps[s], reach, 1, 0)
        below, above = _correlate(data[s], stamps[s], reach, 0, -1), _correlate(data[s], stamps[s], reach, 0, 1)
        bend_x, bend_y = 2.0 * middle - left - right, 2.0 * middle - below - above
        if bend_x > 0.0 and bend_y > 0.0:
            x, y = 0.5 * (right - left) / bend_x, 0.5 * (above - below) / bend_y
            if abs(x) < 1.0 and abs(y) < 1.0:
                noise_x, noise_y = _slope_noise(variance[s], stamps[s], reach)
                out[s, 0], out[s, 1] = x, y
                out[s, 2], out[s, 3] = math.sqrt(noise_x) / bend_x, math.sqrt(noise_y) / bend_y
    return out


class PeakCentroidPlugin:
    """Top of the parabolas through three points of the smoothed image (after Pier et al. 2003, AJ 125, 1559)."""

    name = "peak_centroid"
    requires = ()
    columns = (
        Column("sdss_x", "pixel", "Top of the smoothed image relative to the fitted centre."),
        Column("sdss_y", "pixel", "Top of the smoothed image relative to the fitted centre."),
        Column("sdss_x_err", "pixel", "Error of sdss_x."),
        Column("sdss_y_err", "pixel", "Error of sdss_y."),
    )

    def measure(self, block: SourceBlock) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns for the sources of a block."""
        x, y, x_err, y_err = _measure(block.data, block.variance, block.stamps).T
        failed = np.where(np.isfinite(x), 0, int(MeasurementFlag.PEAK_CENTROID_FAILED)).astype(np.int32)
        return {"sdss_x": x, "sdss_y": y, "sdss_x_err": x_err, "sdss_y_err": y_err, "flags": failed}
