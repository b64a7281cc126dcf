"""Trails of satellites and aircraft: found with a Hough transform of clusters, masked as wide as their profile.

Pixels above the sky are gathered in small clusters; each elongated cluster votes for its line with a Gaussian as wide
as the line is uncertain (the kernel-based Hough transform of Fernandes & Oliveira 2008, Pattern Recognition 41, 299),
which needs few votes and leaves sharp peaks. A line is then followed over the image, its course and profile are
measured, and stretches without light are left unmasked.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import label, median_filter

from uraniborg.core.errors import UserError

__all__ = ("Streak", "StreakMask", "find_streaks")

_TILE = 48  # clusters end at the edges of tiles of this many binned pixels
_ANGLES = 720
_SEGMENT = 64  # stretch of a line that is judged at once [pixel]
_HALF = 64  # the profile is measured to this distance from the line [pixel]
_SKY = 44  # beyond it the sky is taken [pixel]
_GROUPS = (0, 5, 10, 15, 109, 114, 119, 124)  # first bins of groups of five beside the line
_ELONGATED = 3.0  # least ratio of the axes' variances of a cluster that votes


@dataclass(frozen=True, slots=True)
class Streak:
    """One straight trail: the line x cos(angle) + y sin(angle) = distance.

    Attributes
    ----------
    angle : float [rad]
        Direction of the normal, 0 to pi.
    distance : float [pixel]
        Distance of the line from the centre of pixel (0, 0), along the normal; may be negative.
    width : float [pixel]
        Standard deviation of the profile.
    brightness : float [electron/pixel]
        Height of the profile.
    half_width : float [pixel]
        Pixels nearer to the line are masked.
    length : float [pixel]
        Length of the stretches with light.
    """

    angle: float
    distance: float
    width: float
    brightness: float
    half_width: float
    length: float


@dataclass(frozen=True, slots=True)
class StreakMask:
    """Trails on an image.

    Attributes
    ----------
    mask : (ny, nx) bool
        Pixels with light of trails.
    streaks : tuple of Streak
        Brightest first.
    """

    mask: NDArray[np.bool_]
    streaks: tuple[Streak, ...]


@dataclass(frozen=True, slots=True)
class _Trail:
    """A line that was followed: what is on it, how significant it is, which of its stretches hold light."""

    streak: Streak
    significance: float
    stretches: NDArray[np.bool_]
    first: int
    chord: int

    def is_long(self, least: float) -> bool:
        """Return whether the trail is long enough, or crosses a corner of the image from edge to edge."""
        length = np.count_nonzero(self.stretches)
        return bool(self.streak.length >= least or (length >= 2 and length >= 0.8 * self.chord))


def find_streaks(
    image: NDArray[np.float32],
    noise: float,
    *,
    bad: NDArray[np.bool_] | None = None,
    binning: int = 4,
    threshold: float = 2.5,
    least_length: float = 300.0,
    significance: float = 7.0,
    faintest: float = 0.3,
    most: int = 12,
) -> StreakMask:
    """Find and mask straight trails.

    Parameters
    ----------
    image : (ny, nx) float32 [electron]
        Light, sky included.
    noise : float [electron]
        Noise of the sky in a pixel.
    bad : (ny, nx) bool, optional
        Pixels to leave out: defects, saturated stars and their trails of charge.
    binning : int, optional
        Pixels are averaged over squares of this side for the search [pixel].
    threshold : float, optional
        Binned pixels above it make clusters [their noise].
    least_length : float, optional
        Shorter trails are masked only where they cross the image from edge to edge, at a corner [pixel].
    significance : float, optional
        Least significance of a trail over its whole length [standard errors].
    faintest : float, optional
        The mask is as wide as the profile is above this [noise of a pixel].
    most : int, optional
        Most trails on one image.

    Returns
    -------
    StreakMask
    """
    if not noise > 0.0:
        raise UserError(f"the noise of the sky is {noise}; it must be positive")
    unused = np.zeros(image.shape, np.bool_) if bad is None else bad.copy()
    small = _without_sky(_bin(image, unused, binning))
    spread = 1.4826 * float(np.median(np.abs(small)))
    clusters = _clusters(small, threshold * max(spread, 1e-6))
    mask = np.zeros(image.shape, np.bool_)
    streaks: list[Streak] = []
    diagonal = float(np.hypot(*small.shape))
    votes = _vote(clusters, diagonal)
    for _ in range(3 * most):
        if len(streaks) == most or not votes.any():
            break
        peak = np.unravel_index(int(np.argmax(votes)), votes.shape)
        if votes[peak] < 0.25 * least_length / binning:
            break
        angle = float(peak[0]) * np.pi / _ANGLES
        distance = (float(peak[1]) - diagonal) * binning + 0.5 * (binning - 1) * (np.cos(angle) + np.sin(angle))
        found = _measure(image, unused, (angle, distance), (noise, faintest * noise))
        if found is not None and found.significance >= significance and found.is_long(least_length):
            streak = found.streak
            streaks.append(streak)
            _draw(mask, (streak.angle, streak.distance, streak.half_width), found.stretches, found.first)
            unused |= mask
            clusters = _outside(clusters, mask, binning)
        clusters = _without_line(clusters, angle, float(peak[1]) - diagonal)
        votes = _vote(clusters, diagonal)
    return StreakMask(mask, tuple(sorted(streaks, key=_light, reverse=True)))


def _light(streak: Streak) -> float:
    return streak.brightness * streak.length


def _without_sky(small: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return binned pixels without the sky (median of 33 x 33, of every fourth pixel); without data: 0."""
    filled = np.where(np.isfinite(small), small, np.float32(np.nanmedian(small)))
    coarse = filled[::4, ::4]
    sky = np.repeat(np.repeat(median_filter(coarse, 9, mode="nearest"), 4, axis=0), 4, axis=1)
    rest = filled - sky[: small.shape[0], : small.shape[1]]
    return np.where(np.isfinite(small), rest, np.float32(0.0)).astype(np.float32)


