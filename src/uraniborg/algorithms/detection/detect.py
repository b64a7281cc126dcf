"""From an image to footprints with peaks."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.detection.filter import matched_filter
from uraniborg.algorithms.detection.footprints import Footprints, assemble_footprints, join_footprints
from uraniborg.algorithms.detection.peaks import find_peaks

__all__ = ("detect_sources",)


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
    On pure noise the number of peaks above a threshold nu is
    ``nu exp(-nu^2 / 2) / (2^(5/2) pi^(3/2))`` for each sigma^2 of a Gaussian point-spread function's area
    (Rubin DMTN-006); maxima between pixels lower that by exp(-nu^2 / (24 sigma^2)).
    """
    significance = matched_filter(image, variance, kernel, unusable=unusable)
    parts = []
    for sign, name in ((1, "positive"), (-1, "negative")):
        if polarity in (name, "both"):
            signed = significance if sign == 1 else -significance
            x, y = find_peaks(signed, threshold, prominence=prominence)
            if x.size:
                mask = signed > threshold
                if grow > 0:
                    mask = _dilate(mask, _disk(grow))
                parts.append(assemble_footprints(mask, x, y, peak_value=significance[y, x], sign=sign))
    return join_footprints(parts, (image.shape[0], image.shape[1]))


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
