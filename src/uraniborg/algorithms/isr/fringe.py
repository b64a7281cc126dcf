"""Fringes of the night sky: the amplitude of a known pattern, fitted to the sky between the stars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.core.errors import AlgorithmError, UserError

__all__ = ("FringeFit", "fit_fringe", "subtract_fringe")

_BIN = 8  # side of the boxes whose medians are fitted [pixel]
_CELL = 128  # the sky may vary on this scale [pixel]
_CLIP = 3.0
_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class FringeFit:
    """The fringes of an exposure.

    Attributes
    ----------
    amplitude, error : float [electron]
        Factor of the pattern and its standard error.
    bins : int
        Boxes of pixels that the fit used.
    """

    amplitude: float
    error: float
    bins: int


def fit_fringe(
    image: NDArray[np.float32], pattern: NDArray[np.float32], *, bad: NDArray[np.bool_] | None = None
) -> FringeFit:
    """Fit the amplitude of a fringe pattern.

    The image is reduced to medians of boxes of 8 x 8 pixels, the pattern to means (noise makes the median of a curved
    pattern its mean); from both the mean of cells of 128 x 128 is taken
    away, and boxes with sources are clipped. A pattern that varies within 8 pixels cannot be fitted.

    Parameters
    ----------
    image : (ny, nx) float32 [electron]
        Flat-fielded light, sky included.
    pattern : (ny, nx) float32 []
        Pattern of the fringes.
    bad : (ny, nx) bool, optional
        Pixels to leave out.

    Returns
    -------
    FringeFit

    Raises
    ------
    AlgorithmError
        If there are too few boxes of sky, or the pattern is empty.
    """
    if image.shape != pattern.shape:
        raise UserError(f"the fringe pattern has shape {pattern.shape}, the image {image.shape}")
    unused = np.zeros((1, 1), np.bool_) if bad is None else bad
    data, model = _bin(image, unused, True), _bin(pattern, unused, False)
    kept = np.isfinite(data) & np.isfinite(model)
    amplitude, error, cell = 0.0, np.inf, _CELL // _BIN
    for _ in range(_ROUNDS):
        if np.count_nonzero(kept) < 50:
            raise AlgorithmError("too little sky between sources to fit fringes", boxes=int(np.count_nonzero(kept)))
        y, x = _without_cells(data, kept, cell)[kept], _without_cells(model, kept, cell)[kept]
        power = float(np.dot(x, x))
        if not power > 0.0:
            raise AlgorithmError("the fringe pattern has no structure; is it of this filter?", power=power)
        amplitude = float(np.dot(x, y)) / power
        residual = y - amplitude * x
        scatter = 1.4826 * float(np.median(np.abs(residual - np.median(residual))))
        error = float(np.sqrt(np.mean(residual**2) / power))
        offset = np.zeros(data.shape)
        offset[kept] = residual - np.median(residual)
        remaining = kept & (np.abs(offset) < _CLIP * scatter)
        if np.array_equal(remaining, kept):
            break
        kept = remaining
    return FringeFit(amplitude, error, int(np.count_nonzero(kept)))


def subtract_fringe(
    image: NDArray[np.float32], pattern: NDArray[np.float32], fit: FringeFit, *, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return the image without fringes; ``out`` may be the image itself."""
    out = np.empty_like(image) if out is None else out
    _subtract(image, pattern, np.float32(fit.amplitude), out)
    return out


def _without_cells(values: NDArray[np.float64], kept: NDArray[np.bool_], cell: int) -> NDArray[np.float64]:
    """Return values without the mean of the kept ones in their cell."""
    rows, columns = values.shape
    down, right = np.arange(rows) // cell, np.arange(columns) // cell
    index = down[:, None] * (right[-1] + 1) + right[None, :]
    number = np.bincount(index[kept], minlength=int(index.max()) + 1)
    total = np.bincount(index[kept], weights=values[kept], minlength=int(index.max()) + 1)
    return np.asarray(values - (total / np.maximum(number, 1))[index])


@njit(cache=True, nogil=True)
def _bin(image: NDArray[np.float32], bad: NDArray[np.bool_], median: bool) -> NDArray[np.float64]:
    """Return the median or mean of boxes; of each, every other pixel in the manner of a chess board is enough."""
    rows, columns = image.shape[0] // _BIN, image.shape[1] // _BIN
    result = np.full((rows, columns), np.nan)
    values = np.empty(_BIN * _BIN, np.float32)
    for j in range(rows):
        for i in range(columns):
            n = 0
            for v in range(j * _BIN, (j + 1) * _BIN):
                for u in range(i * _BIN + v % 2, (i + 1) * _BIN, 2):
                    if not (bad.size > 1 and bad[v, u]):
                        values[n] = image[v, u]
                        n += 1
            if n >= _BIN * _BIN // 4:
                result[j, i] = np.median(values[:n]) if median else np.mean(values[:n])
    return result


@njit(cache=True, nogil=True)
def _subtract(
    image: NDArray[np.float32], pattern: NDArray[np.float32], amplitude: np.float32, out: NDArray[np.float32]
) -> None:
    for j in range(image.shape[0]):
        for i in range(image.shape[1]):
            out[j, i] = image[j, i] - amplitude * pattern[j, i]
