"""Fringes of the night sky: the pattern from many exposures, and how much of it an exposure has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, gaussian_filter, uniform_filter

from uraniborg.algorithms.calib.noise import clipped_moments
from uraniborg.core.errors import Unprocessable

__all__ = ("FringeAmplitude", "find_light", "fit_fringe_amplitude", "relative_to_sky", "smooth_pattern")


@dataclass(frozen=True, slots=True)
class FringeAmplitude:
    """How strong the pattern is in an exposure.

    Attributes
    ----------
    amplitude, error : float
        Factor of the pattern, and its standard error, in units of the image.
    residual : float []
        Share of the pattern that is left in each half of a checkerboard of cells when it is corrected with the
        amplitude of the other half.
    """

    amplitude: float
    error: float
    residual: float


def find_light(image: NDArray[np.floating], *, sky: float, n_sigma: float = 3.0, grow: int = 6) -> NDArray[np.bool_]:
    """Return where stars and galaxies are, on an image whose pattern of fringes is faint beside them.

    Parameters
    ----------
    image : (ny, nx) float [electron]
        Flat-fielded image.
    sky : float [electron]
        Its sky level.
    n_sigma : float []
        Means of 3 x 3 pixels this far above the sky are light.
    grow : int [pixel]
        Margin.
    """
    usable = np.isfinite(image)
    filled = np.where(usable, image, sky)
    smooth = uniform_filter(filled - sky, 3)
    _, sigma, _ = clipped_moments(smooth[::2, ::2], clip=3.0)
    core = smooth > n_sigma * sigma
    # Lone noise peaks are no light: at least three of the nine neighbours have to stand out.
    core &= uniform_filter(core.astype(np.float32), 3) > 2.5 / 9.0
    return np.asarray(binary_dilation(core, iterations=grow) | ~usable)


def relative_to_sky(
    image: NDArray[np.floating], *, bad: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.float32], float]:
    """Return an image as a fraction of its sky, less one, and the sky level.

    Parameters
    ----------
    image : (ny, nx) float [electron]
        Flat-fielded image.
    bad : (ny, nx) bool, optional
        Pixels with light of objects, and bad ones; they are NaN in the result.

    Raises
    ------
    Unprocessable
        If there is no sky.
    """
    usable = np.isfinite(image) if bad is None else np.isfinite(image) & ~bad
    if usable.sum() < 100:
        raise Unprocessable(f"{usable.sum()} pixels of sky are not enough")
    sky, _, _ = clipped_moments(image[usable], clip=4.0)
    if not sky > 0.0:
        raise Unprocessable(f"a sky of {sky:.2f} electron cannot show fringes")
    return np.where(usable, image / np.float32(sky) - np.float32(1.0), np.nan).astype(np.float32), sky


def smooth_pattern(
    pattern: NDArray[np.floating], *, bad: NDArray[np.bool_] | None = None, sigma: float = 2.0
) -> NDArray[np.float32]:
    """Return a pattern without the noise of single pixels, its mean taken out.

    Noise of the pattern makes every amplitude fitted with it too small; fringes of a spacing of 60 pixels lose 2 % to
    a Gaussian of 2 pixels, whose noise is seven times smaller.

    Parameters
    ----------
    pattern : (ny, nx) float []
        Combined pattern.
    bad : (ny, nx) bool, optional
        Pixels without a value; they are filled from their neighbours.
    sigma : float [pixel]
        Of the Gaussian.
    """
    usable = np.isfinite(pattern) if bad is None else np.isfinite(pattern) & ~bad
    weight = gaussian_filter(usable.astype(np.float32), sigma)
    values = gaussian_filter(np.where(usable, pattern, 0.0).astype(np.float32), sigma)
    smooth = np.where(weight > 1e-3, values / np.maximum(weight, 1e-3), 0.0)
    return np.asarray(smooth - smooth[weight > 1e-3].mean(), dtype=np.float32)


def fit_fringe_amplitude(
    image: NDArray[np.floating],
    pattern: NDArray[np.floating],
    *,
    bad: NDArray[np.bool_] | None = None,
    cell: int = 64,
) -> FringeAmplitude:
    """Fit the amplitude of the pattern in an exposure, and a level.

    Parameters
    ----------
    image : (ny, nx) float [electron]
        Flat-fielded image.
    pattern : (ny, nx) float []
        Pattern of unit sky.
    bad : (ny, nx) bool, optional
        Pixels to leave out.
    cell : int [pixel]
        Side of the cells of the checkerboard of `FringeAmplitude.residual`.

    Raises
    ------
    Unprocessable
        If nothing is usable or the pattern is flat.
    """
    usable = np.isfinite(image) & np.isfinite(pattern)
    if bad is not None:
        usable &= ~bad
    y, x = np.indices(image.shape) // cell
    odd = ((y + x) % 2).astype(bool)
    whole = _project(image, pattern, usable)
    halves = [_project(image, pattern, usable & part) for part in (odd, ~odd)]
    # Each half is corrected with the amplitude of the other: noise must not make the residual look better than it is.
    left = abs(halves[0][0] - halves[1][0])
    return FringeAmplitude(whole[0], whole[1], float(left / max(abs(whole[0]), 1e-30)))


def _project(
    image: NDArray[np.floating], pattern: NDArray[np.floating], usable: NDArray[np.bool_]
) -> tuple[float, float]:
    if usable.sum() < 100:
        raise Unprocessable(f"{usable.sum()} usable pixels are not enough for fringes")
    p = pattern[usable].astype(np.float64)
    p -= p.mean()
    values = image[usable].astype(np.float64)
    centre, sigma, _ = clipped_moments(values, clip=4.0)
    kept = np.abs(values - centre) <= 4.0 * sigma
    p, values = p[kept], values[kept] - centre
    norm = float(p @ p)
    if not norm > 0.0:
        raise Unprocessable("the pattern of fringes is flat")
    return float(p @ values) / norm, float(sigma / np.sqrt(norm))
