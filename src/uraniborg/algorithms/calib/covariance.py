"""Covariances of pixels in the difference of two flats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from uraniborg.algorithms.calib.noise import clipped_moments
from uraniborg.core.errors import Unprocessable, UserError

__all__ = ("FlatCovariance", "measure_flat_covariance")

_CLIP = 6.0  # of outliers in the difference; loses 1e-7 of the variance of a normal distribution


@dataclass(frozen=True, slots=True)
class FlatCovariance:
    """Level and covariances of one pair of flats, of one amplifier.

    Attributes
    ----------
    level : float [adu]
        Mean of both flats.
    first, second : float [adu]
        Mean of each.
    covariance : (m, m) float [adu^2]
        Covariance of two pixels ``[dy, dx]`` apart, of a single flat; ``[0, 0]`` is the variance.
    error : (m, m) float [adu^2]
        Standard error.
    n_pixels : int
        Pixels that entered.
    """

    level: float
    first: float
    second: float
    covariance: NDArray[np.float64]
    error: NDArray[np.float64]
    n_pixels: int


def measure_flat_covariance(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    *,
    bad: NDArray[np.bool_] | None = None,
    reach: int = 8,
) -> FlatCovariance:
    """Return level and covariances of a pair of flats.

    The flats are brought to the same mean; half the covariance of their difference is that of a flat, free of
    everything that both have in common. Pixels whose difference is an outlier, and their neighbours, are left out.
    Covariances at ``(dy, dx)`` and ``(dy, -dx)`` are averaged (Astier et al. 2019, A&A 629, A36).

    Parameters
    ----------
    first, second : (ny, nx) float [adu]
        Flats of the same light, without bias.
    bad : (ny, nx) bool, optional
        Pixels to leave out.
    reach : int [pixel]
        Largest distance in a row or a column.

    Returns
    -------
    FlatCovariance

    Raises
    ------
    UserError
        If the shapes differ.
    Unprocessable
        If there is no light, or too few pixels are left.
    """
    if first.shape != second.shape:
        raise UserError(f"the flats of a pair have shapes {first.shape} and {second.shape}")
    good = np.isfinite(first) & np.isfinite(second)
    if bad is not None:
        good &= ~bad
    if np.count_nonzero(good) < 100 * (reach + 1) ** 2:
        raise Unprocessable(f"only {np.count_nonzero(good)} usable pixels, not enough for covariances")
    means = _levels(first, second, good)
    if not min(means) > 0.0:
        raise Unprocessable(f"flats of mean {means[0]:.1f} and {means[1]:.1f} adu hold no light")
    level = 0.5 * (means[0] + means[1])
    difference = first * np.float32(level / means[0]) - second * np.float32(level / means[1])
    _, sigma, _ = clipped_moments(difference[good], clip=_CLIP)
    outlier = good & (np.abs(difference - np.median(difference[good])) > _CLIP * sigma)
    good &= ~binary_dilation(outlier, structure=np.ones((3, 3), dtype=bool))
    means = _levels(first, second, good)
    difference = first * np.float32(level / means[0]) - second * np.float32(level / means[1])
    difference = np.where(good, difference - difference[good].mean(dtype=np.float64), 0.0)
    products, numbers = _correlate(difference.astype(np.float32), reach), _correlate(good.astype(np.float32), reach)
    numbers = np.maximum(np.rint(numbers), 1.0)
    covariance = 0.5 * products / numbers
    # Both diagonals were summed where neither distance is zero: numbers count them.
    error = covariance[0, 0] / np.sqrt(numbers)
    error[0, 0] *= np.sqrt(2.0)
    return FlatCovariance(0.5 * (means[0] + means[1]), means[0], means[1], covariance, error, int(good.sum()))


def _levels(first: NDArray[np.floating], second: NDArray[np.floating], good: NDArray[np.bool_]) -> tuple[float, float]:
    return float(first[good].mean(dtype=np.float64)), float(second[good].mean(dtype=np.float64))


def _correlate(image: NDArray[np.float32], reach: int) -> NDArray[np.float64]:
    """Return sums of products of pixels ``[dy, dx]`` apart, of both signs of dx where they are not the same."""
    shape = [scipy.fft.next_fast_len(size + reach, real=True) for size in image.shape]
    power = np.abs(scipy.fft.rfft2(image, s=shape)) ** 2
    sums = scipy.fft.irfft2(power, s=shape)
    result = np.asarray(sums[: reach + 1, : reach + 1], dtype=np.float64).copy()
    result[1:, 1:] += sums[1 : reach + 1, : -reach - 1 : -1]
    return result
