"""Peaks of an image that stand out from their surroundings (topological prominence)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ("find_peaks",)


def find_peaks(
    significance: NDArray[np.float32], threshold: float, *, prominence: float = 2.0, contrast: float = 0.05
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the local maxima above a threshold that stand out from higher ones around them.

    The prominence of a peak is its height above the highest pass to a higher peak (paths over
    8-connected pixels above the threshold). A peak with no higher one in its region always stays.

    Parameters
    ----------
    significance : (ny, nx) float
        Significance of a source at each pixel, noise 1.
    threshold : float
        Smallest height; positive.
    prominence : float
        Smallest prominence in units of the noise.
    contrast : float
        Smallest prominence as a part of the peak's height, which keeps the rough flanks of bright
        sources from breaking up.

    Returns
    -------
    x, y : (n,) int32 [pixel]
        In raster order.
    """
    flat = np.ascontiguousarray(significance, dtype=np.float32).ravel()
    pixels = np.flatnonzero(flat > threshold)
    # The bits of positive floats sort like the numbers; the pixel's place below them settles ties.
    keys = ((~flat[pixels].view(np.uint32)).astype(np.uint64) << np.uint64(32)) | pixels.astype(np.uint64)
    order = (np.sort(keys) & np.uint64(0xFFFFFFFF)).astype(np.int64)
    kept = _flood(flat, order, significance.shape[1], prominence, contrast)
    chosen = np.sort(kept)
    return (chosen % significance.shape[1]).astype(np.int32), (chosen // significance.shape[1]).astype(np.int32)


@njit(cache=True, nogil=True)
def _flood(
    flat: NDArray[np.float32], order: NDArray[np.int64], width: int, prominence: float, contrast: float
) -> NDArray[np.int64]:
    """Let the water fall from the summit: regions meet at passes, and the lower peak is judged there."""
    place = np.full(flat.shape[0], -1, np.int32)  # position of a pixel in ``order``, once it is dry
    n = order.shape[0]
    parent = np.empty(n, np.int32)  # union-find; a root is the highest pixel of its region
    stays = np.zeros(n, np.bool_)
    for k in range(n):
        pixel = order[k]
        place[pixel] = k
        parent[k] = k
        stays[k] = True
        column = pixel % width
        for dj in range(-1, 2):
            for di in range(-1, 2):
                other = pixel + dj * width + di
                if column + di < 0 or column + di >= width or other < 0 or other >= flat.shape[0]:
                    continue
                if place[other] < 0 or other == pixel:
                    continue
                one = k
                while parent[one] != one:
                    parent[one] = parent[parent[one]]
                    one = parent[one]
                two = place[other]
                while parent[two] != two:
                    parent[two] = parent[parent[two]]
                    two = parent[two]
                if one == two:
                    continue
                high, low = min(one, two), max(one, two)
                parent[low] = high
                height = flat[order[low]]
                drop = height - flat[pixel]
                if low == k or drop < prominence or drop < contrast * height:
                    stays[low] = False
    return order[np.flatnonzero(stays)]
