"""The brighter-fatter effect: charge already collected pushes later charge into the neighbours.

The flow over the boundary of two pixels is the mean of their charges times half the difference of the potential
phi = K * Q on both sides (Antilogus et al. 2014, JINST 9, C03048; Coulton et al. 2018, AJ 155, 258). The charge as it
would be without the effect is the fixed point of adding the flows back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = ("BrighterFatterResult", "correct_brighter_fatter")


@dataclass(frozen=True, slots=True)
class BrighterFatterResult:
    """An image in which each pixel holds the charge that fell on it.

    Attributes
    ----------
    image : (ny, nx) float32 [electron]
        Same total as before.
    iterations : int
        How often flows were computed.
    change : float [electron]
        Largest change of any pixel in the last iteration.
    """

    image: NDArray[np.float32]
    iterations: int
    change: float


def correct_brighter_fatter(
    image: NDArray[np.float32],
    kernel: NDArray[np.floating],
    *,
    full_well: float = np.inf,
    iterations: int = 6,
    tolerance: float = 0.5,
) -> BrighterFatterResult:
    """Return an image without the brighter-fatter effect.

    Parameters
    ----------
    image : (ny, nx) float32 [electron]
        Charge as it was collected, dark current and sky included; finite.
    kernel : (m, m) float [electron^-1]
        Scalar kernel K, m odd.
    full_well : float [electron], optional
        Charge above it pushes no harder.
    iterations : int, optional
        Most iterations.
    tolerance : float [electron], optional
        Iterations end when no pixel changes by more.

    Returns
    -------
    BrighterFatterResult

    Raises
    ------
    UserError
        If the kernel is not square with an odd side, or larger than the image.
    """
    if kernel.ndim != 2 or kernel.shape[0] != kernel.shape[1] or kernel.shape[0] % 2 == 0:
        raise UserError(f"a brighter-fatter kernel of shape {kernel.shape}; it must be square with an odd side")
    reach = kernel.shape[0] // 2
    if min(image.shape) <= 2 * reach:
        raise UserError(f"an image of shape {image.shape} is smaller than the kernel {kernel.shape}")
    weights = kernel.astype(np.float32)
    charge = np.ascontiguousarray(image, np.float32)
    top = np.float32(min(full_well, 3e38))
    ring = np.empty((2 * reach + 2, image.shape[1] + 2 * reach), np.float32)
    done, change = 0, float("inf")
    while done < iterations and change > tolerance:
        level = np.float32(np.median(charge[::16, ::16]))
        result = np.empty_like(charge)
        change = float(_add_flows_back(image, charge, (weights, ring), (level, top), result))
        charge, done = result, done + 1
    return BrighterFatterResult(charge, done, change)


@njit(cache=True, nogil=True)
def _fill(
    ring: NDArray[np.float32], charge: NDArray[np.float32], j: int, numbers: tuple[np.float32, np.float32]
) -> None:
    """Put row j of the image, mirrored at its edges, into its place in the ring of rows."""
    level, top = numbers
    rows, columns = charge.shape
    reach = (ring.shape[1] - columns) // 2
    source = -1 - j if j < 0 else (2 * rows - 1 - j if j >= rows else j)
    slot = (j + reach) % ring.shape[0]
    for i in range(-reach, columns + reach):
        k = -1 - i if i < 0 else (2 * columns - 1 - i if i >= columns else i)
        ring[slot, i + reach] = min(charge[source, k], top) - level


@njit(cache=True, nogil=True)
def _potential_row(
    ring: NDArray[np.float32], weights: NDArray[np.float32], j: int, potential: NDArray[np.float32]
) -> None:
    """Convolve: the kernel is turned round, as in every convolution."""
    side = weights.shape[0]
    columns = potential.size
    potential[:] = np.float32(0.0)
    for v in range(side):
        line = ring[(j + v) % ring.shape[0]]
        for u in range(side):
            weight = weights[side - 1 - v, side - 1 - u]
            if weight != np.float32(0.0):
                for i in range(columns):
                    potential[i] += weight * line[i + u]


@njit(cache=True, nogil=True)
def _add_flows_back(
    image: NDArray[np.float32],
    charge: NDArray[np.float32],
    work: tuple[NDArray[np.float32], NDArray[np.float32]],
    numbers: tuple[np.float32, np.float32],
    result: NDArray[np.float32],
) -> np.float32:
    """Write image + flows(charge); return the largest difference from ``charge``."""
    weights, ring = work
    top = numbers[1]
    rows, columns = charge.shape
    reach = weights.shape[0] // 2
    here, above = np.empty(columns, np.float32), np.empty(columns, np.float32)
    quarter = np.float32(0.25)
    for j in range(-reach, reach + 1):
        _fill(ring, charge, j, numbers)
    _potential_row(ring, weights, 0, here)
    result[0] = image[0]
    change = np.float32(0.0)
    for j in range(rows):
        line = result[j]
        for i in range(columns - 1):
            flow = quarter * (min(charge[j, i], top) + min(charge[j, i + 1], top)) * (here[i] - here[i + 1])
            line[i] += flow
            line[i + 1] -= flow
        if j + 1 < rows:
            _fill(ring, charge, j + 1 + reach, numbers)
            _potential_row(ring, weights, j + 1, above)
            for i in range(columns):
                flow = quarter * (min(charge[j, i], top) + min(charge[j + 1, i], top)) * (here[i] - above[i])
                line[i] += flow
                result[j + 1, i] = image[j + 1, i] - flow
            for i in range(columns):
                here[i] = above[i]
        for i in range(columns):
            change = max(change, abs(line[i] - charge[j, i]))
    return change
