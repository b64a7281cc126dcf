"""Two exposures of one pointing taken one after the other: what is in one only is a cosmic ray."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = ("CombinedSnaps", "combine_snaps")


@dataclass(frozen=True, slots=True)
class CombinedSnaps:
    """The sum of two snaps without their cosmic rays.

    Attributes
    ----------
    image : (ny, nx) float32 [electron]
        Sum; where one snap was hit, twice the other one (brought to the same exposure).
    variance : (ny, nx) float32 [electron^2]
        Variance of the sum.
    first, second : (ny, nx) bool
        Pixels with cosmic rays in either snap.
    """

    image: NDArray[np.float32]
    variance: NDArray[np.float32]
    first: NDArray[np.bool_]
    second: NDArray[np.bool_]


def combine_snaps(
    first: tuple[NDArray[np.float32], NDArray[np.float32]],
    second: tuple[NDArray[np.float32], NDArray[np.float32]],
    *,
    ratio: float = 1.0,
    threshold: float = 5.0,
    growth: float = 2.5,
    tolerance: float = 0.15,
) -> CombinedSnaps:
    """Add two snaps and leave out the cosmic rays of each.

    A pixel is a ray of one snap if it exceeds the other one by more than noise, and by more than the seeing can change
    between them: a share of the largest step to a neighbour in either snap's fainter value.

    Parameters
    ----------
    first, second : pair of (ny, nx) float32 [electron], [electron^2]
        Image and variance of each snap, sky included, on the same pixels.
    ratio : float, optional
        Exposure of the first over that of the second [].
    threshold, growth : float, optional
        Thresholds of rays, and of pixels beside them [standard errors].
    tolerance : float, optional
        Allowed change of the light of a source between the snaps, as a share of the light above the faintest of the
        pixels around, in the snap where they are fainter [].

    Returns
    -------
    CombinedSnaps
    """
    shapes = {plane.shape for plane in (*first, *second)}
    if len(shapes) != 1:
        raise UserError(f"snaps and their variances differ in shape: {sorted(shapes)}")
    if not ratio > 0.0:
        raise UserError(f"the ratio of two exposures is {ratio}, it must be positive")
    scale = np.float32(ratio)
    one, one_variance = first
    two, two_variance = second[0] * scale, second[1] * scale * scale
    state = np.zeros(one.shape, np.uint8)
    levels = (np.float32(threshold), np.float32(growth), np.float32(tolerance))
    _compare(one, two, one_variance + two_variance, levels, state)
    hit_one, hit_two = state == 1, state == 2
    back = np.float32(1.0 / ratio)
    image, variance = one + two * back, one_variance + second[1]
    image[hit_one] = (two * (1 + back))[hit_one]
    variance[hit_one] = (two_variance * (1 + back) ** 2)[hit_one]
    image[hit_two] = (one * (1 + back))[hit_two]
    variance[hit_two] = (one_variance * (1 + back) ** 2)[hit_two]
    return CombinedSnaps(image, variance, hit_one, hit_two)


@njit(cache=True, nogil=True)
def _step(one: NDArray[np.float32], two: NDArray[np.float32], place: tuple[int, int]) -> np.float32:
    """Return how much the light varies in the 3 x 3 pixels around, in the snap where each pixel is fainter."""
    rows, columns = one.shape
    y, x = place
    low, high = np.float32(np.inf), np.float32(-np.inf)
    for j in range(max(0, y - 1), min(rows, y + 2)):
        for i in range(max(0, x - 1), min(columns, x + 2)):
            value = min(one[j, i], two[j, i])
            low, high = min(low, value), max(high, value)
    return high - low


@njit(cache=True, nogil=True)
def _compare(
    one: NDArray[np.float32],
    two: NDArray[np.float32],
    variance: NDArray[np.float32],
    levels: tuple[np.float32, np.float32, np.float32],
    state: NDArray[np.uint8],
) -> None:
    threshold, growth, tolerance = levels
    rows, columns = one.shape
    for j in range(rows):
        for i in range(columns):
            difference = one[j, i] - two[j, i]
            size = abs(difference)
            if size * size > threshold * threshold * variance[j, i]:
                allowed = threshold * np.sqrt(variance[j, i]) + tolerance * _step(one, two, (j, i))
                if size > allowed:
                    state[j, i] = 1 if difference > 0 else 2
    for j in range(rows):
        for i in range(columns):
            seed = state[j, i]
            if seed == 0 or seed > 2:
                continue
            for v in range(max(0, j - 1), min(rows, j + 2)):
                for u in range(max(0, i - 1), min(columns, i + 2)):
                    if state[v, u] == 0:
                        difference = one[v, u] - two[v, u] if seed == 1 else two[v, u] - one[v, u]
                        allowed = growth * np.sqrt(variance[v, u]) + tolerance * _step(one, two, (v, u))
                        if difference > allowed:
                            state[v, u] = 2 + seed
    for j in range(rows):
        for i in range(columns):
            if state[j, i] > 2:
                state[j, i] -= 2
