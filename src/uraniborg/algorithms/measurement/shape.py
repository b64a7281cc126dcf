"""What the Gaussian that matches a source shows: moments, windowed centroid, Gaussian flux, blendedness."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.measurement.moments import N_MOMENT_COLUMNS, fit_moments
from uraniborg.algorithms.measurement.plugins import Column, SourceBlock
from uraniborg.core.flags import MeasurementFlag

__all__ = ("ShapePlugin",)

type Floats = NDArray[np.float64]

_EXTENDED = 0.1
"""A source is called extended if its moments exceed those of the point-spread function by this part at least."""


@njit(cache=True, nogil=True)
def _seen_through(parent: NDArray[np.float32], variance: NDArray[np.float32], fit: Floats) -> float:
    """Return the sum over the window of a fit on other pixels of the same place; the two arrays share their middle."""
    cx, cy, wxx, wyy, wxy = fit[1], fit[2], fit[3], fit[4], fit[5]
    det = wxx * wyy - wxy * wxy
    ixx, iyy, ixy = wyy / det, wxx / det, -wxy / det
    shift = variance.shape[0] // 2 - parent.shape[0] // 2
    bend = math.exp(-ixx)
    total = 0.0
    for b in range(parent.shape[0]):
        v = b + shift - cy
        if iyy * v * v > 40.0:
            continue
        u = shift - cx
        # The weight along a row from where it is not too small: each value follows from the last by two products.
        start = max(0, math.ceil(cx - shift - 6.0 / math.sqrt(ixx) - abs(ixy * v / ixx)))
        u = start + shift - cx
        value = math.exp(-0.5 * (ixx * u * u + iyy * v * v + 2.0 * ixy * u * v))
        factor = math.exp(-0.5 * (ixx * (2.0 * u + 1.0) + 2.0 * ixy * v))
        for a in range(start, parent.shape[0]):
            u = a + shift - cx
            if variance[b + shift, a + shift] > 0.0 and ixx * u * u + iyy * v * v + 2.0 * ixy * u * v < 16.0:
                total += value * parent[b, a]
            value *= factor
            factor *= bend
    return total


@njit(cache=True, nogil=True)
def _measure(
    data: NDArray[np.float32],
    variance: NDArray[np.float32],
    parent: NDArray[np.float32],
    stamps: Floats,
    centers: Floats,
    psf_flux: Floats,
) -> Floats:
    """Return for each source its fit (13), the moments of the stamp (3), the stamp's Gaussian flux, blendedness."""
    n, half, reach = data.shape[0], data.shape[1] // 2, stamps.shape[1] // 2
    out = np.full((n, N_MOMENT_COLUMNS + 5), np.nan)
    model, row, start = np.empty(N_MOMENT_COLUMNS), np.empty(N_MOMENT_COLUMNS), np.zeros(6)
    ones = np.ones(stamps.shape[1:])
    guess = (3.0, 3.0, 0.0)
    for s in range(n):
        cx, cy = centers[s, 0], centers[s, 1]
        start[0], start[1] = cx - half + reach, cy - half + reach
        start[2], start[3], start[4], start[5] = guess[0], guess[1], guess[2], 2.0
        if not fit_moments(stamps[s], ones, start, True, False, model):
            continue
        guess = (model[3], model[4], model[5])  # of the next one, too: models differ little
        out[s, 13], out[s, 14], out[s, 15], out[s, 16] = model[3], model[4], model[5], model[0]
        start[0], start[1] = cx, cy
        start[2], start[3], start[4] = guess
        start[5] = 2.0 * math.sqrt(0.5 * (model[3] + model[4]))
        if fit_moments(data[s], variance[s], start, True, True, row):
            out[s, :13] = row
            total = _seen_through(parent[s], variance[s], row)
            if total > 0.0:
                out[s, 17] = 1.0 - row[12] / total
    return out


class ShapePlugin:
    """Adaptive moments of source and point-spread function, and what the matched Gaussian gives besides.

    The fixed point of Bernstein & Jarvis (2002, AJ 123, 583) and Hirata & Seljak (2003, MNRAS 343, 459): the weight
    is the Gaussian of twice the weighted moments. Its centre is a windowed centroid, its integral the Gaussian flux
    (brought to the scale of point-source fluxes by what the same measurement makes of the point-spread function).
    Blendedness is the part of the light in that window that belongs to neighbours (after Bosch et al. 2018, PASJ
    70, S5).
    """

    name = "shape"
    requires = ()
    columns = (
        *(Column(f"{axes}", "pixel**2", "Adaptive second moment.") for axes in ("xx", "yy", "xy")),
        *(Column(f"{axes}_err", "pixel**2", "Error of the moment.") for axes in ("xx", "yy", "xy")),
        *(Column(f"psf_{axes}", "pixel**2", "Moment of the point-spread function.") for axes in ("xx", "yy", "xy")),
        Column("window_x", "pixel", "Windowed centroid relative to the box."),
        Column("window_y", "pixel", "Windowed centroid relative to the box."),
        Column("window_x_err", "pixel", "Error of window_x."),
        Column("window_y_err", "pixel", "Error of window_y."),
        Column("gaussian_flux", "electron", "Flux of the Gaussian that matches the source."),
        Column("gaussian_flux_err", "electron", "Error of gaussian_flux."),
        Column("blendedness", "", "Part of the light under the source that belongs to others."),
        Column("size_ratio", "", "Trace of the moments over that of the point-spread function."),
        Column("extendedness", "", "1 for sources that are broader than the point-spread function."),
    )

    def measure(self, block: SourceBlock) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns for the sources of a block."""
        table = _measure(block.data, block.variance, block.parent, block.stamps, block.center, block.psf_flux)
        flux, x, y, xx, yy, xy, xx_err, yy_err, xy_err, flux_err, x_err, y_err, _ = table[:, :13].T
        psf_xx, psf_yy, psf_xy, psf_flux, blendedness = table[:, 13:].T
        trace = psf_xx + psf_yy
        ratio, error = (xx + yy) / trace, np.hypot(xx_err, yy_err) / trace
        broad = (ratio - 1.0 > np.maximum(_EXTENDED, 3.0 * error)).astype(float)
        failed = ~np.isfinite(xx)
        return {
            "xx": xx,
            "yy": yy,
            "xy": xy,
            "xx_err": xx_err,
            "yy_err": yy_err,
            "xy_err": xy_err,
            "psf_xx": psf_xx,
            "psf_yy": psf_yy,
            "psf_xy": psf_xy,
            "window_x": x - block.center[:, 0],
            "window_y": y - block.center[:, 1],
            "window_x_err": x_err,
            "window_y_err": y_err,
            "gaussian_flux": block.sign * flux / psf_flux,
            "gaussian_flux_err": flux_err / psf_flux,
            "blendedness": blendedness,
            "size_ratio": ratio,
            "extendedness": np.where(failed, np.nan, broad),
            "flags": np.where(failed, int(MeasurementFlag.SHAPE_FAILED), 0).astype(np.int32),
        }
