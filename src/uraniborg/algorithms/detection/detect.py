"""From an image to footprints with peaks."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.detection.filter import matched_filter
from uraniborg.algorithms.detection.footprints import Footprints, assemble_footprints, join_footprints
from uraniborg.algorithms.detection.peaks import find_peaks, refine_peaks

__all__ = ("detect_sources", "expected_false_detections")

_BETWEEN_PIXELS = 0.92
"""Pixels down to this part of the threshold are searched: tops between pixels can be that much higher."""


def detect_sources(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    kernel: NDArray[np.floating],
    *,
    unusable: NDArray[np.bool_] | None = None,
    threshold: float = 5.0,
    polarity: Literal["positive", "negative", "both"] = "positive",
    grow: float = 0.0,
    prominence: float = 2.0,
) -> Footprints:
    """Find the sources of an image.

    Parameters
    ----------
    image : (ny, nx) float
        Background-subtracted image.
    variance : (ny, nx) float
        Variance of each pixel.
    kernel : (s, s) float
        Centred image of the point-spread function, s odd.
    unusable : (ny, nx) bool, optional
        Pixels not to use.
    threshold : float
        Significance of a point source above which a pixel is detected.
    polarity : {"positive", "negative", "both"}
        Sources of which sign to find.
    grow : float [pixel]
        Distance by which footprints are grown on all sides; touching ones unite.
    prominence : float
        Significance by which a peak stands out from a higher one (see `find_peaks`).

    Returns
    -------
    Footprints
        Positive ones first.

    Notes
    -----
    The threshold is held against the top of each peak between the pixels (`refine_peaks`), so the number of peaks on
    pure noise is that of a continuous random field, `expected_false_detections`.
    """
    significance = matched_filter(image, variance, kernel, unusable=unusable)
    parts = []
    for sign, name in ((1, "positive"), (-1, "negative")):
        if polarity in (name, "both"):
            signed = significance if sign == 1 else -significance
            lower = _BETWEEN_PIXELS * threshold
            x, y = find_peaks(signed, lower, prominence=prominence)
            offset, top = refine_peaks(signed, x, y)
            kept = top > threshold
            if kept.any():
                mask = signed > lower
                if grow > 0:
                    mask = _dilate(mask, _disk(grow))
                peaks = {"peak_value": sign * top[kept], "peak_offset": offset[kept]}
                parts.append(assemble_footprints(mask, x[kept], y[kept], **peaks, sign=sign))
    return join_footprints(parts, (image.shape[0], image.shape[1]))


def expected_false_detections(kernel: NDArray[np.floating], threshold: float, n_pixels: int) -> float:
    """Return how many peaks of one sign pure noise has above a threshold.

    Maxima of a Gaussian random field, the matched filter of noise: for each sigma^2 of a Gaussian point-spread
    function's area ``nu exp(-nu^2 / 2) / (2^(5/2) pi^(3/2))`` (Rubin DMTN-006; Kaiser 2004, PSDC-002-010). For any
    other profile p the area is ``1 / (2 sqrt(det L))`` with the curvature of the field's correlation function,
    L = sum(grad p grad p^T) / sum(p^2); that of a Gaussian is 1 / (2 sigma^2).

    Parameters
    ----------
    kernel : (s, s) float
        Centred image of the point-spread function.
    threshold : float
        Significance nu.
    n_pixels : int
        Pixels that were searched.

    Returns
    -------
    float
    """
    profile = np.asarray(kernel, float)
    frequency_y, frequency_x = (2.0 * np.pi * np.fft.fftfreq(n) for n in profile.shape)
    power = np.abs(np.fft.fft2(profile)) ** 2
    xx = np.sum(power * frequency_x[None, :] ** 2) / power.sum()
    yy = np.sum(power * frequency_y[:, None] ** 2) / power.sum()
    xy = np.sum(power * np.outer(frequency_y, frequency_x)) / power.sum()
    sigma_square = 0.5 / math.sqrt(xx * yy - xy * xy)
    density = threshold * math.exp(-0.5 * threshold**2) / (2.0**2.5 * math.pi**1.5)
    return float(density * n_pixels / sigma_square)


def _disk(radius: float) -> NDArray[np.int64]:
    """Return the half-width of a disk in each of its rows."""
    reach = int(radius)
    return np.array([int(math.sqrt(radius**2 - dy**2)) for dy in range(-reach, reach + 1)])


@njit(cache=True, nogil=True)
def _dilate(mask: NDArray[np.bool_], widths: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Set all pixels within a disk around set ones, run by run."""
    ny, nx = mask.shape
    reach = widths.shape[0] // 2
    out = np.zeros((ny, nx), np.bool_)
    for j in range(ny):
        i = 0
        while i < nx:
            if not mask[j, i]:
                i += 1
                continue
            start = i
            while i < nx and mask[j, i]:
                i += 1
            for dy in range(max(-reach, -j), min(reach, ny - 1 - j) + 1):
                width = widths[dy + reach]
                for k in range(max(0, start - width), min(nx, i + width)):
                    out[j + dy, k] = True
    return out
