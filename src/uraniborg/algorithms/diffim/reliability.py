"""A transparent score for sources on a difference: how much each looks like a point of new light.

The score is the product of five factors in [0, 1], each from one quantity with a plain meaning; there is nothing
trained in it, and each factor can be read on its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from uraniborg.algorithms.diffim.convolve import convolve
from uraniborg.core.pixelgrid import nearest_pixel

__all__ = ("RELIABILITY_VERSION", "ReliabilityFactors", "point_flux_map", "score_reliability", "stamp_features")

RELIABILITY_VERSION = "factors-1"
"""Name of this recipe, kept beside the scores."""


@dataclass(frozen=True, slots=True)
class ReliabilityFactors:
    """The factors of the score, each (n,) in [0, 1].

    Attributes
    ----------
    fit : (n,) float
        Agreement with the point-spread function (chi square).
    size : (n,) float
        Agreement of the size with that of the point-spread function; cosmic rays are sharper, galaxy residuals wider.
    sign : (n,) float
        Absence of flux of the other sign beside the source.
    star : (n,) float
        Brightness compared with the imperfect subtraction expected from static light there.
    pixels : (n,) float
        Absence of unusable pixels.
    """

    fit: NDArray[np.float64]
    size: NDArray[np.float64]
    sign: NDArray[np.float64]
    star: NDArray[np.float64]
    pixels: NDArray[np.float64]

    @property
    def score(self) -> NDArray[np.float64]:
        """Product of the factors, (n,)."""
        return self.fit * self.size * self.sign * self.star * self.pixels


def point_flux_map(image: NDArray[np.floating], psf: NDArray[np.floating], *, radius: int) -> NDArray[np.float64]:
    """Return for each pixel the largest point-source flux of an image within a radius.

    Parameters
    ----------
    image : (ny, nx) float
        Template; NaN counts as zero.
    psf : (k, k) float
        Its point-spread function.
    radius : int [pixel]

    Returns
    -------
    (ny, nx) float
    """
    norm = psf / psf.sum()
    flux = convolve(np.nan_to_num(image), norm[::-1, ::-1]) / (norm**2).sum()
    offsets = np.arange(-radius, radius + 1)
    disk = offsets[:, None] ** 2 + offsets**2 <= radius**2
    return np.asarray(ndimage.maximum_filter(flux, footprint=disk, mode="constant", cval=-np.inf))


def stamp_features(
    pulls: NDArray[np.floating], unusable: NDArray[np.bool_], positions: NDArray[np.floating], *, half_size: int
) -> NDArray[np.float64]:
    """Return what the pixels round each source say about its neighbourhood.

    Parameters
    ----------
    pulls : (ny, nx) float
        Difference over its error.
    unusable : (ny, nx) bool
    positions : (n, 2) float [pixel]
        Centroids (x, y).
    half_size : int [pixel]
        Stamps are ``2 * half_size + 1`` wide.

    Returns
    -------
    (3, n) float
        Sums of the pulls above +2 and below -2 (as a positive number), and the share of unusable pixels.
    """
    result = np.zeros((3, len(positions)))
    clean = np.where(np.isfinite(pulls), pulls, 0.0).astype(np.float64)
    _scan(clean, unusable, np.ascontiguousarray(positions, dtype=np.float64), half_size, result)
    return result


@njit(cache=True, nogil=True)
def _scan(pulls, unusable, positions, half_size, result):  # type: ignore[no-untyped-def]
    height, width = pulls.shape
    for n in range(positions.shape[0]):
        if not np.isfinite(positions[n, 0] + positions[n, 1]):
            result[2, n] = 1.0
            continue
        x_mid, y_mid = nearest_pixel(positions[n, 0]), nearest_pixel(positions[n, 1])
        bad = 0
        for y in range(y_mid - half_size, y_mid + half_size + 1):
            for x in range(x_mid - half_size, x_mid + half_size + 1):
                if not (0 <= y < height and 0 <= x < width) or unusable[y, x]:
                    bad += 1
                elif pulls[y, x] > 2.0:
                    result[0, n] += pulls[y, x]
                elif pulls[y, x] < -2.0:
                    result[1, n] -= pulls[y, x]
        result[2, n] = bad / (2 * half_size + 1) ** 2


def score_reliability(
    *,
    snr: NDArray[np.floating],
    chi2_dof: NDArray[np.floating],
    size_ratio: NDArray[np.floating],
    features: NDArray[np.floating],
    star_ratio: NDArray[np.floating],
    residual_fraction: float = 0.02,
) -> ReliabilityFactors:
    """Score sources on a difference image.

    Parameters
    ----------
    snr : (n,) float
        Signed signal-to-noise ratio of the point-source flux.
    chi2_dof : (n,) float
        Reduced chi square of the point-source fit.
    size_ratio : (n,) float
        Size (trace of the moments, square root) over that of the point-spread function; NaN counts as unknown.
    features : (3, n) float
        From `stamp_features`.
    star_ratio : (n,) float
        Absolute flux over the largest static point-source flux nearby (large where there is nothing static).
    residual_fraction : float
        Typical residual of a static star, relative to its flux.

    Returns
    -------
    ReliabilityFactors
    """
    strength = np.abs(snr)
    # A bright source shows the small errors of the model: they grow in chi square with the square of its S/N.
    allowed = 0.3 + (0.01 * strength) ** 2
    fit = 1.0 / (1.0 + (np.maximum(chi2_dof - 1.0, 0.0) / (4.0 * allowed)) ** 2)
    logarithm = np.log(np.clip(np.where(np.isfinite(size_ratio), size_ratio, 1.0), 0.05, 20.0))
    tolerance = np.hypot(0.25, 1.5 / np.maximum(strength, 1.0))
    size = np.exp(-0.5 * (logarithm / tolerance) ** 4)
    own, other = np.where(snr >= 0, features[:2], features[1::-1])
    sign = 1.0 - np.clip((other / np.maximum(own, 1.0) - 0.3) / 0.5, 0.0, 1.0)
    # Beyond ten times the static light nothing is left to be told apart.
    ratio = np.clip(np.nan_to_num(star_ratio, nan=10.0), 0.0, 10.0)
    star = ratio**2 / (ratio**2 + residual_fraction**2)
    pixels = np.clip(1.0 - 2.0 * features[2], 0.0, 1.0)
    unknown = ~np.isfinite(fit)
    return ReliabilityFactors(np.where(unknown, 0.0, fit), size, sign, star, pixels)
