"""Fills bad pixels with the most likely values, given the good ones around and the width of the PSF.

The sky is taken as a random field with the correlation of the PSF with itself (a Gaussian process: light cannot vary
faster than the optics allow); the estimate is the best linear one whose weights add up to one, so no background need be
known. The weights depend only on which neighbours are good: they are computed once for each pattern.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = ("InterpolatedImage", "interpolate_pixels", "neighbour_weights")

_REACH = 2  # neighbours within this many rows and columns [pixel]
_LEAST = 4  # good neighbours that an estimate needs
_SIGMA = np.sqrt(8.0 * np.log(2.0))
_OFFSETS = np.array(
    [(y, x) for y in range(-_REACH, _REACH + 1) for x in range(-_REACH, _REACH + 1) if (y, x) != (0, 0)]
)
_ROUNDS = 64


@dataclass(frozen=True, slots=True)
class InterpolatedImage:
    """An image without holes.

    Attributes
    ----------
    image : (ny, nx) float32
        Good pixels as they were.
    variance : (ny, nx) float32
        Of filled pixels: variance of the estimate from its neighbours' noise; the others as they were.
    filled : int
        Number of pixels filled from neighbours.
    left : int
        Number of pixels too far from any good one; they hold the median of the good pixels.
    """

    image: NDArray[np.float32]
    variance: NDArray[np.float32]
    filled: int
    left: int


def neighbour_weights(patterns: NDArray[np.uint32], *, fwhm: float, noise: float = 0.02) -> NDArray[np.float64]:
    """Return the weights of the 24 neighbours for patterns of good ones.

    Parameters
    ----------
    patterns : (n,) uint32
        Bit k is set if neighbour k is good; neighbours are numbered by rows from the lower left.
    fwhm : float [pixel]
        Width of the PSF.
    noise : float, optional
        Variance of the noise over that of the light in a pixel [].

    Returns
    -------
    (n, 24) float []
        Zero for bad neighbours; each row adds up to one. Ordinary kriging with the covariance exp(-r^2 / 4 s^2) of
        two Gaussian PSFs of width s.
    """
    sigma = fwhm / _SIGMA
    n, m = len(patterns), len(_OFFSETS)
    good = (patterns[:, None] >> np.arange(m, dtype=np.uint32)) & 1 == 1
    distance2 = ((_OFFSETS[:, None, :] - _OFFSETS[None, :, :]) ** 2).sum(axis=2)
    between = np.exp(-distance2 / (4.0 * sigma**2)) + noise * np.eye(m)
    towards = np.exp(-(_OFFSETS**2).sum(axis=1) / (4.0 * sigma**2))
    result = np.zeros((n, m))
    for begin in range(0, n, 4096):
        chosen = good[begin : begin + 4096]
        matrix = np.zeros((len(chosen), m + 1, m + 1))
        both = chosen[:, :, None] & chosen[:, None, :]
        matrix[:, :m, :m] = np.where(both, between, np.eye(m))
        matrix[:, :m, m] = matrix[:, m, :m] = chosen
        right = np.concatenate([np.where(chosen, towards, 0.0), np.ones((len(chosen), 1))], axis=1)
        result[begin : begin + 4096] = np.linalg.solve(matrix, right[:, :, None])[:, :m, 0]
    return result


def interpolate_pixels(
    image: NDArray[np.float32],
    variance: NDArray[np.float32],
    bad: NDArray[np.bool_],
    *,
    fwhm: float,
    noise: float = 0.02,
    rounds: int = 4,
) -> InterpolatedImage:
    """Fill bad pixels from the good ones around them.

    Parameters
    ----------
    image, variance : (ny, nx) float32
        Pixels and their variance.
    bad : (ny, nx) bool
        Pixels to fill.
    fwhm : float [pixel]
        Width of the PSF.
    noise : float, optional
        Variance of the noise over that of the light in a pixel [].
    rounds : int, optional
        Wide holes are filled from the edge inwards, a layer a round; what is left then gets the median.

    Returns
    -------
    InterpolatedImage
    """
    if bad.shape != image.shape or variance.shape != image.shape:
        raise UserError(f"image {image.shape}, variance {variance.shape} and bad pixels {bad.shape} differ in shape")
    if not 0 < rounds <= _ROUNDS:
        raise UserError(f"{rounds} rounds of interpolation; take 1 to {_ROUNDS}")
    result, spread = image.copy(), variance.copy()
    state = bad.copy()
    todo = np.argwhere(state)
    filled = 0
    for _ in range(rounds):
        if not len(todo):
            break
        patterns, count = _patterns(state, todo, _OFFSETS)
        ready = count >= _LEAST
        if not ready.any():
            break
        unique, index = np.unique(patterns[ready], return_inverse=True)
        weights = neighbour_weights(unique, fwhm=fwhm, noise=noise)
        places = todo[ready]
        _fill(result, spread, (places, _OFFSETS), weights, index)
        state[places[:, 0], places[:, 1]] = False
        filled += len(places)
        todo = todo[~ready]
    if len(todo):
        good = image[::8, ::8][~bad[::8, ::8]]
        result[todo[:, 0], todo[:, 1]] = np.median(good) if len(good) else 0.0
    return InterpolatedImage(result, spread, filled, len(todo))


@njit(cache=True, nogil=True)
def _patterns(
    bad: NDArray[np.bool_], places: NDArray[np.int64], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    rows, columns = bad.shape
    patterns = np.zeros(len(places), np.uint32)
    count = np.zeros(len(places), np.int64)
    for k in range(len(places)):
        for m in range(len(offsets)):
            j, i = places[k, 0] + offsets[m, 0], places[k, 1] + offsets[m, 1]
            if 0 <= j < rows and 0 <= i < columns and not bad[j, i]:
                patterns[k] |= np.uint32(1) << np.uint32(m)
                count[k] += 1
    return patterns, count


@njit(cache=True, nogil=True)
def _fill(
    image: NDArray[np.float32],
    variance: NDArray[np.float32],
    where: tuple[NDArray[np.int64], NDArray[np.int64]],
    weights: NDArray[np.float64],
    index: NDArray[np.int64],
) -> None:
    places, offsets = where
    values = np.empty((len(places), 2))
    for k in range(len(places)):
        total, spread = 0.0, 0.0
        for m in range(len(offsets)):
            weight = weights[index[k], m]
            if weight != 0.0:
                j, i = places[k, 0] + offsets[m, 0], places[k, 1] + offsets[m, 1]
                total += weight * image[j, i]
                spread += weight * weight * variance[j, i]
        values[k, 0] = total
        values[k, 1] = spread
    for k in range(len(places)):
        image[places[k, 0], places[k, 1]] = values[k, 0]
        variance[places[k, 0], places[k, 1]] = values[k, 1]
