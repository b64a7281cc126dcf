"""Clipped mean of many frames in one pass, in memory that does not grow with their number.

Of each pixel the sums and the few most extreme values are kept. Once all frames have been seen, an extreme value is
taken back into the sums if it lies within the clipping limit of what the noise of its frame allows. This equals a clip
of the whole stack as long as a pixel has no more outliers than extremes that are kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.core.errors import Unprocessable, UserError

__all__ = ("CombinedFrame", "FrameStack")

_HIGH = 3  # largest values kept of each pixel: cosmic rays only add
_LOW = 1
_MOST = 255


@dataclass(frozen=True, slots=True)
class CombinedFrame:
    """The clipped, weighted mean of a stack.

    Attributes
    ----------
    mean : (ny, nx) float32
        Mean in units of the scaled frames; 0 where ``count`` is 0.
    variance : (ny, nx) float32
        Variance of the mean, as the noise model predicts it; infinite where ``count`` is 0.
    scatter : (ny, nx) float32
        Sample variance of a frame of unit weight; 0 where fewer than two values are left.
    count : (ny, nx) uint8
        Values that entered.
    rejected : int
        Values that were clipped.
    """

    mean: NDArray[np.float32]
    variance: NDArray[np.float32]
    scatter: NDArray[np.float32]
    count: NDArray[np.uint8]
    rejected: int


class FrameStack:
    """Frames added one at a time.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._scales: list[float] = []
        self._sums = np.zeros((2, *shape))
        self._weights = np.zeros(shape, dtype=np.float32)
        self._count = np.zeros(shape, dtype=np.uint8)
        self._values = np.full((_HIGH + _LOW, *shape), np.nan, dtype=np.float32)
        self._owners = np.zeros((_HIGH + _LOW, *shape), dtype=np.uint8)

    @property
    def n_frames(self) -> int:
        """Number of frames so far."""
        return len(self._scales)

    @property
    def scales(self) -> tuple[float, ...]:
        """Scales of the frames so far."""
        return tuple(self._scales)

    def add(self, frame: NDArray[np.floating], *, scale: float = 1.0, bad: NDArray[np.bool_] | None = None) -> None:
        """Add a frame.

        Parameters
        ----------
        frame : (ny, nx) float
            Pixels; those that are not finite are left out.
        scale : float
            Level of the frame: it is divided by it and weighted with it, as is best for photon noise.
        bad : (ny, nx) bool, optional
            Pixels to leave out, e.g. saturated ones.

        Raises
        ------
        UserError
            If the shape is another one, the scale is not positive, or there are too many frames (255).
        """
        if frame.shape != self._weights.shape:
            raise UserError(f"a frame of shape {frame.shape} does not fit a stack of {self._weights.shape}")
        if not scale > 0.0:
            raise UserError(f"the scale of a frame has to be positive, not {scale}")
        if self.n_frames == _MOST:
            raise UserError(f"a stack holds at most {_MOST} frames; combine fewer")
        pixels = np.asarray(frame, dtype=np.float32)
        mask = np.zeros((1, 1), dtype=bool) if bad is None else bad
        _add(
            pixels,
            np.broadcast_to(mask, pixels.shape),
            float(scale),
            self.n_frames,
            self._sums,
            self._weights,
            self._count,
            self._values,
            self._owners,
        )
        self._scales.append(float(scale))

    def combine(
        self,
        *,
        read_variance: float | NDArray[np.floating],
        photon_variance: float | NDArray[np.floating] = 0.0,
        clip: float = 5.0,
    ) -> CombinedFrame:
        """Return the clipped mean of the frames so far.

        Parameters
        ----------
        read_variance : float or array
            Variance of a pixel without light, in squared units of the frames before they were scaled.
        photon_variance : float or array
            Variance for each unit of signal: one over the gain for frames in adu, 1 in electrons.
        clip : float []
            Values farther than this many standard deviations from the mean of the others are left out.

        Raises
        ------
        Unprocessable
            If there are no frames.
        """
        if not self._scales:
            raise Unprocessable("no frames to combine")
        shape = self._weights.shape
        planes = [np.broadcast_to(np.asarray(v, dtype=np.float32), shape) for v in (read_variance, photon_variance)]
        mean, variance, scatter = (np.empty(shape, dtype=np.float32) for _ in range(3))
        count = self._count.copy()
        rejected = _finish(
            self._sums,
            self._weights,
            count,
            self._values,
            self._owners,
            np.array(self._scales),
            planes[0],
            planes[1],
            clip,
            mean,
            variance,
            scatter,
        )
        return CombinedFrame(mean, variance, scatter, count, int(rejected))


