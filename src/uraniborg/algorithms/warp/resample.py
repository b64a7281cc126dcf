"""Lanczos-3 resampling of an image with its variance and mask.

Pixels hold flux per pixel: an output value is the interpolated input value times the area of the output pixel in
input pixels, so the sum over a source is kept whatever the two scales are.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.warp.lanczos import LANCZOS_TAPS, fill_taps, lanczos_table
from uraniborg.algorithms.warp.pixel_map import PixelMap, cubic_weights
from uraniborg.core.errors import UserError

__all__ = ("WarpResult", "warp_image")

_EXCLUDED = np.uint32(1 << 31)
_BITS = np.uint32((1 << 31) - 1)


@dataclass(frozen=True, slots=True)
class WarpResult:
    """A resampled image.

    Attributes
    ----------
    image : (ny, nx) float
        Flux per output pixel; NaN where there are no data.
    variance : (ny, nx) float
        Variance of each pixel by itself (diagonal of the covariance); NaN where there are no data.
    mask : (ny, nx) uint32
        Bits of the input pixels that entered with significant weight, and the no-data bit.
    noise_factor : float
        Variance of the sum over a wide region divided by the sum of its ``variance``: what the correlation of
        neighbouring pixels adds. It also holds for a PSF flux when the PSF is well sampled. NaN without data.
    n_valid : int
        Number of output pixels with data.
    """

    image: NDArray[np.floating]
    variance: NDArray[np.floating]
    mask: NDArray[np.uint32]
    noise_factor: float
    n_valid: int


def warp_image(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    mask: NDArray[np.integer],
    *,
    pixel_map: PixelMap,
    no_data_bit: int,
    exclude_bits: int = 0,
    mask_weight: float = 0.01,
    max_missing: float = 0.15,
) -> WarpResult:
    """Resample an image with the normalised Lanczos-3 kernel.

    Parameters
    ----------
    image, variance : (my, mx) float
        Flux per pixel and its variance.
    mask : (my, mx) int
        Mask words, at most 31 bits.
    pixel_map : PixelMap
        Where the output pixels lie on ``image``.
    no_data_bit : int
        Mask word set on output pixels without data.
    exclude_bits : int, optional
        Input pixels with any of these bits have no meaningful value and are left out, like pixels that are not
        finite; the other taps are scaled up.
    mask_weight : float, optional
        A tap hands on its mask bits if its weight is at least this large, either sign [].
    max_missing : float, optional
        Largest absolute weight, of weights that add up to one, that may be left out before the pixel counts as
        without data [].

    Returns
    -------
    WarpResult
        Planes of type of ``image``. The variance is exact for uncorrelated input noise.

    Raises
    ------
    UserError
        If the shapes differ or the mask uses bit 31.
    """
    if not image.shape == variance.shape == mask.shape or image.ndim != 2:
        raise UserError(f"image {image.shape}, variance {variance.shape} and mask {mask.shape} must be alike and 2-d")
    words = mask.astype(np.uint32)
    if np.any(words & _EXCLUDED):
        raise UserError("the mask uses bit 31; at most 31 planes can be resampled")
    excluded = ~(np.isfinite(image) & np.isfinite(variance))
    excluded |= (words & np.uint32(exclude_bits)) != 0
    words |= np.where(excluded, _EXCLUDED, np.uint32(0))
    dtype = image.dtype if image.dtype in (np.dtype("f4"), np.dtype("f8")) else np.dtype("f4")
    planes = _allocate(pixel_map.shape, dtype, no_data_bit)
    totals = np.zeros(3)
    if min(image.shape) >= LANCZOS_TAPS:
        _resample(
            np.ascontiguousarray(image, dtype=dtype),
            np.ascontiguousarray(variance, dtype=dtype),
            words,
            _any_in_window(words != 0),
            lanczos_table(dtype.name),
            np.stack([pixel_map.x, pixel_map.y, pixel_map.area]),
            cubic_weights(np.arange(pixel_map.spacing) / pixel_map.spacing),
            (mask_weight, max_missing),
            *planes,
            totals,
        )
    noise_factor = float(totals[0] / totals[1]) if totals[1] > 0 else float("nan")
    return WarpResult(*planes, noise_factor, int(totals[2]))


def _allocate(
    shape: tuple[int, int], dtype: np.dtype[np.floating], no_data_bit: int
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.uint32]]:
    return (
        np.full(shape, np.nan, dtype=dtype),
        np.full(shape, np.nan, dtype=dtype),
        np.full(shape, no_data_bit, dtype=np.uint32),
    )


def _any_in_window(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return whether any pixel of the 6x6 window that starts at each pixel is set; (my - 5, mx - 5)."""
    for axis in (0, 1):
        flags = np.moveaxis(flags, axis, 0)
        two = flags[:-1] | flags[1:]
        four = two[:-2] | two[2:]
        flags = np.moveaxis(four[:-2] | two[4:], 0, axis)
    return np.ascontiguousarray(flags)


