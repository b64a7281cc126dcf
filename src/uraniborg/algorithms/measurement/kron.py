"""Kron fluxes: an ellipse as large as the light itself says (Kron 1980, ApJS 43, 305)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.measurement.plugins import Column, SourceBlock
from uraniborg.core.flags import MeasurementFlag

__all__ = ("KronPlugin",)

type Floats = NDArray[np.float64]

_SEARCH = 6.0
"""Size, in units of the moments, of the ellipse in which the first moment of the light is taken."""

_FACTOR = 2.5
"""Kron radii that the aperture spans."""

_SMALLEST = 1.2
"""Smallest Kron radius, in units of the moments (a Gaussian's is 1.25)."""


@njit(cache=True, nogil=True)
def _first_moment(
    data: NDArray[np.float32], variance: NDArray[np.float32], center: Floats, inverse: Floats, sums: Floats
) -> None:
    """Fill sums over the search ellipse: light, light times rho, variance, variance times rho, variance times rho^2."""
    size = data.shape[0]
    ixx, iyy, ixy = inverse
    reach = _SEARCH * math.sqrt(ixx / (ixx * iyy - ixy * ixy))
    light = moment = n0 = n1 = n2 = 0.0
    for j in range(max(0, math.ceil(center[1] - reach)), min(size - 1, math.floor(center[1] + reach)) + 1):
        v = j - center[1]
        root = math.sqrt(max(_SEARCH**2 - v * v * (iyy - ixy * ixy / ixx), 0.0) / ixx)
        middle = center[0] - ixy * v / ixx
        for i in range(max(0, math.ceil(middle - root)), min(size - 1, math.floor(middle + root)) + 1):
            u = i - center[0]
            rho = math.sqrt(max(ixx * u * u + iyy * v * v + 2.0 * ixy * u * v, 0.0))
            light += data[j, i]
            moment += data[j, i] * rho
            n0 += variance[j, i]
            n1 += variance[j, i] * rho
            n2 += variance[j, i] * rho * rho
    sums[0], sums[1], sums[2], sums[3], sums[4] = light, moment, n0, n1, n2


@njit(cache=True, nogil=True)
def _ellipse(
    data: NDArray[np.float32],
    variance: NDArray[np.float32],
    center: Floats,
    inverse: Floats,
    radius: float,
    kron: float,
    sums: Floats,
) -> bool:
    """Fill sums over the aperture: light, its change with the radius, variance and variance times (rho - kron).

    Pixels on the line count by the part of their width that is inside. Returns whether the aperture is whole.
    """
    size = data.shape[0]
    ixx, iyy, ixy = inverse
    reach = (radius + 1.0) * math.sqrt(ixx / (ixx * iyy - ixy * ixy))
    light = change = n0 = n1 = 0.0
    whole: bool = center[0] - reach > 0.0 and center[1] - reach > 0.0
    whole = whole and center[0] + reach < size - 1 and center[1] + reach < size - 1
    for j in range(max(0, math.ceil(center[1] - reach)), min(size - 1, math.floor(center[1] + reach)) + 1):
        v = j - center[1]
        root = math.sqrt(max((radius + 1.0) ** 2 - v * v * (iyy - ixy * ixy / ixx), 0.0) / ixx)
        middle = center[0] - ixy * v / ixx
        for i in range(max(0, math.ceil(middle - root)), min(size - 1, math.floor(middle + root)) + 1):
            u = i - center[0]
            gx, gy = ixx * u + ixy * v, iyy * v + ixy * u
            rho = math.sqrt(max(gx * u + gy * v, 1e-12))
            slope = max(math.sqrt(gx * gx + gy * gy) / rho, 1e-6)  # change of rho over one pixel
            part = (radius - rho) / slope + 0.5
            if part <= 0.0:
                continue
            if part < 1.0:
                change += data[j, i] / slope
            part = min(part, 1.0)
            light += part * data[j, i]
            n0 += part * part * variance[j, i]
            n1 += part * variance[j, i] * (rho - kron)
            if variance[j, i] == 0.0:
                whole = False
    sums[0], sums[1], sums[2], sums[3] = light, change, n0, n1
    return whole


@njit(cache=True, nogil=True)
def _measure(
    data: NDArray[np.float32], variance: NDArray[np.float32], centers: Floats, shapes: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Return for each source flux, error, radius; and whether the radius failed, and whether the aperture is cut."""
    n = data.shape[0]
    out, failed = np.full((n, 3), np.nan), np.zeros((n, 2), np.bool_)
    first, second, inverse = np.empty(5), np.empty(4), np.empty(3)
    largest = _SEARCH / _FACTOR
    for s in range(n):
        xx, yy, xy = shapes[s, 0], shapes[s, 1], shapes[s, 2]
        det = xx * yy - xy * xy
        if not det > 0.0:
            failed[s, 0] = True
            continue
        inverse[0], inverse[1], inverse[2] = yy / det, xx / det, -xy / det
        _first_moment(data[s], variance[s], centers[s], inverse, first)
        kron, free = _SMALLEST, False
        if first[0] > 0.0:
            kron = first[1] / first[0]
            free = _SMALLEST < kron < largest
            kron = min(max(kron, _SMALLEST), largest)
        else:
            failed[s, 0] = True
        failed[s, 1] = not _ellipse(data[s], variance[s], centers[s], inverse, _FACTOR * kron, kron, second)
        noise = second[2]
        if free:  # the radius has noise too, partly that of the flux
            gain = _FACTOR * second[1] / first[0]
            spread = first[4] - 2.0 * kron * first[3] + kron * kron * first[2]
            noise += 2.0 * gain * second[3] + gain * gain * spread
        out[s, 0], out[s, 1] = second[0], math.sqrt(max(noise, 0.0))
        out[s, 2] = kron * math.sqrt(math.sqrt(det))
    return out, failed


class KronPlugin:
    """Flux within 2.5 Kron radii, in an ellipse of the shape of the moments, else of the point-spread function."""

    name = "kron"
    requires = ("shape",)
    columns = (
        Column("kron_flux", "electron", "Flux within 2.5 Kron radii."),
        Column("kron_flux_err", "electron", "Error of kron_flux, that of the radius included."),
        Column("kron_radius", "pixel", "Kron radius, geometric mean of the two axes."),
    )

    def measure(self, block: SourceBlock) -> Mapping[str, NDArray[np.generic]]:
        """Return the columns for the sources of a block."""
        done = block.done
        own, model = (np.stack([done[f"{p}{axes}"] for axes in ("xx", "yy", "xy")], axis=1) for p in ("", "psf_"))
        shapes = np.where(np.isfinite(own).all(axis=1, keepdims=True), own, model).astype(float)
        table, failed = _measure(block.data, block.variance, block.center, np.nan_to_num(shapes))
        flags = np.where(failed[:, 0], int(MeasurementFlag.KRON_FAILED), 0)
        flags |= np.where(failed[:, 1], int(MeasurementFlag.KRON_EDGE), 0)
        return {
            "kron_flux": block.sign * table[:, 0],
            "kron_flux_err": table[:, 1],
            "kron_radius": table[:, 2],
            "flags": flags.astype(np.int32),
        }