def _clusters(small: NDArray[np.float32], level: float) -> NDArray[np.float64]:
    """Return (n, 6): mean x and y, angle of the normal, its error, error of the distance, weight."""
    above = small > level
    above[_TILE - 1 :: _TILE] = False
    above[:, _TILE - 1 :: _TILE] = False
    labels, n = label(above, structure=np.ones((3, 3)))
    if n == 0:
        return np.zeros((0, 6))
    y, x = np.nonzero(labels)
    index = labels[y, x]
    number = np.bincount(index, minlength=n + 1)[1:].astype(float)
    mean_x = np.bincount(index, x, n + 1)[1:] / number
    mean_y = np.bincount(index, y, n + 1)[1:] / number
    xx = np.bincount(index, x.astype(float) ** 2, n + 1)[1:] / number - mean_x**2 + 1.0 / 12.0
    yy = np.bincount(index, y.astype(float) ** 2, n + 1)[1:] / number - mean_y**2 + 1.0 / 12.0
    xy = np.bincount(index, x.astype(float) * y, n + 1)[1:] / number - mean_x * mean_y
    root = np.sqrt((0.5 * (xx - yy)) ** 2 + xy**2)
    large, little = 0.5 * (xx + yy) + root, np.maximum(0.5 * (xx + yy) - root, 1.0 / 12.0)
    normal = np.mod(0.5 * np.arctan2(2.0 * xy, xx - yy) + 0.5 * np.pi, np.pi)
    chosen = (number >= 4) & (large > _ELONGATED * little)
    error = np.sqrt(little / (number * large))
    weight = np.sqrt(12.0 * large)  # the length of the cluster
    table = np.stack([mean_x, mean_y, normal, error, np.sqrt(little / number) + 0.3, weight], axis=1)
    return np.ascontiguousarray(table[chosen])


def _without_line(clusters: NDArray[np.float64], angle: float, distance: float) -> NDArray[np.float64]:
    """Return the clusters whose centre is not on a line of this course."""
    off = np.abs(clusters[:, 0] * np.cos(angle) + clusters[:, 1] * np.sin(angle) - distance)
    return np.ascontiguousarray(clusters[off > 5.0])


def _outside(clusters: NDArray[np.float64], mask: NDArray[np.bool_], side: int) -> NDArray[np.float64]:
    """Return the clusters whose centre is not masked."""
    places = ((clusters[:, :2] + 0.5) * side).astype(int)
    inside = mask[np.minimum(places[:, 1], mask.shape[0] - 1), np.minimum(places[:, 0], mask.shape[1] - 1)]
    return np.ascontiguousarray(clusters[~inside])


