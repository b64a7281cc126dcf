"""Which pixels were full, or so nearly full that their values are doubtful."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.isr.geometry import DetectorGeometry
from uraniborg.core.errors import UserError

__all__ = ("SATURATED", "SUSPECT", "TRAIL", "SaturationMask", "find_saturation")

SATURATED, SUSPECT, TRAIL = 1, 2, 4
"""Bits of `SaturationMask.bits`."""


@dataclass(frozen=True, slots=True)
class SaturationMask:
    """Where an image is full.

    Attributes
    ----------
    bits : (ny, nx) uint8
        `SATURATED`, `SUSPECT` (above the suspect level), `TRAIL` (along the column from a full run of pixels).
    count : int
        Number of saturated pixels, growth included.
    """

    bits: NDArray[np.uint8]
    count: int

    def where(self, bit: int) -> NDArray[np.bool_]:
        """Return where a bit is set, (ny, nx)."""
        return np.asarray((self.bits & bit) != 0)


def find_saturation(
    image: NDArray[np.float32],
    geometry: DetectorGeometry,
    *,
    saturation: NDArray[np.floating],
    suspect: NDArray[np.floating] | None = None,
    grow: int = 1,
    bleed: int = 4,
    trail: int = 5,
) -> SaturationMask:
    """Find pixels that are full, with the pixels around them, and the trails of charge along columns.

    Parameters
    ----------
    image : (ny, nx) float32 [adu]
        Signal above the electronic level, in the orientation of the detector.
    geometry : DetectorGeometry
        The amplifiers.
    saturation, suspect : (n,) float [adu]
        Levels of each amplifier; nothing is suspect if not given.
    grow : int, optional
        Neighbours of full pixels within this distance, along rows and columns, count as full [pixel].
    bleed : int, optional
        Full runs along a column of at least this length are trails [pixel] ...
    trail : int, optional
        ... and reach this much further at both ends [pixel].

    Returns
    -------
    SaturationMask
    """
    n = geometry.n_amplifiers
    suspects = np.full(n, np.inf) if suspect is None else suspect
    if len(saturation) != n or len(suspects) != n:
        raise UserError(f"saturation levels for {len(saturation)} amplifiers, the detector has {n}")
    bits = np.zeros(image.shape, np.uint8)
    full = 0
    for k, amplifier in enumerate(geometry.amplifiers):
        box = amplifier.detector
        levels = (np.float32(min(saturation[k], 3e38)), np.float32(min(suspects[k], 3e38)))
        full += _mark(image, levels, (box.y0, box.y1, box.x0, box.x1), bits)
    if full:
        _mark_trails(bits, bleed, trail)
        if grow > 0:
            _grow(bits, grow)
        full = int(np.count_nonzero(bits & SATURATED))
    return SaturationMask(bits, full)


@njit(cache=True, nogil=True)
def _mark(
    image: NDArray[np.float32],
    levels: tuple[np.float32, np.float32],
    box: tuple[int, int, int, int],
    bits: NDArray[np.uint8],
) -> int:
    saturation, suspect = levels
    count = 0
    for j in range(box[0], box[1]):
        for i in range(box[2], box[3]):
            value = image[j, i]
            full = value >= saturation
            bits[j, i] = np.uint8(full) | (np.uint8(value >= suspect) << 1)
            count += full
    return count


@njit(cache=True, nogil=True)
def _mark_trails(bits: NDArray[np.uint8], bleed: int, trail: int) -> None:
    rows, columns = bits.shape
    length = np.zeros(columns, np.int64)
    for j in range(rows + 1):
        for i in range(columns):
            if j < rows and bits[j, i] & SATURATED:
                length[i] += 1
            elif length[i] > 0:
                if length[i] >= bleed:
                    for k in range(max(0, j - length[i] - trail), min(rows, j + trail)):
                        bits[k, i] |= TRAIL
                length[i] = 0


@njit(cache=True, nogil=True)
def _grow(bits: NDArray[np.uint8], grow: int) -> None:
    rows, columns = bits.shape
    grown = np.uint8(16)
    for j in range(rows):
        for i in range(columns):
            if bits[j, i] & SATURATED:
                for k in range(max(0, j - grow), min(rows, j + grow + 1)):
                    bits[k, i] |= grown
                for k in range(max(0, i - grow), min(columns, i + grow + 1)):
                    bits[j, k] |= grown
    for j in range(rows):
        for i in range(columns):
            if bits[j, i] & grown:
                bits[j, i] = (bits[j, i] & np.uint8(~np.uint8(16))) | SATURATED
