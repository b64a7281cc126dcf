"""Cosmic rays in one exposure: pixels that are sharper than the point-spread function allows.

A pixel is compared with the pairs of opposite neighbours in four directions. For light that came through the optics,
the mean of a pair is at least a known share of the pixel, both above the local background; a ray leaves at least one
pair behind. The share follows from the width of the PSF, so stars of any brightness are kept, and noise is accounted
for, so an empty or a crowded field gives no false alarm. Charge beside a ray is then searched for with a lower
threshold. (Neighbour pairs: R. Lupton's test in the pipelines of SDSS and Rubin; sharpness: van Dokkum 2001, PASP 113,
1420.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = ("CosmicRayMask", "find_cosmic_rays", "psf_pair_shares")

_SIGMA = np.sqrt(8.0 * np.log(2.0))
_RING = 3  # the local background is that of the ring of pixels at this distance [pixel]
_BESIDE = 1.0  # thresholds of sharpness for pixels beside a ray [standard errors]
_QUANTILE = 0.25  # of the ring: low, so that the wing of a brighter star is not taken for the sky


@dataclass(frozen=True, slots=True)
class CosmicRayMask:
    """Cosmic rays of an exposure.

    Attributes
    ----------
    mask : (ny, nx) bool
        Pixels that hold charge of cosmic rays.
    pixels : int
        Their number.
    seeds : int
        Pixels found by the sharpness test alone.
    """

    mask: NDArray[np.bool_]
    pixels: int
    seeds: int


def psf_pair_shares(fwhm: float) -> NDArray[np.float64]:
    """Return the least share of a star's pixel that the mean of its opposite neighbours has, above the ring around.

    For a Gaussian PSF integrated over pixels; the smallest value over all positions of the star for which the pixel is
    the brightest one. Wings above those of a Gaussian only raise the share.

    Parameters
    ----------
    fwhm : float [pixel]
        Full width at half maximum.

    Returns
    -------
    (4,) float []
        Along x, y and both diagonals.
    """
    sigma = fwhm / _SIGMA
    steps = np.arange(-_RING, _RING + 1)
    shares = np.full(4, np.inf)
    for dy in np.linspace(0.0, 0.5, 6):
        for dx in np.linspace(0.0, 0.5, 6):
            gy = np.exp(-0.5 * ((steps - dy) / sigma) ** 2)
            gx = np.exp(-0.5 * ((steps - dx) / sigma) ** 2)
            star = gy[:, None] * gx[None, :]
            c = _RING
            ring = np.concatenate([star[0], star[-1], star[1:-1, 0], star[1:-1, -1]])
            background = float(np.sort(ring)[int(_QUANTILE * (len(ring) - 1))])
            pairs = np.array(
                [
                    star[c, c - 1] + star[c, c + 1],
                    star[c - 1, c] + star[c + 1, c],
                    star[c - 1, c - 1] + star[c + 1, c + 1],
                    star[c - 1, c + 1] + star[c + 1, c - 1],
                ]
            )
            shares = np.minimum(shares, (0.5 * pairs - background) / (star[c, c] - background))
    return np.asarray(np.maximum(shares, 0.0))


def find_cosmic_rays(
    image: NDArray[np.float32],
    variance: NDArray[np.float32],
    *,
    fwhm: float,
    exclude: NDArray[np.bool_] | None = None,
    threshold: float = 5.0,
    sharpness: float = 3.0,
    growth: float = 3.5,
    margin: float = 0.85,
    rounds: int = 4,
) -> CosmicRayMask:
    """Find the cosmic rays of one exposure.

    Parameters
    ----------
    image : (ny, nx) float32 [electron]
        Light; sky may be in it. Not changed.
    variance : (ny, nx) float32 [electron^2]
        Variance of the pixels.
    fwhm : float [pixel]
        Width of the PSF; too small a value is safe for stars and misses faint rays.
    exclude : (ny, nx) bool, optional
        Pixels that are bad for another reason: never called rays, never used for comparison.
    threshold : float, optional
        How far a pixel must stand above a pair of neighbours [standard errors].
    sharpness : float, optional
        How far it must stand above what the PSF allows [standard errors].
    growth : float, optional
        How far a pixel beside a ray must stand above the local background [standard errors].
    margin : float, optional
        Share of the PSF's pair share that is still allowed: room for a PSF sharper than told [].
    rounds : int, optional
        How many pixels a ray may grow beyond each seed.

    Returns
    -------
    CosmicRayMask

    Raises
    ------
    UserError
        If the width of the PSF is not usable.
    """
    if not 1.0 <= fwhm < 100.0:
        raise UserError(f"a PSF of {fwhm} pixels; sharpness tells nothing below 1 pixel, give the width of stars")
    shares = (margin * psf_pair_shares(fwhm)).astype(np.float32)
    image = np.ascontiguousarray(image, np.float32)
    state = np.zeros(image.shape, np.uint8)
    bad = np.zeros((1, 1), np.bool_) if exclude is None else np.ascontiguousarray(exclude)
    candidates = _candidates(image, variance, np.float32(threshold), bad)
    numbers = (np.float32(threshold), np.float32(sharpness), np.float32(0.0))
    seeds = int(_test(image, variance, (candidates[:, 0], candidates[:, 1]), (shares, numbers), state, bad))
    rays = np.argwhere(state == 1)
    low = (np.float32(_BESIDE), np.float32(_BESIDE), np.float32(growth))
    for _ in range(rounds):
        beside = _beside(rays, state, bad)
        if not len(beside):
            break
        _test(image, variance, (beside[:, 0], beside[:, 1]), (shares, low), state, bad)
        rays = beside[state[beside[:, 0], beside[:, 1]] == 1]
    mask = state == 1
    return CosmicRayMask(mask, int(np.count_nonzero(mask)), seeds)


@njit(cache=True, nogil=True)
def _candidates(
    image: NDArray[np.float32], variance: NDArray[np.float32], threshold: np.float32, bad: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return rows and columns of pixels that stand above at least one pair of opposite neighbours."""
    rows, columns = image.shape
    limit = threshold * threshold * np.float32(1.5)
    hits = np.zeros(columns, np.uint8)
    found = np.empty((4096, 2), np.int64)
    n = 0
    half = np.float32(0.5)
    for j in range(1, rows - 1):
        below, here, above = image[j - 1], image[j], image[j + 1]
        spread = variance[j]
        any_hit = np.uint8(0)
        for i in range(1, columns - 1):
            a = here[i - 1] + here[i + 1]
            b = below[i] + above[i]
            c = below[i - 1] + above[i + 1]
            d = below[i + 1] + above[i - 1]
            least = min(min(a, b), min(c, d))
            height = here[i] - half * least
            hit = np.uint8((height > np.float32(0.0)) & (height * height > limit * spread[i]))
            hits[i] = hit
            any_hit |= hit
        if any_hit:
            for i in range(1, columns - 1):
                if hits[i] and not (bad.size > 1 and bad[j, i]):
                    if n == len(found):
                        larger = np.empty((2 * n, 2), np.int64)
                        larger[:n] = found
                        found = larger
                    found[n, 0] = j
                    found[n, 1] = i
                    n += 1
    return found[:n]