def _measure(
    image: NDArray[np.float32], bad: NDArray[np.bool_], line: tuple[float, float], levels: tuple[float, float]
) -> _Trail | None:
    """Follow a line; levels are the noise of a pixel, and the faintest light to mask."""
    angle, distance = line
    noise, faintest = levels
    for _ in range(2):
        medians, number, first = _collapse(image, bad, (angle, distance))
        shift, turn = _course(medians, number, first, noise)
        # A line that is moved by shift + turn * t has another normal; t is counted from the foot of the normal.
        angle, distance = angle - np.arctan(turn), (distance + shift) * float(np.cos(np.arctan(turn)))
    medians, number, first = _collapse(image, bad, (angle, distance))
    profiles, errors = _profiles(medians, number, noise)
    used = np.isfinite(profiles).all(axis=1)
    if np.count_nonzero(used) < 2:
        return None
    offset = np.arange(-_HALF, _HALF + 1, dtype=float)
    bright = _bright_stretches(profiles, errors)
    shape = np.median(profiles[used & bright] if np.any(used & bright) else profiles[used], axis=0)
    core = np.abs(offset) <= 15.0
    height = float(shape[np.abs(offset) <= 2.0].mean())
    flux = float(np.maximum(shape[core], 0.0).sum())
    if not (height > 0.0 and flux > 0.0):
        return None
    width = max(float(flux / (height * np.sqrt(2.0 * np.pi))), 0.7)
    stretches = _fill_gaps(bright)
    error = float(np.sqrt(np.sum(errors[used] ** 2))) / np.count_nonzero(used)
    lit = max(int(np.count_nonzero(used & bright)), 1)
    half = _half_width(shape, faintest, noise / float(np.sqrt(_SEGMENT * lit)))
    length = float(np.count_nonzero(stretches)) * _SEGMENT
    streak = Streak(float(angle), float(distance), width, height, half, length)
    chord = int(np.count_nonzero((number > 0).any(axis=1)))
    return _Trail(streak, height / max(error, 1e-9), stretches, first, chord)


def _half_width(shape: NDArray[np.float64], faintest: float, error: float) -> float:
    """Return how far from the line the profile stays above the faintest light to mask, on its wider side, plus two."""
    sides = np.maximum(shape[_HALF:], shape[_HALF::-1])
    smooth = np.convolve(np.concatenate([sides[2:0:-1], sides, sides[-1:], sides[-1:]]), np.ones(5) / 5.0, mode="valid")
    below = np.flatnonzero(smooth < max(faintest, 2.0 * error))
    return float(below[0] if len(below) else _HALF) + 2.0


