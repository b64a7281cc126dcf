"""Fluxes in circles, with the exact overlap of circle and pixel."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ("circle_overlap", "sum_aperture")

type Floats = NDArray[np.float64]


@njit(cache=True, nogil=True)
def _quadrant(x: float, y: float, radius: float) -> float:
    """Return the area of a circle's part in the rectangle from the centre to (x, y); odd in x and in y."""
    sign = 1.0
    if x < 0.0:
        x, sign = -x, -sign
    if y < 0.0:
        y, sign = -y, -sign
    x, y = min(x, radius), min(y, radius)
    if x * x + y * y <= radius * radius:
        return sign * x * y
    start = math.sqrt(radius * radius - y * y)
    end = math.sqrt(radius * radius - x * x)
    # Below y up to x = start; then the integral of sqrt(r^2 - t^2), its angle by one atan2.
    angle = math.atan2(x * y - start * end, x * start + end * y)
    return sign * (y * start + 0.5 * (x * end - start * y + radius * radius * angle))


@njit(cache=True, nogil=True)
def _strip(x: float, low: float, high: float, radius: float) -> float:
    """Return the area of a circle's part with x - 1/2 < X < x + 1/2 and low < Y < high; x >= 1/2, low >= 0."""
    inner, outer = x - 0.5, x + 0.5
    if inner >= radius:
        return 0.0
    # Up to ``full`` the strip is inside the circle over its whole width, beyond ``end`` not at all.
    full = math.sqrt(radius * radius - outer * outer) if outer < radius else 0.0
    full = min(max(full, low), high)
    end = min(max(math.sqrt(radius * radius - inner * inner), low), high)
    root_full, root_end = math.sqrt(radius * radius - full * full), math.sqrt(max(radius * radius - end * end, 0.0))
    angle = math.atan2(end * root_full - full * root_end, full * end + root_full * root_end)
    arc = 0.5 * (end * root_end - full * root_full + radius * radius * angle)
    return full - low + arc - inner * (end - full)


@njit(cache=True, nogil=True)
def circle_overlap(x: float, y: float, radius: float) -> float:
    """Return the area that a circle at the origin shares with the pixel centred on (x, y).

    Parameters
    ----------
    x, y : float [pixel]
        Centre of the pixel.
    radius : float [pixel]
        Radius of the circle.

    Returns
    -------
    float [pixel^2]
        0 to 1.
    """
    square = x * x + y * y
    if square >= (radius + 0.7072) ** 2:
        return 0.0
    if radius > 0.7072 and square <= (radius - 0.7072) ** 2:
        return 1.0
    u, v = max(abs(x), abs(y)), min(abs(x), abs(y))
    if u < 0.5:
        area: float = _quadrant(u + 0.5, v + 0.5, radius) - _quadrant(u - 0.5, v + 0.5, radius)
        area += _quadrant(u - 0.5, v - 0.5, radius) - _quadrant(u + 0.5, v - 0.5, radius)
    elif v < 0.5:
        area = _strip(u, 0.0, 0.5 + v, radius) + _strip(u, 0.0, 0.5 - v, radius)
    else:
        area = _strip(u, v - 0.5, v + 0.5, radius)
    return area


@njit(cache=True, nogil=True)
def sum_aperture(image: Floats, variance: Floats, cx: float, cy: float, radius: float) -> tuple[float, float]:
    """Return the sum of a stamp within a circle and its variance.

    Parameters
    ----------
    image, variance : (m, m) float
        Stamp that holds the whole circle.
    cx, cy : float [pixel]
        Centre in the stamp.
    radius : float [pixel]
        Radius of the circle.

    Returns
    -------
    flux, variance : float
    """
    flux = noise = 0.0
    size = image.shape[0]
    for j in range(max(0, int(cy - radius)), min(size, int(cy + radius) + 2)):
        v = j - cy
        for i in range(max(0, int(cx - radius)), min(size, int(cx + radius) + 2)):
            part = circle_overlap(i - cx, v, radius)
            if part > 0.0:
                flux += part * image[j, i]
                noise += part * part * variance[j, i]
    return flux, noise