@njit(cache=True, nogil=True)
def _add(frame, bad, scale, index, sums, weights, count, values, owners):  # type: ignore[no-untyped-def]
    rows, columns = frame.shape
    for j in range(rows):
        for i in range(columns):
            value = frame[j, i]
            if bad[j, i] or not np.isfinite(value):
                continue
            y = np.float32(value / scale)
            sums[0, j, i] += scale * y
            sums[1, j, i] += scale * y * y
            weights[j, i] += scale
            count[j, i] += 1
            # From the largest downwards in the first planes, the smallest in the last one.
            if np.isnan(values[_HIGH, j, i]) or y < values[_HIGH, j, i]:
                values[_HIGH, j, i] = y
                owners[_HIGH, j, i] = index
            owner = index
            for k in range(_HIGH):
                other = values[k, j, i]
                if np.isnan(other):
                    values[k, j, i] = y
                    owners[k, j, i] = owner
                    break
                if y > other:
                    values[k, j, i] = y
                    owners[k, j, i], owner = owner, owners[k, j, i]
                    y = other


@njit(cache=True, nogil=True)
def _variance_of(level, scale, read, photon):  # type: ignore[no-untyped-def]
    return read / (scale * scale) + photon * max(level, 0.0) / scale


@njit(cache=True, nogil=True)
def _finish(  # type: ignore[no-untyped-def]
    sums, weights, count, values, owners, scales, read, photon, clip, mean, variance, scatter
):
    rows, columns = weights.shape
    rejected = 0
    for j in range(rows):
        for i in range(columns):
            n = int(count[j, i])
            mean[j, i], variance[j, i], scatter[j, i] = 0.0, np.inf, 0.0
            if n == 0:
                continue
            high = min(_HIGH, n // 2)
            low = min(_LOW, (n - 1) // 3)
            total, square, weight = sums[0, j, i], sums[1, j, i], float(weights[j, i])
            for k in range(high + low):
                plane = k if k < high else _HIGH + k - high
                s, y = scales[owners[plane, j, i]], float(values[plane, j, i])
                total -= s * y
                square -= s * y * y
                weight -= s
            kept = n - high - low
            # The nearest first: the lowest of the high ones, and the low one.
            for k in range(high + low):
                plane = high - 1 - k if k < high else _HIGH + k - high
                s, y = scales[owners[plane, j, i]], float(values[plane, j, i])
                level = total / weight
                spread = _variance_of(level, s, read[j, i], photon[j, i])
                spread += _variance_of(level, weight / kept, read[j, i], photon[j, i]) / kept
                if abs(y - level) <= clip * np.sqrt(spread):
                    total += s * y
                    square += s * y * y
                    weight += s
                    kept += 1
                else:
                    rejected += 1
            level = total / weight
            count[j, i] = kept
            mean[j, i] = level
            # The sum of w^2 var(frame) over (sum of w)^2, w being the scale.
            variance[j, i] = (kept * read[j, i] + photon[j, i] * max(level, 0.0) * weight) / (weight * weight)
            if kept > 1:
                scatter[j, i] = max(square / weight - level * level, 0.0) * kept / (kept - 1)
    return rejected
