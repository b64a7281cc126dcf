"""Adaptive second moments: the elliptical Gaussian that matches each object best."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

__all__ = ("AdaptiveMoments", "adaptive_moments", "fit_moments")

type Floats = NDArray[np.float64]

_MAX_ITERATIONS = 40
N_MOMENT_COLUMNS = 13
_WINDOW = 16.0  # squared radius in units of the weight's sigma beyond which nothing is summed


@dataclass(frozen=True, slots=True)
class AdaptiveMoments:
    """Moments of n objects; NaN where they did not converge.

    Attributes
    ----------
    flux : (n,) float
        Flux of the matched Gaussian.
    x, y : (n,) float [pixel]
        Centre, from the central pixel of the stamp.
    xx, yy, xy : (n,) float [pixel^2]
        Second moments of the Gaussian.
    xx_err, yy_err, xy_err : (n,) float [pixel^2]
        Their standard errors.
    converged : (n,) bool
    """

    flux: Floats
    x: Floats
    y: Floats
    xx: Floats
    yy: Floats
    xy: Floats
    xx_err: Floats
    yy_err: Floats
    xy_err: Floats
    converged: NDArray[np.bool_]


@njit(cache=True, nogil=True)
def _weighted_sums(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    weight: tuple[float, float, float, float, float],
    reach_y: float,
    sums: Floats,
) -> None:
    """Fill the sums of 1, u, v, u^2, v^2, u v over a Gaussian weight (centre x, y; inverse moments) times the image.

    Along a row the weight is exp of a parabola: each value follows from the last by two products.
    """
    size = image.shape[0]
    cx, cy, ixx, iyy, ixy = weight
    width = iyy - ixy * ixy / ixx  # of the weight along y once x is free
    bend = math.exp(-ixx)
    sums[:] = 0.0
    for j in range(max(0, math.ceil(cy - reach_y)), min(size - 1, math.floor(cy + reach_y)) + 1):
        v = j - cy
        reach = math.sqrt(max((_WINDOW - v * v * width) / ixx, 0.0))
        first = max(0, math.ceil(cx - ixy * v / ixx - reach))
        last = min(size - 1, math.floor(cx - ixy * v / ixx + reach))
        u = first - cx
        value = math.exp(-0.5 * (ixx * u * u + iyy * v * v + 2.0 * ixy * u * v))
        factor = math.exp(-0.5 * (ixx * (2.0 * u + 1.0) + 2.0 * ixy * v))
        t0 = t1 = t2 = 0.0
        for i in range(first, last + 1):
            if variance[j, i] > 0.0:
                light = value * image[j, i]
                u = i - cx
                t0 += light
                t1 += light * u
                t2 += light * u * u
            value *= factor
            factor *= bend
        sums[0] += t0
        sums[1] += t1
        sums[2] += t0 * v
        sums[3] += t2
        sums[4] += t0 * v * v
        sums[5] += t1 * v


@njit(cache=True, nogil=True)
def fit_moments(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    start: Floats,
    recenter: bool,
    with_errors: bool,
    out: Floats,
) -> bool:
    """Fit one object; the kernel behind `adaptive_moments`.

    Parameters
    ----------
    image, variance : (m, m) float
        Stamp; pixels with variance <= 0 are left out.
    start : (6,) float
        Centre x, y in the stamp [pixel], first guess of the moments xx, yy, xy [pixel^2], largest shift of the
        centre [pixel].
    recenter, with_errors : bool
        Whether the centre is free, and whether errors are wanted.
    out : (13,) float
        flux, x, y, xx, yy, xy, xx_err, yy_err, xy_err, flux_err, x_err, y_err, sum of weight times image; undefined
        where False is returned.
    """
    size = image.shape[0]
    cx, cy = start[0], start[1]
    wxx, wyy, wxy = start[2], start[3], start[4]
    sums = np.empty(6)
    for iteration in range(_MAX_ITERATIONS):
        det = wxx * wyy - wxy * wxy
        if not (det > 0.01 and wxx > 0.0 and wxx + wyy < 0.5 * size * size):
            return False
        ixx, iyy, ixy = wyy / det, wxx / det, -wxy / det
        _weighted_sums(image, variance, (cx, cy, ixx, iyy, ixy), math.sqrt(_WINDOW * wyy), sums)
        s0, sx, sy, sxx, syy, sxy = sums
        if not s0 > 0.0:
            return False
        mx, my = sx / s0, sy / s0
        mxx, myy, mxy = sxx / s0 - mx * mx, syy / s0 - my * my, sxy / s0 - mx * my
        if not recenter:
            mxx, myy, mxy = sxx / s0, syy / s0, sxy / s0
        # Moments of the weighted image are those of a product of Gaussians: take the weight out again.
        mdet = mxx * myy - mxy * mxy
        if not mdet > 0.0:
            return False
        nxx, nyy, nxy = myy / mdet - ixx, mxx / mdet - iyy, -mxy / mdet - ixy
        ndet = nxx * nyy - nxy * nxy
        if not (ndet > 0.0 and nxx > 0.0):
            # Broader than the weight can tell: widen it.
            wxx, wyy, wxy = 2.0 * wxx, 2.0 * wyy, 2.0 * wxy
            continue
        uxx, uyy, uxy = nyy / ndet, nxx / ndet, -nxy / ndet
        change = abs(uxx - wxx) + abs(uyy - wyy) + abs(uxy - wxy)
        shift = 0.0
        if recenter:
            shift = abs(2.0 * mx) + abs(2.0 * my)
            cx += 2.0 * mx
            cy += 2.0 * my
            if abs(cx - start[0]) > start[5] or abs(cy - start[1]) > start[5]:
                return False
        if change < 1e-4 * (wxx + wyy) and shift < 1e-3:
            out[0] = s0 * 2.0  # integral of G^2 over that of G: half for a matched Gaussian
            out[1], out[2], out[3], out[4], out[5], out[12] = cx, cy, uxx, uyy, uxy, s0
            if with_errors:
                _moment_errors(image, variance, out, s0)
            return True
        if iteration > 6:  # pixels that enter and leave the window can make it swing between two states
            uxx, uyy, uxy = 0.5 * (uxx + wxx), 0.5 * (uyy + wyy), 0.5 * (uxy + wxy)
        # A step of at most a factor of four keeps noisy faint objects from running away.
        wxx, wyy = min(max(uxx, 0.25 * wxx), 4.0 * wxx), min(max(uyy, 0.25 * wyy), 4.0 * wyy)
        wxy = uxy if uxy * uxy < 0.98 * wxx * wyy else 0.0
    return False


@njit(cache=True, nogil=True)
def _error_sums(
    image: NDArray[np.floating], variance: NDArray[np.floating], fit: Floats, light: Floats, spread: Floats
) -> None:
    """Fill the sums of u^a v^b over weight times image (``light[a, b]``) and weight^2 times variance; a + b <= 4."""
    size = variance.shape[0]
    cx, cy, wxx, wyy, wxy = fit[1], fit[2], fit[3], fit[4], fit[5]
    det = wxx * wyy - wxy * wxy
    ixx, iyy, ixy = wyy / det, wxx / det, -wxy / det
    width, reach_y = iyy - ixy * ixy / ixx, math.sqrt(_WINDOW * wyy)
    bend = math.exp(-ixx)
    light[:], spread[:] = 0.0, 0.0
    for j in range(max(0, math.ceil(cy - reach_y)), min(size - 1, math.floor(cy + reach_y)) + 1):
        v = j - cy
        reach = math.sqrt(max((_WINDOW - v * v * width) / ixx, 0.0))
        first = max(0, math.ceil(cx - ixy * v / ixx - reach))
        last = min(size - 1, math.floor(cx - ixy * v / ixx + reach))
        u = first - cx
        value = math.exp(-0.5 * (ixx * u * u + iyy * v * v + 2.0 * ixy * u * v))
        factor = math.exp(-0.5 * (ixx * (2.0 * u + 1.0) + 2.0 * ixy * v))
        l0 = l1 = l2 = l3 = l4 = s0 = s1 = s2 = s3 = s4 = 0.0
        for i in range(first, last + 1):
            if variance[j, i] > 0.0:
                u = i - cx
                square = u * u
                bright, noise = value * image[j, i], value * value * variance[j, i]
                l0 += bright
                l1 += bright * u
                l2 += bright * square
                l3 += bright * square * u
                l4 += bright * square * square
                s0 += noise
                s1 += noise * u
                s2 += noise * square
                s3 += noise * square * u
                s4 += noise * square * square
            value *= factor
            factor *= bend
        power = 1.0
        for b in range(5):
            light[0, b] += l0 * power
            spread[0, b] += s0 * power
            if b < 4:
                light[1, b] += l1 * power
                spread[1, b] += s1 * power
            if b < 3:
                light[2, b] += l2 * power
                spread[2, b] += s2 * power
            if b < 2:
                light[3, b] += l3 * power
                spread[3, b] += s3 * power
            if b < 1:
                light[4, b] += l4
                spread[4, b] += s4
            power *= v


_FIRST = np.array([2, 0, 1])  # powers of u and v in the moments xx, yy, xy
_SECOND = np.array([0, 2, 1])


@njit(cache=True, nogil=True)
def _invert(matrix: Floats, out: Floats) -> float:
    """Write the inverse of a 3 x 3 matrix; return the determinant (0: not written)."""
    a, b, c = matrix[0]
    d, e, f = matrix[1]
    g, h, i = matrix[2]
    det: float = a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)
    if det != 0.0:
        out[0, 0], out[0, 1], out[0, 2] = (e * i - f * h) / det, (c * h - b * i) / det, (b * f - c * e) / det
        out[1, 0], out[1, 1], out[1, 2] = (f * g - d * i) / det, (a * i - c * g) / det, (c * d - a * f) / det
        out[2, 0], out[2, 1], out[2, 2] = (d * h - e * g) / det, (b * g - a * h) / det, (a * e - b * d) / det
    return det


@njit(cache=True, nogil=True)
def _moment_errors(image: NDArray[np.floating], variance: NDArray[np.floating], out: Floats, s0: float) -> None:
    """Propagate pixel noise through the fixed point M = 2 m(M), m being the weighted moments.

    With G = dm / dM the noise of m becomes 2 (1 - 2 G)^-1 times as large (four times for a Gaussian). The flux
    2 s0(M) takes part in the noise of M. The centre is where the weighted first moment vanishes: it changes by twice
    the noise of that moment, because M = 2 m.
    """
    light, spread = np.empty((5, 5)), np.empty((5, 5))
    _error_sums(image, variance, out, light, spread)
    wxx, wyy, wxy = out[3], out[4], out[5]
    det = wxx * wyy - wxy * wxy
    ixx, iyy, ixy = wyy / det, wxx / det, -wxy / det
    middle = (0.5 * wxx, 0.5 * wyy, 0.5 * wxy)
    # Derivatives of the logarithm of the weight with respect to xx, yy, xy, as combinations of u^2, v^2, u v.
    slopes = np.empty((3, 3))
    slopes[0, 0], slopes[0, 1], slopes[0, 2] = 0.5 * ixx * ixx, 0.5 * ixy * ixy, ixx * ixy
    slopes[1, 0], slopes[1, 1], slopes[1, 2] = 0.5 * ixy * ixy, 0.5 * iyy * iyy, ixy * iyy
    slopes[2, 0], slopes[2, 1], slopes[2, 2] = ixx * ixy, ixy * iyy, ixx * iyy + ixy * ixy
    noise, response, gain, work = np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3)), np.zeros((3, 3))
    lift, first = np.zeros(3), np.zeros(3)
    for r in range(3):
        a, b = _FIRST[r], _SECOND[r]
        first[r] = (spread[a, b] - middle[r] * spread[0, 0]) / s0
        for c in range(3):
            d, e = _FIRST[c], _SECOND[c]
            both = spread[a + d, b + e] - middle[r] * spread[d, e] - middle[c] * spread[a, b]
            noise[r, c] = (both + middle[r] * middle[c] * spread[0, 0]) / (s0 * s0)
            for m in range(3):
                p, q = _FIRST[m], _SECOND[m]
                response[r, c] += slopes[c, m] * (light[a + p, b + q] - middle[r] * light[p, q]) / s0
        for m in range(3):
            lift[r] += slopes[r, m] * light[_FIRST[m], _SECOND[m]] / s0
    for r in range(3):
        for c in range(3):
            work[r, c] = (1.0 if r == c else 0.0) - 2.0 * response[r, c]
    if _invert(work, gain) > 0.02:
        gain *= 2.0
    else:
        gain[:] = 0.0  # of a Gaussian, which stands in where noise hides the response
        gain[0, 0] = gain[1, 1] = gain[2, 2] = 4.0
    for r in range(3):
        total = 0.0
        for c in range(3):
            for d in range(3):
                total += gain[r, c] * noise[c, d] * gain[r, d]
        out[6 + r] = math.sqrt(max(total, 0.0))
    total = spread[0, 0] / (s0 * s0)
    for c in range(3):
        back = lift[0] * gain[0, c] + lift[1] * gain[1, c] + lift[2] * gain[2, c]
        total += 2.0 * back * first[c] / s0
        for d in range(3):
            other = lift[0] * gain[0, d] + lift[1] * gain[1, d] + lift[2] * gain[2, d]
            total += back * noise[c, d] * other
    out[9] = 2.0 * s0 * math.sqrt(max(total, 0.0))
    out[10], out[11] = 2.0 * math.sqrt(spread[2, 0]) / s0, 2.0 * math.sqrt(spread[0, 2]) / s0


@njit(cache=True, nogil=True)
def _fit_all(images: Floats, variances: Floats, starts: Floats, recenter: bool) -> tuple[Floats, NDArray[np.bool_]]:
    n = images.shape[0]
    out = np.full((n, N_MOMENT_COLUMNS), np.nan)
    converged = np.zeros(n, np.bool_)
    row = np.empty(N_MOMENT_COLUMNS)
    for k in range(n):
        converged[k] = fit_moments(images[k], variances[k], starts[k], recenter, True, row)
        if converged[k]:
            out[k] = row
    return out, converged


def adaptive_moments(
    images: NDArray[np.floating],
    variances: NDArray[np.floating] | None = None,
    *,
    sigma: float = 1.7,
    offset: tuple[ArrayLike, ArrayLike] = (0.0, 0.0),
    recenter: bool = True,
) -> AdaptiveMoments:
    """Measure the second moments of stamps with a weight that matches each object.

    The weight is the elliptical Gaussian W that equals twice the moments of W times the image
    (Bernstein & Jarvis 2002, AJ 123, 583; Hirata & Seljak 2003, MNRAS 343, 459), found by iteration.

    Parameters
    ----------
    images : (n, s, s) float
        Stamps with the objects near the centre, background subtracted.
    variances : (n, s, s) float, optional
        Variance of the pixels; those that are not positive are left out. 1 by default.
    sigma : float [pixel]
        First guess of the size.
    offset : pair of (n,) float [pixel]
        First guess of the centre (x, y) from the central pixel.
    recenter : bool
        Whether the centre is measured too.

    Returns
    -------
    AdaptiveMoments
    """
    n, size = images.shape[0], images.shape[-1]
    starts = np.zeros((n, 6))
    starts[:, 0] = size // 2 + np.asarray(offset[0])
    starts[:, 1] = size // 2 + np.asarray(offset[1])
    starts[:, 2] = starts[:, 3] = sigma**2
    starts[:, 5] = max(2.0, 1.5 * sigma)
    noise = np.ones(images.shape) if variances is None else np.asarray(variances, float)
    out, converged = _fit_all(np.ascontiguousarray(images, dtype=float), np.ascontiguousarray(noise), starts, recenter)
    out[:, 1:3] -= size // 2
    flux, x, y, xx, yy, xy, xx_err, yy_err, xy_err = out[:, :9].T
    return AdaptiveMoments(flux, x, y, xx, yy, xy, xx_err, yy_err, xy_err, converged)
