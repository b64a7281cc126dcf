"""Read noise of an amplifier, from differences of frames without light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.errors import Unprocessable

__all__ = ("NoiseEstimate", "clipped_moments", "measure_read_noise")

_QUANTISATION = 1.0 / 12.0  # variance of rounding to whole units [adu^2]


@dataclass(frozen=True, slots=True)
class NoiseEstimate:
    """Noise of a pixel.

    Attributes
    ----------
    sigma : float
        Standard deviation, in units of the frames.
    error : float
        Its standard error.
    n_pixels : int
        Values that entered.
    """

    sigma: float
    error: float
    n_pixels: int


def clipped_moments(values: NDArray[np.floating], *, clip: float = 5.0, rounds: int = 3) -> tuple[float, float, int]:
    """Return mean, standard deviation and number of values within some standard deviations of the mean.

    Parameters
    ----------
    values : float array
        Values; what is not finite is left out.
    clip : float []
        Limit; the first round starts from the median and the median absolute deviation. At 5 the loss of variance of
        a normal distribution is 1.5e-5 and is not corrected; below 4 the caller has to.
    rounds : int
        Number of rounds.

    Raises
    ------
    Unprocessable
        If fewer than two values are left.
    """
    kept = np.asarray(values, dtype=np.float64).ravel()
    kept = kept[np.isfinite(kept)]
    if kept.size < 2:
        raise Unprocessable(f"{kept.size} finite values are not enough for a mean and a scatter")
    centre = float(np.median(kept))
    sigma = float(1.4826 * np.median(np.abs(kept - centre)))
    sigma = sigma if sigma > 0.0 else float(kept.std())
    whole = kept
    for _ in range(rounds):
        kept = whole[np.abs(whole - centre) <= clip * sigma]
        if kept.size < 2:
            raise Unprocessable("clipping left fewer than two values; the distribution has no core")
        centre, sigma = float(kept.mean()), float(kept.std(ddof=1))
    return centre, sigma, int(kept.size)


def measure_read_noise(frames: Sequence[NDArray[np.floating]], *, rounded: bool = True) -> NoiseEstimate:
    """Return the read noise of an amplifier.

    Differences of successive frames are free of the fixed pattern. The mean of each row is taken out of a difference,
    so that drifts of whole rows do not count as noise of pixels; the degree of freedom is given back.

    Parameters
    ----------
    frames : sequence of (ny, nx) float [adu]
        Two or more frames of the same pixels without light: biases, or their overscans.
    rounded : bool
        Whether the frames are whole numbers, whose rounding adds 1/12 to the variance.

    Returns
    -------
    NoiseEstimate
        In the units of the frames; without the noise of rounding.

    Raises
    ------
    Unprocessable
        If there are fewer than two frames.
    """
    if len(frames) < 2:
        raise Unprocessable(f"the read noise needs two frames without light, there are {len(frames)}")
    columns = frames[0].shape[1]
    sums, number = 0.0, 0
    for first, second in pairwise(frames):
        difference = np.asarray(second, dtype=np.float64) - first
        difference -= np.median(difference, axis=1, keepdims=True)
        _, rough, _ = clipped_moments(difference)
        kept = np.abs(difference) <= 6.0 * rough
        counts = np.maximum(kept.sum(axis=1, keepdims=True), 1)
        difference -= np.where(kept, difference, 0.0).sum(axis=1, keepdims=True) / counts
        sums += float(np.sum(np.where(kept, difference, 0.0) ** 2)) * columns / (columns - 1.0)
        number += int(kept.sum())
    variance = sums / number / 2.0
    pure = max(variance - (_QUANTISATION if rounded else 0.0), 0.0)
    sigma = float(np.sqrt(pure))
    # Successive differences share a frame: N - 1 of them are worth about 2 (N - 1) / 3 independent ones.
    share = 1.0 if len(frames) == 2 else 1.5
    error = variance * np.sqrt(2.0 * share / number) / (2.0 * max(sigma, 1e-30))
    return NoiseEstimate(sigma, float(error), number)
