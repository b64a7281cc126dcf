"""From mask bits and positions to the flags of a source."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.core.flags import MeasurementFlag, PixelBit

__all__ = ("bit_flags", "bits_around", "bits_near", "edge_flags")

type Floats = NDArray[np.float64]

_NEAR = (
    (PixelBit.BAD, MeasurementFlag.PIXEL_BAD),
    (PixelBit.SATURATED, MeasurementFlag.PIXEL_SATURATED_CENTER),
    (PixelBit.COSMIC_RAY, MeasurementFlag.PIXEL_COSMIC_RAY),
    (PixelBit.INTERPOLATED, MeasurementFlag.PIXEL_INTERPOLATED),
)
_WIDE = ((PixelBit.SATURATED, MeasurementFlag.PIXEL_SATURATED), (PixelBit.NO_DATA, MeasurementFlag.PIXEL_EDGE))


def bit_flags(near: NDArray[np.integer], wide: NDArray[np.integer]) -> NDArray[np.int32]:
    """Return the flags that mask bits give.

    Parameters
    ----------
    near : (n,) int
        Bits of `PixelBit` in the central 3 x 3 pixels.
    wide : (n,) int
        Bits under the core of the source.

    Returns
    -------
    (n,) int32
    """
    flags = np.zeros(len(near), np.int32)
    for bits, pairs in ((near, _NEAR), (wide, _WIDE)):
        for bit, flag in pairs:
            flags[(bits & int(bit)) != 0] |= int(flag)
    return flags


def bits_near(centers: Floats, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the mask bits in the 3 x 3 pixels around positions.

    Parameters
    ----------
    centers : (n, 2) float [pixel]
        x, y; may lie outside or be NaN.
    bits : (ny, nx) uint8
        Mask.

    Returns
    -------
    (n,) uint8
    """
    ny, nx = bits.shape
    column, row = np.floor(np.nan_to_num(centers, nan=-9.0) + 0.5).astype(int).T
    found = np.zeros(len(centers), np.uint8)
    for dj in (-1, 0, 1):
        for di in (-1, 0, 1):
            i, j = column + di, row + dj
            inside = (i >= 0) & (j >= 0) & (i < nx) & (j < ny)
            found[inside] |= bits[j[inside], i[inside]]
    return found


@njit(cache=True, nogil=True)
def bits_around(centers: Floats, bits: NDArray[np.uint8], reach: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return all mask bits in squares around positions.

    Parameters
    ----------
    centers : (n, 2) float [pixel]
        x, y; may lie outside or be NaN.
    bits : (ny, nx) uint8
        Mask.
    reach : (n,) int [pixel]
        Half-side of each square.

    Returns
    -------
    (n,) uint8
    """
    ny, nx = bits.shape
    found = np.zeros(centers.shape[0], np.uint8)
    for k in range(centers.shape[0]):
        x, y = centers[k, 0], centers[k, 1]
        if not (math.isfinite(x) and math.isfinite(y)) or abs(x) > 1e9 or abs(y) > 1e9:
            continue
        column, row = math.floor(x + 0.5), math.floor(y + 0.5)
        for j in range(max(0, row - reach[k]), min(ny, row + reach[k] + 1)):
            for i in range(max(0, column - reach[k]), min(nx, column + reach[k] + 1)):
                found[k] |= bits[j, i]
    return found


def edge_flags(
    centers: Floats, shape: tuple[int, int], stamp_reach: int, aperture: float = 0.0, *, core: NDArray[np.integer]
) -> NDArray[np.int32]:
    """Return the flags of sources whose surroundings run over the edge of the image.

    Parameters
    ----------
    centers : (n, 2) float [pixel]
        x, y.
    shape : pair of int
        (ny, nx).
    stamp_reach : int [pixel]
        Half the side of the point-spread stamp.
    aperture : float [pixel]
        Largest aperture; 0 where there is none.
    core : (n,) int [pixel]
        Reach of the sources' cores.

    Returns
    -------
    (n,) int32
    """
    ny, nx = shape
    x, y = centers.T
    room = np.min([x, y, nx - 1 - x, ny - 1 - y], axis=0)  # to the centre of the nearest edge pixel
    room = np.where(np.isfinite(room), room, -np.inf)
    flags = np.zeros(len(x), np.int32)
    flags[room < stamp_reach] |= int(MeasurementFlag.PSF_FLUX_EDGE)
    flags[room < 2.5] |= int(MeasurementFlag.CENTROID_EDGE)
    flags[room < core] |= int(MeasurementFlag.PIXEL_EDGE)
    flags[room + 0.5 < aperture] |= int(MeasurementFlag.APERTURE_EDGE)
    return flags
