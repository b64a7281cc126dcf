"""A quick first look: the bright sources of an image, found on pixels of 2 x 2."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.detection.detect import detect_sources
from uraniborg.algorithms.detection.footprints import Footprints

__all__ = ("detect_bright",)

_SMALLEST_WIDTH = 2.5
"""Narrower sources [pixel] would be lost among the pixels of 2 x 2."""


@njit(cache=True, nogil=True)
def _bin(
    image: NDArray[np.floating], variance: NDArray[np.floating], unusable: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return means of 2 x 2 pixels and their variances; NaN where one of them cannot be used."""
    ny, nx = image.shape[0] // 2, image.shape[1] // 2
    out, noise = np.empty((ny, nx), np.float32), np.empty((ny, nx), np.float32)
    for j in range(ny):
        for i in range(nx):
            a, b, c, d = (
                image[2 * j, 2 * i],
                image[2 * j, 2 * i + 1],
                image[2 * j + 1, 2 * i],
                image[2 * j + 1, 2 * i + 1],
            )
            out[j, i] = (a + b + c + d) * np.float32(0.25)
            a, b = variance[2 * j, 2 * i], variance[2 * j, 2 * i + 1]
            c, d = variance[2 * j + 1, 2 * i], variance[2 * j + 1, 2 * i + 1]
            noise[j, i] = (a + b + c + d) * np.float32(0.0625)
            if (
                unusable[2 * j, 2 * i]
                or unusable[2 * j, 2 * i + 1]
                or unusable[2 * j + 1, 2 * i]
                or unusable[2 * j + 1, 2 * i + 1]
                or not min(a, b, c, d) > 0.0
            ):
                out[j, i] = np.nan
    return out, noise


def detect_bright(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    *,
    fwhm: float,
    unusable: NDArray[np.bool_],
    threshold: float,
) -> Footprints:
    """Find bright sources with a Gaussian of the size of the seeing, in a quarter of the time.

    Parameters
    ----------
    image, variance : (ny, nx) float
        Background-subtracted image and its variance.
    fwhm : float [pixel]
        First guess of the seeing; below 2.5 pixels the full image is searched.
    unusable : (ny, nx) bool
        Pixels not to use.
    threshold : float
        Significance.

    Returns
    -------
    Footprints
        In pixels of the image, grown by the width of the Gaussian.
    """
    binned = fwhm >= _SMALLEST_WIDTH and min(image.shape) >= 64
    scale = 2 if binned else 1
    sigma = fwhm / 2.3548 / scale
    reach = max(2, math.ceil(4.0 * sigma))
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / math.hypot(sigma, 0.29 * (scale - 1))) ** 2)
    kernel = np.outer(line, line)
    if not binned:
        return detect_sources(image, variance, kernel, unusable=unusable, threshold=threshold, grow=2.4 * sigma)
    small, noise = _bin(image, variance, unusable)
    found = detect_sources(small, noise, kernel, threshold=threshold, grow=2.4 * sigma)
    row, x0, x1 = (np.repeat(2 * span, 2) for span in (found.span_y, found.span_x0, found.span_x1))
    row[1::2] += 1
    owner = np.repeat(found.span_footprint, 2)
    order = np.lexsort((x0, row, owner))
    column, line_number = _brightest(image, found.peak_x, found.peak_y)
    return Footprints(
        shape=(image.shape[0], image.shape[1]),
        span_y=row[order],
        span_x0=x0[order],
        span_x1=x1[order] + np.int32(1),
        span_footprint=owner[order],
        sign=found.sign,
        area=found.area * np.int32(4),
        peak_x=column,
        peak_y=line_number,
        peak_footprint=found.peak_footprint,
        peak_value=found.peak_value,
        peak_offset=np.zeros_like(found.peak_offset),
    )


def _brightest(
    image: NDArray[np.floating], x: NDArray[np.int32], y: NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the brightest of the four pixels of each binned one."""
    steps = np.array([(0, 0), (0, 1), (1, 0), (1, 1)], np.int32)
    values = np.nan_to_num(image[2 * y[:, None] + steps[:, 0], 2 * x[:, None] + steps[:, 1]], nan=-np.inf)
    best = np.argmax(values, axis=1)
    return (2 * x + steps[best, 1]).astype(np.int32), (2 * y + steps[best, 0]).astype(np.int32)
