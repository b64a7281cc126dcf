"""Peaks of an image that stand out from their surroundings (topological prominence)."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ("find_peaks", "refine_peaks")


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
    place = np.zeros(flat.size, np.int32)  # pages that are never touched cost nothing
    kept = _flood(flat, order, place, significance.shape[1], prominence, contrast)
    chosen = np.sort(kept)
    return (chosen % significance.shape[1]).astype(np.int32), (chosen // significance.shape[1]).astype(np.int32)


def refine_peaks(
    significance: NDArray[np.float32], x: NDArray[np.integer], y: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where between the pixels peaks are, and how high: the top of the parabola through 3 x 3 pixels.

    Of a smooth field this is the maximum itself: sources between pixels are not lost, noise is not counted by pixels.

    Parameters
    ----------
    significance : (ny, nx) float
        Image in which the peaks are maxima.
    x, y : (n,) int [pixel]
        Their pixels.

    Returns
    -------
    offset : (n, 2) float [pixel]
        x and y of the top from the centre of the pixel, at most 0.7; 0 at the edge of the image.
    value : (n,) float
        Height of the top.
    """
    ny, nx = significance.shape
    i, j = np.clip(x, 1, max(nx - 2, 1)), np.clip(y, 1, max(ny - 2, 1))
    top = significance[y, x].astype(float)
    offset = np.zeros((len(top), 2))
    if min(nx, ny) < 3:
        return offset, top
    patch = {(dj, di): significance[j + dj, i + di].astype(float) for dj in (-1, 0, 1) for di in (-1, 0, 1)}
    gx, gy = (patch[0, 1] - patch[0, -1]) / 2.0, (patch[1, 0] - patch[-1, 0]) / 2.0
    xx = patch[0, 1] - 2.0 * patch[0, 0] + patch[0, -1]
    yy = patch[1, 0] - 2.0 * patch[0, 0] + patch[-1, 0]
    xy = (patch[1, 1] - patch[1, -1] - patch[-1, 1] + patch[-1, -1]) / 4.0
    det = xx * yy - xy * xy
    inner = (i == x) & (j == y) & (xx < 0.0) & (yy < 0.0) & (det > 0.25 * xx * yy)
    # A pixel without data is exactly zero: it says nothing about the shape of a top.
    inner &= np.all([values != 0.0 for values in patch.values()], axis=0)
    safe = np.where(inner, det, 1.0)
    offset[:, 0] = np.where(inner, np.clip((xy * gy - yy * gx) / safe, -0.7, 0.7), 0.0)
    offset[:, 1] = np.where(inner, np.clip((xy * gx - xx * gy) / safe, -0.7, 0.7), 0.0)
    return offset, top + 0.5 * (gx * offset[:, 0] + gy * offset[:, 1]) * inner


@njit(cache=True, nogil=True)
def _flood(
    flat: NDArray[np.float32],
    order: NDArray[np.int64],
    place: NDArray[np.int32],
    width: int,
    prominence: float,
    contrast: float,
) -> NDArray[np.int64]:
    """Let the water fall from the summit: regions meet at passes, and the lower peak is judged there.

    ``place`` comes as zeros; it gets 1 + the position of a pixel in ``order`` once it is dry.
    """
    n = order.shape[0]
    parent = np.empty(n, np.int32)  # union-find; a root is the highest pixel of its region
    stays = np.zeros(n, np.bool_)
    for k in range(n):
        pixel = order[k]
        place[pixel] = k + 1
        parent[k] = k
        stays[k] = True
        column = pixel % width
        for dj in range(-1, 2):
            for di in range(-1, 2):
                other = pixel + dj * width + di
                if column + di < 0 or column + di >= width or other < 0 or other >= flat.shape[0]:
                    continue
                if place[other] == 0 or other == pixel:
                    continue
                one = k
                while parent[one] != one:
                    parent[one] = parent[parent[one]]
                    one = parent[one]
                two = place[other] - 1
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
