"""Boxes of pixels around sources with all neighbours taken out, some sources at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.measurement.plugins import SourceBlock
from uraniborg.algorithms.measurement.psffit import PointFit

__all__ = ("BLOCK_SIZE", "source_blocks")

BLOCK_SIZE = 96
"""Sources in a block: their boxes stay in the cache of a processor."""

type Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def _fill(
    residual: NDArray[np.float32],
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    stamps: Floats,
    places: NDArray[np.int64],
    fluxes: Floats,
    signs: Floats,
    data: NDArray[np.float32],
    noise: NDArray[np.float32],
    parent: NDArray[np.float32],
) -> None:
    """Fill the boxes of a block (see `SourceBlock`)."""
    n, size, stamp_size = data.shape[0], data.shape[1], stamps.shape[1]
    half, reach = size // 2, stamp_size // 2
    ny, nx = residual.shape
    for s in range(n):
        column, row = places[s, 0], places[s, 1]
        sign = np.float32(signs[s])
        first, last = max(0, half - column), min(size, nx + half - column)
        for b in range(size):
            j = row + b - half
            into, spread = data[s, b], noise[s, b]
            if j < 0 or j >= ny or first > 0 or last < size:
                into[:] = 0.0
                spread[:] = 0.0
            if 0 <= j < ny:
                left, light = residual[j], variance[j]
                for a in range(first, last):
                    value = left[column + a - half]
                    usable = value == value
                    into[a] = sign * value if usable else np.float32(0.0)
                    spread[a] = light[column + a - half] if usable else np.float32(0.0)
        own = signs[s] * fluxes[s]
        for b in range(stamp_size):
            into = data[s, half - reach + b]
            for a in range(stamp_size):
                into[half - reach + a] += own * stamps[s, b, a]
        low, high = max(0, reach - column), min(stamp_size, nx + reach - column)
        for b in range(stamp_size):
            j = row + b - reach
            into, alone, spread = parent[s, b], data[s, half - reach + b], noise[s, half - reach + b]
            for a in range(stamp_size):
                into[a] = alone[half - reach + a]
            if 0 <= j < ny:
                light = image[j]
                for a in range(low, high):
                    usable = spread[half - reach + a] > np.float32(0.0)
                    into[a] = sign * light[column + a - reach] if usable else into[a]


def source_blocks(
    fit: PointFit,
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    *,
    signs: Floats,
    radii: Floats,
) -> Iterator[tuple[NDArray[np.intp], SourceBlock]]:
    """Go through the sources of a fit, strip by strip of the image.

    Parameters
    ----------
    fit : PointFit
        Fitted point sources and what they leave.
    image, variance : (ny, nx) float
        What they were fitted to.
    signs : (n,) float
        +1 or -1.
    radii : (k,) float [pixel]
        Radii of apertures, rising.

    Yields
    ------
    rows : (b,) int
        Which sources; only those with a flux.
    block : SourceBlock
        Its arrays are used again for the next block: copy what is to stay.
    """
    reach = fit.stamps.shape[-1] // 2
    half = max(math.ceil(radii[-1]) + 2, reach + 2)
    boxes = np.empty((2, BLOCK_SIZE, 2 * half + 1, 2 * half + 1), np.float32)
    parents = np.empty((BLOCK_SIZE, 2 * reach + 1, 2 * reach + 1), np.float32)
    chosen = np.flatnonzero(np.isfinite(fit.flux[fit.order]))
    # Along strips of the image, so that what lies side by side is read together.
    chosen = chosen[np.lexsort((fit.places[chosen, 0], fit.places[chosen, 1] // 64))]
    for start in range(0, chosen.size, BLOCK_SIZE):
        part = chosen[start : start + BLOCK_SIZE]
        rows, n = fit.order[part], part.size
        places, stamps, flux = fit.places[part], fit.stamps[part], fit.flux[rows]
        data, noise, parent = boxes[0, :n], boxes[1, :n], parents[:n]
        _fill(fit.residual, image, variance, stamps, places, flux, signs[rows], data, noise, parent)
        centers = np.stack([fit.x[rows], fit.y[rows]], axis=1)
        yield (
            rows,
            SourceBlock(
                data=data,
                variance=noise,
                parent=parent,
                stamps=stamps,
                center=centers - places + half,
                sign=signs[rows],
                psf_flux=signs[rows] * flux,
                psf_flux_err=fit.flux_err[rows],
                radii=radii,
                done={},
            ),
        )
