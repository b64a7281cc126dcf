"""Kernels of the joint fit of point sources (`psffit`): sums under a stamp, sweeps over all sources, errors."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.core.pixelgrid import place_stamp

__all__ = ("final_fluxes", "masked_image", "stamps_at", "sweep_centers", "sweep_fluxes")

type Floats = NDArray[np.float64]
type Image = NDArray[np.float32]

_MIN_SEEN = 0.1
"""Part of sum(p^2) that must lie on usable pixels for a flux."""

_MAX_NEIGHBOURS = 16

_SMALL_STEP = 0.02
"""Step of a centre [pixel] after which the next one would be of no account."""


@njit(cache=True, nogil=True)
def masked_image(
    image: NDArray[np.floating], variance: NDArray[np.floating], bits: NDArray[np.uint8], unusable: int
) -> Image:
    """Return a copy of an image with NaN on pixels that must not be used."""
    ny, nx = image.shape
    out = np.empty((ny, nx), np.float32)
    for j in range(ny):
        for i in range(nx):
            bad = bits.shape[0] == ny and (bits[j, i] & unusable) != 0
            noise = variance[j, i]
            out[j, i] = np.nan if bad or not (noise > 0.0 and noise < np.inf) else image[j, i]
    return out


@njit(cache=True, nogil=True)
def _add_stamp(residual: Image, stamp: Floats, column: int, row: int, flux: float) -> None:
    """Add flux times a stamp around a pixel."""
    size, half = stamp.shape[0], stamp.shape[0] // 2
    ny, nx = residual.shape
    for b in range(max(0, half - row), min(size, ny + half - row)):
        for a in range(max(0, half - column), min(size, nx + half - column)):
            residual[row + b - half, column + a - half] += flux * stamp[b, a]


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _normal_matrix(
    residual: Image,
    variance: NDArray[np.floating],
    stamp: Floats,
    place: tuple[int, int],
    own: float,
    reach: int,
    sums: Floats,
) -> None:
    """Fill the weighted sums for one source: [pp, px, py, xx, xy, yy, pd, xd, yd].

    Over usable pixels within ``reach`` rows and columns of the centre, with weights 1 / variance. The changes of the
    stamp when its source moves are differences over five pixels.
    """
    half = stamp.shape[0] // 2
    column, row = place
    ny, nx = residual.shape
    reach = min(reach, half - 2)
    pp = px = py = xx = xy = yy = pd = xd = yd = 0.0
    first, last = max(half - reach, half - column), min(half + reach + 1, nx + half - column)
    for b in range(max(half - reach, half - row), min(half + reach + 1, ny + half - row)):
        values, noise = residual[row + b - half], variance[row + b - half]
        line, below, above = stamp[b], stamp[b - 1], stamp[b + 1]
        lower, upper = stamp[b - 2], stamp[b + 2]
        for a in range(first, last):
            i = column + a - half
            value = np.float64(values[i])
            usable = value == value
            w = 1.0 / noise[i] if usable else 0.0
            p = line[a]
            data = (value if usable else 0.0) + own * p
            gx = (8.0 * (line[a - 1] - line[a + 1]) - line[a - 2] + line[a + 2]) / 12.0
            gy = (8.0 * (below[a] - above[a]) - lower[a] + upper[a]) / 12.0
            wp, wx, wy = w * p, w * gx, w * gy
            pp += wp * p
            px += wp * gx
            py += wp * gy
            xx += wx * gx
            xy += wx * gy
            yy += wy * gy
            pd += wp * data
            xd += wx * data
            yd += wy * data
    sums[0], sums[1], sums[2], sums[3], sums[4], sums[5] = pp, px, py, xx, xy, yy
    sums[6], sums[7], sums[8] = pd, xd, yd


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _plain_flux(residual: Image, stamp: Floats, column: int, row: int, reach: int) -> tuple[float, float]:
    """Return sum(p^2) and sum(p d) over usable pixels within ``reach`` rows and columns of the centre."""
    half = stamp.shape[0] // 2
    ny, nx = residual.shape
    pp = pd = 0.0
    first, last = max(half - reach, half - column), min(half + reach + 1, nx + half - column)
    for b in range(max(half - reach, half - row), min(half + reach + 1, ny + half - row)):
        values, line = residual[row + b - half], stamp[b]
        for a in range(first, last):
            value = np.float64(values[column + a - half])
            p = line[a] if value == value else 0.0
            pp += p * p
            pd += p * (value if value == value else 0.0)
    return pp, pd


@njit(cache=True, nogil=True)
def _center_step(sums: Floats) -> tuple[float, float, float, float]:
    """Return the Newton step of the centre times the flux, flux free, and the variances of these products."""
    a, b, c, d, e, f = sums[0], sums[1], sums[2], sums[3], sums[4], sums[5]
    # Cofactors of the symmetric matrix [[a, b, c], [b, d, e], [c, e, f]].
    aa, ab, ac = d * f - e * e, c * e - b * f, b * e - c * d
    bb, bc, cc = a * f - c * c, b * c - a * e, a * d - b * b
    det = a * aa + b * ab + c * ac
    if not (det > 1e-9 * a * d * f) or not (bb > 0.0 and cc > 0.0):
        return np.nan, np.nan, np.nan, np.nan
    sx = (ab * sums[6] + bb * sums[7] + bc * sums[8]) / det
    sy = (ac * sums[6] + bc * sums[7] + cc * sums[8]) / det
    return sx, sy, bb / det, cc / det


@njit(cache=True, nogil=True)
def _core_reach(stamp: Floats) -> int:
    """Return the half-side of the central square that holds 99.5 % of sum(p^2)."""
    half = stamp.shape[0] // 2
    total = np.sum(stamp * stamp)
    reach = 2
    while reach < half:
        part = stamp[half - reach : half + reach + 1, half - reach : half + reach + 1]
        if np.sum(part * part) > 0.995 * total:
            break
        reach += 1
    return reach


@njit(cache=True, nogil=True)
def sweep_centers(
    residual: Image,
    variance: NDArray[np.floating],
    grids: Floats,
    sampling: float,
    stamps: Floats,
    peaks: NDArray[np.int64],
    state: Floats,
    settled: NDArray[np.bool_],
    max_shift: float,
) -> None:
    """Go once through all sources: new centre and flux of each, its model in the residual replaced.

    Centres and these first fluxes are fitted in the core only. Sources that may settle are left alone once their
    last step was small: the next one, of Newton's method, would be about its square.
    """
    sums = np.empty(12)
    reach = _core_reach(stamps[0]) if stamps.shape[0] else 0
    for k in range(grids.shape[0]):
        column, row = peaks[k, 0], peaks[k, 1]
        if settled[k] and (state[k, 7] < _SMALL_STEP or state[k, 3] == 0.0):
            continue
        stamp = stamps[k]
        old = state[k, 0]
        _add_stamp(residual, stamp, column, row, old)
        pp, pd = _plain_flux(residual, stamp, column, row, reach)
        if not pp > 0.0:
            state[k, 3] = 0.0
            continue
        flux = pd / pp
        if state[k, 3] > 0.0 and flux * state[k, 4] > 0.0:
            _normal_matrix(residual, variance, stamp, (column, row), -flux, reach, sums)
            sx, sy, _, _ = _center_step(sums)
            sx, sy = sx / flux, sy / flux
            nx, ny = state[k, 1] + min(max(sx, -0.7), 0.7), state[k, 2] + min(max(sy, -0.7), 0.7)
            if math.isfinite(sx) and math.isfinite(sy) and math.hypot(nx - state[k, 5], ny - state[k, 6]) < max_shift:
                state[k, 1], state[k, 2], state[k, 7] = nx, ny, math.hypot(sx, sy)
            else:
                state[k, 1], state[k, 2], state[k, 3] = state[k, 5], state[k, 6], 0.0
            place_stamp(grids[k], state[k, 1], state[k, 2], sampling, stamp)
            pp, pd = _plain_flux(residual, stamp, column, row, reach)
            flux = pd / pp if pp > 0.0 else 0.0
        state[k, 0] = flux
        _add_stamp(residual, stamp, column, row, -flux)


@njit(cache=True, nogil=True)
def sweep_fluxes(
    residual: Image, stamps: Floats, peaks: NDArray[np.int64], chosen: NDArray[np.int64], state: Floats, noise: Floats
) -> float:
    """Go once through the chosen sources, centres fixed; return the largest change in units of its error."""
    half = stamps.shape[1] // 2
    largest = 0.0
    for k in chosen:
        column, row = peaks[k, 0], peaks[k, 1]
        pp, pd = _plain_flux(residual, stamps[k], column, row, half)
        if pp > 0.0:
            change = pd / pp
            state[k, 0] += change
            _add_stamp(residual, stamps[k], column, row, -change)
            largest = max(largest, abs(change) / noise[k])
    return largest


@njit(cache=True, nogil=True)
def _overlap(
    residual: Image, variance: NDArray[np.floating], one: Floats, two: Floats, place: NDArray[np.int64]
) -> tuple[float, float]:
    """Return sum(p q) and sum(p q variance) over the usable pixels that two stamps share."""
    size, half = one.shape[0], one.shape[0] // 2
    ny, nx = residual.shape
    shift_x, shift_y = place[2] - place[0], place[3] - place[1]
    product = noise = 0.0
    for b in range(max(0, shift_y, half - place[1]), min(size, size + shift_y, ny + half - place[1])):
        for a in range(max(0, shift_x, half - place[0]), min(size, size + shift_x, nx + half - place[0])):
            i, j = place[0] + a - half, place[1] + b - half
            if not math.isnan(residual[j, i]):
                both = one[b, a] * two[b - shift_y, a - shift_x]
                product += both
                noise += both * variance[j, i]
    return product, noise


@njit(cache=True, nogil=True)
def _block_error(
    residual: Image,
    variance: NDArray[np.floating],
    stamps: Floats,
    peaks: NDArray[np.int64],
    members: NDArray[np.int64],
) -> float:
    """Return the flux error of the first member, the fluxes of the others being fitted with it."""
    n = members.shape[0]
    matrix, noise = np.empty((n, n)), np.empty((n, n))
    place = np.empty(4, np.int64)
    for r in range(n):
        for c in range(r + 1):
            place[0], place[1] = peaks[members[r], 0], peaks[members[r], 1]
            place[2], place[3] = peaks[members[c], 0], peaks[members[c], 1]
            matrix[r, c], noise[r, c] = _overlap(residual, variance, stamps[members[r]], stamps[members[c]], place)
            matrix[c, r], noise[c, r] = matrix[r, c], noise[r, c]
    for r in range(n):
        matrix[r, r] = matrix[r, r] * (1.0 + 1e-9) + 1e-300
    unit = np.zeros(n)
    unit[0] = 1.0
    row = np.linalg.solve(matrix, unit)
    return math.sqrt(max(float(row @ (noise @ row)), 0.0))


@njit(cache=True, nogil=True)
def _center_errors(
    residual: Image,
    variance: NDArray[np.floating],
    stamp: Floats,
    place: NDArray[np.int64],
    flux: float,
    reach: int,
    sums: Floats,
) -> tuple[float, float]:
    """Return the errors of the centre for a fit in the core with weights 1 / variance."""
    _normal_matrix(residual, variance, stamp, (place[0], place[1]), 0.0, reach, sums)
    _, _, xx, yy = _center_step(sums)
    if flux == 0.0 or not math.isfinite(xx):
        return np.nan, np.nan
    return math.sqrt(xx) / abs(flux), math.sqrt(yy) / abs(flux)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _flux_sums(
    residual: Image, variance: NDArray[np.floating], stamp: Floats, column: int, row: int, own: float, sums: Floats
) -> None:
    """Fill the sums of the flux fit: [pp, p, n, pd, d, ppv, pv, v] over the usable pixels of the stamp."""
    size, half = stamp.shape[0], stamp.shape[0] // 2
    ny, nx = residual.shape
    pp = s1 = n = pd = d = ppv = pv = total = 0.0
    first, last = max(0, half - column), min(size, nx + half - column)
    for b in range(max(0, half - row), min(size, ny + half - row)):
        values, noise, line = residual[row + b - half], variance[row + b - half], stamp[b]
        for a in range(first, last):
            value = np.float64(values[column + a - half])
            usable = value == value
            v = np.float64(noise[column + a - half]) if usable else 0.0
            p = line[a] if usable else 0.0
            data = (value if usable else 0.0) + own * p
            pp += p * p
            s1 += p
            n += 1.0 if usable else 0.0
            pd += p * data
            d += data
            ppv += p * p * v
            pv += p * v
            total += v
    sums[0], sums[1], sums[2], sums[3], sums[4], sums[5], sums[6], sums[7] = pp, s1, n, pd, d, ppv, pv, total


@njit(cache=True, nogil=True)
def _core_chi2(
    residual: Image,
    variance: NDArray[np.floating],
    stamp: Floats,
    place: NDArray[np.int64],
    change: float,
    background: float,
    reach: int,
) -> float:
    """Return chi-square per pixel where the stamp is above 5 % of its peak; ``change`` is not yet in the residual."""
    half = stamp.shape[0] // 2
    ny, nx = residual.shape
    limit = 0.05 * stamp[half - 1 : half + 2, half - 1 : half + 2].max()
    chi2 = 0.0
    pixels = 0
    for b in range(max(half - reach, half - place[1]), min(half + reach + 1, ny + half - place[1])):
        for a in range(max(half - reach, half - place[0]), min(half + reach + 1, nx + half - place[0])):
            j, i = place[1] + b - half, place[0] + a - half
            if stamp[b, a] > limit and not math.isnan(residual[j, i]):
                left = residual[j, i] - change * stamp[b, a] - background
                chi2 += left * left / variance[j, i]
                pixels += 1
    return chi2 / pixels if pixels > 0 else np.nan


@njit(cache=True, nogil=True)
def final_fluxes(
    residual: Image,
    variance: NDArray[np.floating],
    stamps: Floats,
    peaks: NDArray[np.int64],
    state: Floats,
    starts: NDArray[np.int64],
    others: NDArray[np.int64],
    with_background: bool,
) -> Floats:
    """Return for each source: flux, flux error, x error, y error, chi2, area, seen, background."""
    n = stamps.shape[0]
    out = np.full((n, 8), np.nan)
    sums = np.empty(12)
    reach = _core_reach(stamps[0]) if n else 0
    for k in range(n):
        stamp = stamps[k]
        total = np.sum(stamp * stamp)
        _flux_sums(residual, variance, stamp, peaks[k, 0], peaks[k, 1], state[k, 0], sums)
        out[k, 5], out[k, 6] = 1.0 / total, sums[0] / total
        if not out[k, 6] > _MIN_SEEN:
            continue
        flux, background = sums[3] / sums[0], 0.0
        if with_background:
            det = sums[0] * sums[2] - sums[1] * sums[1]
            c0, c1 = sums[2] / det, -sums[1] / det
            flux, background = c0 * sums[3] + c1 * sums[4], (sums[0] * sums[4] - sums[1] * sums[3]) / det
            out[k, 1] = math.sqrt(c0 * c0 * sums[5] + 2.0 * c0 * c1 * sums[6] + c1 * c1 * sums[7])
        elif starts[k + 1] > starts[k]:
            members = np.empty(1 + min(starts[k + 1] - starts[k], _MAX_NEIGHBOURS), np.int64)
            members[0] = k
            members[1:] = others[starts[k] : starts[k] + members.shape[0] - 1]
            out[k, 1] = _block_error(residual, variance, stamps, peaks, members)
        else:
            out[k, 1] = math.sqrt(sums[5]) / sums[0]
        out[k, 0], out[k, 7] = flux, background
        out[k, 4] = _core_chi2(residual, variance, stamp, peaks[k], flux - state[k, 0], background, reach)
        if state[k, 3] > 0.0:
            out[k, 2], out[k, 3] = _center_errors(residual, variance, stamp, peaks[k], flux, reach, sums)
    return out


@njit(cache=True, nogil=True)
def stamps_at(grids: Floats, state: Floats, sampling: float, size: int) -> Floats:
    """Return the stamps of all sources at their present centres, (n, size, size)."""
    out = np.empty((grids.shape[0], size, size))
    for k in range(grids.shape[0]):
        place_stamp(grids[k], state[k, 1], state[k, 2], sampling, out[k])
    return out