@njit(cache=True, nogil=True)
def _ring_level(
    image: NDArray[np.float32], state: NDArray[np.uint8], bad: NDArray[np.bool_], place: tuple[int, int]
) -> np.float32:
    """Return the lower quartile of the ring around a pixel, without rays and bad pixels."""
    rows, columns = image.shape
    y, x = place
    values = np.empty(8 * _RING, np.float32)
    n = 0
    for j in range(y - _RING, y + _RING + 1):
        if j < 0 or j >= rows:
            continue
        step = 1 if abs(j - y) == _RING else 2 * _RING
        for i in range(x - _RING, x + _RING + 1, step):
            if i < 0 or i >= columns or state[j, i] == 1 or (bad.size > 1 and bad[j, i]):
                continue
            values[n] = image[j, i]
            n += 1
    if n < 6:
        return np.float32(np.inf)
    return np.float32(np.sort(values[:n])[int(_QUANTILE * (n - 1))])


@njit(cache=True, nogil=True)
def _is_ray(
    image: NDArray[np.float32],
    variance: NDArray[np.float32],
    place: tuple[int, int],
    rules: tuple[NDArray[np.float32], tuple[np.float32, np.float32, np.float32]],
    state: NDArray[np.uint8],
    bad: NDArray[np.bool_],
) -> bool:
    shares, numbers = rules
    threshold, sharpness, growth = numbers
    rows, columns = image.shape
    y, x = place
    value, spread = image[y, x], variance[y, x]
    background = _ring_level(image, state, bad, place)
    height = value - background
    if not (height > np.float32(0.0) and height * height >= growth * growth * spread):
        return False
    for k in range(4):
        dy = 0 if k == 0 else 1
        dx = (1, 0, 1, -1)[k]
        total = np.float32(0.0)
        noise = np.float32(0.0)
        n = 0
        for sign in (-1, 1):
            j, i = y + sign * dy, x + sign * dx
            if j < 0 or j >= rows or i < 0 or i >= columns or state[j, i] == 1 or (bad.size > 1 and bad[j, i]):
                continue
            total += image[j, i]
            noise += variance[j, i]
            n += 1
        if n < 2:
            continue
        mean, noise = total / n, noise / (n * n)
        share = shares[k]
        height = value - mean
        excess = share * (value - background) - (mean - background)
        if height * height > threshold * threshold * (spread + noise) and height > 0:
            error = share * share * spread + noise
            if excess > 0 and excess * excess > sharpness * sharpness * error:
                return True
    return False


@njit(cache=True, nogil=True)
def _test(
    image: NDArray[np.float32],
    variance: NDArray[np.float32],
    places: tuple[NDArray[np.int64], NDArray[np.int64]],
    rules: tuple[NDArray[np.float32], tuple[np.float32, np.float32, np.float32]],
    state: NDArray[np.uint8],
    bad: NDArray[np.bool_],
) -> int:
    """Mark the pixels that are rays; all are judged before any is marked."""
    ys, xs = places
    rays = np.zeros(len(ys), np.bool_)
    count = 0
    for k in range(len(ys)):
        rays[k] = _is_ray(image, variance, (ys[k], xs[k]), rules, state, bad)
    for k in range(len(ys)):
        if rays[k]:
            state[ys[k], xs[k]] = 1
            count += 1
    return count


@njit(cache=True, nogil=True)
def _beside(rays: NDArray[np.int64], state: NDArray[np.uint8], bad: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the pixels beside rays that are not rays themselves, each once."""
    rows, columns = state.shape
    found = np.empty((8 * len(rays), 2), np.int64)
    n = 0
    for k in range(len(rays)):
        for j in range(max(0, rays[k, 0] - 1), min(rows, rays[k, 0] + 2)):
            for i in range(max(0, rays[k, 1] - 1), min(columns, rays[k, 1] + 2)):
                if state[j, i] == 0 and not (bad.size > 1 and bad[j, i]):
                    state[j, i] = 2
                    found[n, 0] = j
                    found[n, 1] = i
                    n += 1
    for k in range(n):
        state[found[k, 0], found[k, 1]] = 0
    return found[:n]