@njit(cache=True, nogil=True, fastmath={"contract", "reassoc"})
def _sum_window(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    x0: int,
    y0: int,
    wx: NDArray[np.floating],
    wy: NDArray[np.floating],
) -> tuple[np.floating, np.floating]:
    value = image.dtype.type(0.0)
    noise = image.dtype.type(0.0)
    for j in range(LANCZOS_TAPS):
        row_value = image.dtype.type(0.0)
        row_noise = image.dtype.type(0.0)
        for i in range(LANCZOS_TAPS):
            row_value += wx[i] * image[y0 + j, x0 + i]
            row_noise += wx[i] * wx[i] * variance[y0 + j, x0 + i]
        value += wy[j] * row_value
        noise += wy[j] * wy[j] * row_noise
    return value, noise


@njit(cache=True, nogil=True)
def _sum_window_masked(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    words: NDArray[np.uint32],
    x0: int,
    y0: int,
    wx: NDArray[np.floating],
    wy: NDArray[np.floating],
    limits: tuple[float, float],
) -> tuple[float, float, np.uint32, bool]:
    """Return value, variance, mask bits and whether enough of the weight was there."""
    value, noise, used, missing = 0.0, 0.0, 0.0, 0.0
    bits = np.uint32(0)
    for j in range(LANCZOS_TAPS):
        for i in range(LANCZOS_TAPS):
            weight = float(wx[i]) * float(wy[j])
            y, x = y0 + j, x0 + i
            if y < 0 or x < 0 or y >= image.shape[0] or x >= image.shape[1]:
                missing += abs(weight)
                continue
            if abs(weight) >= limits[0]:
                bits |= words[y, x] & _BITS
            if words[y, x] & _EXCLUDED:
                missing += abs(weight)
                continue
            used += weight
            value += weight * image[y, x]
            noise += weight * weight * variance[y, x]
    if missing > limits[1]:
        return 0.0, 0.0, bits, False
    return value / used, noise / (used * used), bits, True


@njit(cache=True, nogil=True)
def _resample(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    words: NDArray[np.uint32],
    care: NDArray[np.bool_],
    table: NDArray[np.floating],
    nodes: NDArray[np.float64],
    phases: NDArray[np.float64],
    limits: tuple[float, float],
    out_image: NDArray[np.floating],
    out_variance: NDArray[np.floating],
    out_mask: NDArray[np.uint32],
    totals: NDArray[np.float64],
) -> None:
    spacing = phases.shape[0]
    wx = np.empty(LANCZOS_TAPS, dtype=table.dtype)
    wy = np.empty(LANCZOS_TAPS, dtype=table.dtype)
    blended = np.empty((3, nodes.shape[2]))
    for row in range(out_image.shape[0]):
        blended[:] = 0.0
        for k in range(4):
            blended += phases[row % spacing, k] * nodes[:, row // spacing + k]
        for column in range(out_image.shape[1]):
            x, y, area = 0.0, 0.0, 0.0
            for k in range(4):
                phase = phases[column % spacing, k]
                x += phase * blended[0, column // spacing + k]
                y += phase * blended[1, column // spacing + k]
                area += phase * blended[2, column // spacing + k]
            if not (-1.0 <= x <= image.shape[1] and -1.0 <= y <= image.shape[0]):
                continue
            x0, y0 = int(np.floor(x)), int(np.floor(y))
            fill_taps(table, x - x0, wx)
            fill_taps(table, y - y0, wy)
            x0 -= LANCZOS_TAPS // 2 - 1
            y0 -= LANCZOS_TAPS // 2 - 1
            inside = x0 >= 0 and y0 >= 0 and x0 < care.shape[1] and y0 < care.shape[0]
            if inside and not care[y0, x0]:
                value, noise = _sum_window(image, variance, x0, y0, wx, wy)
                bits = np.uint32(0)
            else:
                value, noise, bits, valid = _sum_window_masked(image, variance, words, x0, y0, wx, wy, limits)
                if not valid:
                    out_mask[row, column] |= bits
                    continue
            out_image[row, column] = area * value
            out_variance[row, column] = area * area * noise
            out_mask[row, column] = bits
            # A wide sum keeps the noise power of the input pixels, which is the variance per unit of input area.
            nearest = variance[min(max(y0 + 2, 0), image.shape[0] - 1), min(max(x0 + 2, 0), image.shape[1] - 1)]
            if np.isfinite(nearest):
                totals[0] += area * nearest
                totals[1] += area * area * noise
            totals[2] += 1
