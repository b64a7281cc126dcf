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
    image: Floats, variance: Floats, weight: tuple[float, float, float, float, float], reach_y: float, sums: Floats
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
def fit_moments(image: Floats, variance: Floats, start: Floats, recenter: bool, out: Floats) -> bool:
    """Fit one object; the kernel behind `adaptive_moments`.

    Parameters
    ----------
    image, variance : (m, m) float
        Stamp; pixels with variance <= 0 are left out.
    start : (4,) float
        Centre x, y in the stamp [pixel], first guess of the moment per axis [pixel^2], largest shift of the
        centre [pixel].
    recenter : bool
        Whether the centre is free.
    out : (9,) float
        flux, x, y, xx, yy, xy, xx_err, yy_err, xy_err; undefined where False is returned.
    """
    size = image.shape[0]
    cx, cy = start[0], start[1]
    wxx, wyy, wxy = start[2], start[2], 0.0
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
            if abs(cx - start[0]) > start[3] or abs(cy - start[1]) > start[3]:
                return False
        if change < 1e-4 * (wxx + wyy) and shift < 1e-3:
            out[0] = s0 * 2.0  # integral of G^2 over that of G: half for a matched Gaussian
            out[1], out[2], out[3], out[4], out[5] = cx, cy, uxx, uyy, uxy
            _moment_errors(image, variance, out, s0)
            return True
        if iteration > 6:  # pixels that enter and leave the window can make it swing between two states
            uxx, uyy, uxy = 0.5 * (uxx + wxx), 0.5 * (uyy + wyy), 0.5 * (uxy + wxy)
        # A step of at most a factor of four keeps noisy faint objects from running away.
        wxx, wyy = min(max(uxx, 0.25 * wxx), 4.0 * wxx), min(max(uyy, 0.25 * wyy), 4.0 * wyy)
        wxy = uxy if uxy * uxy < 0.98 * wxx * wyy else 0.0
    return False


@njit(cache=True, nogil=True)
def _moment_errors(image: Floats, variance: Floats, out: Floats, s0: float) -> None:
    """Propagate pixel noise through the fixed point M = 2 m(M), m being the weighted moments.

    With G = dm / dM the noise of m becomes 2 (1 - 2 G)^-1 times as large (four times for a Gaussian).
    """
    size = variance.shape[0]
    cx, cy, wxx, wyy, wxy = out[1], out[2], out[3], out[4], out[5]
    det = wxx * wyy - wxy * wxy
    ixx, iyy, ixy = wyy / det, wxx / det, -wxy / det
    rx, ry = math.sqrt(_WINDOW * wxx), math.sqrt(_WINDOW * wyy)
    middle = np.array([0.5 * wxx, 0.5 * wyy, 0.5 * wxy])
    noise, response = np.zeros((3, 3)), np.zeros((3, 3))
    shift, slope = np.empty(3), np.empty(3)
    for j in range(max(0, int(cy - ry)), min(size, int(cy + ry) + 2)):
        v = j - cy
        for i in range(max(0, int(cx - rx)), min(size, int(cx + rx) + 2)):
            u = i - cx
            rho = ixx * u * u + iyy * v * v + 2.0 * ixy * u * v
            if rho >= _WINDOW or not variance[j, i] > 0.0:
                continue
            weight = math.exp(-0.5 * rho)
            shift[0], shift[1], shift[2] = u * u - middle[0], v * v - middle[1], u * v - middle[2]
            a, b = ixx * u + ixy * v, ixy * u + iyy * v
            slope[0], slope[1], slope[2] = 0.5 * a * a, 0.5 * b * b, a * b
            light = weight * image[j, i] / s0
            spread = weight * weight * variance[j, i] / (s0 * s0)
            for r in range(3):
                for c in range(3):
                    noise[r, c] += spread * shift[r] * shift[c]
                    response[r, c] += light * shift[r] * slope[c]
    matrix = np.eye(3) - 2.0 * response
    gain = 4.0 * np.eye(3)  # of a Gaussian, which stands in where noise hides the response
    if np.linalg.det(matrix) > 0.02:
        gain[:, :] = 2.0 * np.linalg.inv(matrix)
    covariance = gain @ noise @ gain.T
    for r in range(3):
        out[6 + r] = math.sqrt(covariance[r, r])


@njit(cache=True, nogil=True)
def _fit_all(images: Floats, variances: Floats, starts: Floats, recenter: bool) -> tuple[Floats, NDArray[np.bool_]]:
    n = images.shape[0]
    out = np.full((n, 9), np.nan)
    converged = np.zeros(n, np.bool_)
    row = np.empty(9)
    for k in range(n):
        converged[k] = fit_moments(images[k], variances[k], starts[k], recenter, row)
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
    starts = np.empty((n, 4))
    starts[:, 0] = size // 2 + np.asarray(offset[0])
    starts[:, 1] = size // 2 + np.asarray(offset[1])
    starts[:, 2] = sigma**2
    starts[:, 3] = max(2.0, 1.5 * sigma)
    noise = np.ones(images.shape) if variances is None else np.asarray(variances, float)
    out, converged = _fit_all(np.ascontiguousarray(images, dtype=float), np.ascontiguousarray(noise), starts, recenter)
    out[:, 1:3] -= size // 2
    flux, x, y, xx, yy, xy, xx_err, yy_err, xy_err = out.T
    return AdaptiveMoments(flux, x, y, xx, yy, xy, xx_err, yy_err, xy_err, converged)