def _profiles(
    medians: NDArray[np.float64], number: NDArray[np.float64], noise: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the profile of each stretch above the sky beside it, and the error of the mean of its five middle bins.

    The error is that of the pixels' noise or, where stars are dense, the scatter of like means beside the line.
    """
    left, right = medians[:, : _HALF - _SKY], medians[:, _HALF + _SKY + 1 :]
    beside = np.concatenate([left, right], axis=1)
    enough = np.isfinite(beside).sum(axis=1) > 5
    sky = np.full(len(medians), np.nan)
    sky[enough] = np.nanmedian(beside[enough], axis=1)
    profiles = medians - sky[:, None]
    groups = np.concatenate([profiles[:, k : k + 5].mean(axis=1) for k in _GROUPS])
    groups = groups[np.isfinite(groups)]
    crowding = 1.4826 * float(np.median(np.abs(groups))) if len(groups) else 0.0
    middle = number[:, _HALF - 2 : _HALF + 3].sum(axis=1)
    errors = np.where(middle > 0, 1.25 * noise / np.sqrt(np.maximum(middle, 1)), np.inf)
    return profiles, np.maximum(errors, crowding)


def _course(medians: NDArray[np.float64], number: NDArray[np.float64], first: int, noise: float) -> tuple[float, float]:
    """Return how far the light is off the line, and how this changes along it; stretches with stars are clipped."""
    profiles, errors = _profiles(medians, number, noise)
    offset = np.arange(-_HALF, _HALF + 1, dtype=float)
    core = np.abs(offset) <= 16.0
    smooth = np.apply_along_axis(lambda p: np.convolve(p, np.ones(5) / 5.0, mode="same"), 1, profiles)
    good = np.isfinite(smooth[:, core]).all(axis=1)
    if np.count_nonzero(good) < 4:
        return 0.0, 0.0
    place = offset[core][np.argmax(smooth[good][:, core], axis=1)]
    height = np.max(smooth[good][:, core], axis=1)
    along = (np.flatnonzero(good) + first + 0.5) * _SEGMENT
    weight = (height > 3.0 * errors[good]).astype(float)
    for _ in range(5):
        if np.count_nonzero(weight) < 4:
            return 0.0, 0.0
        slope, start = np.polyfit(along[weight > 0], place[weight > 0], 1)
        off = np.abs(place - start - slope * along)
        weight = (off < max(2.0, 2.5 * float(np.median(off[weight > 0])))).astype(float) * (height > 3.0 * errors[good])
    return float(start), float(slope)


def _bright_stretches(profiles: NDArray[np.float64], errors: NDArray[np.float64]) -> NDArray[np.bool_]:
    middle = np.nanmean(np.where(np.isfinite(profiles), profiles, 0.0)[:, _HALF - 2 : _HALF + 3], axis=1)
    return np.asarray(middle > 2.0 * errors)


def _fill_gaps(bright: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return stretches with light: those of which most around are bright, and one more at each end."""
    if len(bright) < 6:
        return np.full(len(bright), 2 * np.count_nonzero(bright) > len(bright))
    share = np.convolve(bright.astype(float), np.ones(5), mode="same") / np.convolve(
        np.ones(len(bright)), np.ones(5), mode="same"
    )
    core = share > 0.5
    grown = core.copy()
    grown[1:] |= core[:-1]
    grown[:-1] |= core[1:]
    return grown


@njit(cache=True, nogil=True)
def _bin(image: NDArray[np.float32], bad: NDArray[np.bool_], side: int) -> NDArray[np.float32]:
    rows, columns = image.shape[0] // side, image.shape[1] // side
    result = np.empty((rows, columns), np.float32)
    for j in range(rows):
        for i in range(columns):
            total, n = np.float32(0.0), 0
            for v in range(j * side, (j + 1) * side):
                for u in range(i * side, (i + 1) * side):
                    if not (bad.size > 1 and bad[v, u]):
                        total += image[v, u]
                        n += 1
            result[j, i] = total / n if 2 * n >= side * side else np.float32(np.nan)
    return result


@njit(cache=True, nogil=True)
def _vote(clusters: NDArray[np.float64], diagonal: float) -> NDArray[np.float32]:
    """Return votes [angle, distance + diagonal]; a cluster gives its length, shared by a Gaussian of its errors."""
    columns = int(2.0 * diagonal) + 2
    votes = np.zeros((_ANGLES, columns), np.float32)
    step = np.pi / _ANGLES
    for k in range(len(clusters)):
        x, y, normal, error, spread, weight = clusters[k]
        error = max(error, 0.5 * step)
        reach = min(int(np.ceil(2.5 * error / step)), _ANGLES // 8)
        for m in range(-reach, reach + 1):
            number = int(np.round(normal / step)) + m
            off = (number * step - normal) / error
            number = number % _ANGLES
            angle = number * step
            distance = x * np.cos(angle) + y * np.sin(angle) + diagonal
            for i in range(int(distance - 3.0 * spread), int(distance + 3.0 * spread) + 2):
                if 0 <= i < columns:
                    away = (i - distance) / spread
                    votes[number, i] += weight * np.exp(-0.5 * (off * off + away * away))
    return votes


@njit(cache=True, nogil=True)
def _collapse(
    image: NDArray[np.float32], bad: NDArray[np.bool_], line: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Return medians and numbers of pixels [stretch, offset from the line], and the number of the first stretch."""
    angle, distance = line
    rows, columns = image.shape
    c, s = np.cos(angle), np.sin(angle)
    low, high = np.inf, -np.inf
    for corner in range(4):
        x, y = (columns - 1) * (corner % 2), (rows - 1) * (corner // 2)
        along = -x * s + y * c
        low, high = min(low, along), max(high, along)
    first = int(np.floor(low / _SEGMENT))
    n = int(np.floor(high / _SEGMENT)) - first + 1
    medians, number = np.full((n, 2 * _HALF + 1), np.nan), np.zeros((n, 2 * _HALF + 1))
    values = np.empty((n, 2 * _HALF + 1, 2 * _SEGMENT), np.float32)
    reach = _HALF + 0.5
    for j in range(rows):
        if abs(c) > 1e-9:
            edge = ((distance - reach - j * s) / c, (distance + reach - j * s) / c)
            begin, end = max(0, int(np.ceil(min(edge)))), min(columns - 1, int(np.floor(max(edge))))
        else:
            inside = abs(j * s - distance) < reach
            begin, end = (0, columns - 1) if inside else (0, -1)
        for i in range(begin, end + 1):
            if bad.size > 1 and bad[j, i]:
                continue
            k = int(np.round(i * c + j * s - distance)) + _HALF
            m = int(np.floor((-i * s + j * c) / _SEGMENT)) - first
            if 0 <= k <= 2 * _HALF and 0 <= m < n and number[m, k] < 2 * _SEGMENT:
                values[m, k, int(number[m, k])] = image[j, i]
                number[m, k] += 1.0
    for m in range(n):
        for k in range(2 * _HALF + 1):
            if number[m, k] > 0.2 * _SEGMENT:
                medians[m, k] = np.median(values[m, k, : int(number[m, k])])
    return medians, number, first


@njit(cache=True, nogil=True)
def _draw(mask: NDArray[np.bool_], line: tuple[float, float, float], stretches: NDArray[np.bool_], first: int) -> None:
    angle, distance, half = line
    rows, columns = mask.shape
    c, s = np.cos(angle), np.sin(angle)
    for j in range(rows):
        begin, end = 0, columns - 1
        if abs(c) > 1e-9:
            edge = ((distance - half - j * s) / c, (distance + half - j * s) / c)
            begin, end = max(0, int(np.ceil(min(edge)))), min(columns - 1, int(np.floor(max(edge))))
        for i in range(begin, end + 1):
            m = int(np.floor((-i * s + j * c) / _SEGMENT)) - first
            if abs(i * c + j * s - distance) <= half and 0 <= m < len(stretches) and stretches[m]:
                mask[j, i] = True
