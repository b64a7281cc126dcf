"""Size and shape of a point-spread model at given positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize_scalar

from uraniborg.algorithms.measurement.moments import adaptive_moments
from uraniborg.core.pixelgrid import PointSpread

__all__ = ("PsfShape", "gaussian_fwhm", "psf_shape", "radial_fwhm")

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PsfShape:
    """Size and shape at n positions.

    Attributes
    ----------
    fwhm : (n,) float [pixel]
        Full width at half maximum: from the mean radial profile (`radial_fwhm`).
    xx, yy, xy : (n,) float [pixel^2]
        Adaptive second moments.
    area : (n,) float [pixel^2]
        Effective noise area, 1 / sum(p^2): the flux of a point source has variance ``area`` times
        that of a pixel.
    """

    fwhm: Floats
    xx: Floats
    yy: Floats
    xy: Floats
    area: Floats


def radial_fwhm(stamps: NDArray[np.floating]) -> Floats:
    """Return the width at half maximum of centred stamps.

    Parameters
    ----------
    stamps : (n, s, s) float
        Centred images.

    Returns
    -------
    (n,) float [pixel]
        Twice the radius at which the mean profile, interpolated between pixels in log(value) over r^2,
        falls to half of the central pixel.
    """
    size = stamps.shape[-1]
    steps = np.arange(size) - size // 2
    square = np.add.outer(steps**2, steps**2).ravel()
    radii, inverse = np.unique(square, return_inverse=True)
    rings = np.zeros((square.size, radii.size))
    rings[np.arange(square.size), inverse] = 1.0
    profile = stamps.reshape(len(stamps), -1) @ (rings / rings.sum(axis=0))
    ratio = profile / profile[:, :1]
    below = np.argmax(ratio < 0.5, axis=1)
    rows = np.arange(len(stamps))
    with np.errstate(invalid="ignore", divide="ignore"):
        high, low = np.log(ratio[rows, below - 1]), np.log(ratio[rows, below])
        part = (high - np.log(0.5)) / (high - low)
        found = 2.0 * np.sqrt(radii[below - 1] + part * (radii[below] - radii[below - 1]))
    return np.where(below > 0, found, np.nan)


def gaussian_fwhm(stamps: NDArray[np.floating]) -> Floats:
    """Return the width of the round Gaussian that fits centred stamps best (least squares over all pixels).

    On a profile with wings it is a few to fifteen percent above the half-maximum width of `radial_fwhm`.

    Parameters
    ----------
    stamps : (n, s, s) float
        Centred images.

    Returns
    -------
    (n,) float [pixel]
    """
    steps = np.arange(stamps.shape[-1]) - stamps.shape[-1] // 2
    square = np.add.outer(steps**2, steps**2).astype(float)

    def width(stamp: NDArray[np.floating]) -> float:
        def loss(sigma: float) -> float:
            # The best amplitude is known for each width, which leaves one parameter.
            model = np.exp(-square / (2.0 * sigma**2))
            return -float(np.sum(model * stamp) ** 2 / np.sum(model**2))

        bounds = (0.3, 0.5 * stamp.shape[-1])
        return float(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-5}).x)

    return np.array([2.0 * np.sqrt(2.0 * np.log(2.0)) * width(stamp) for stamp in stamps])


def psf_shape(psf: PointSpread, *, x: ArrayLike, y: ArrayLike) -> PsfShape:
    """Measure a point-spread model.

    Parameters
    ----------
    psf : PointSpread
        Model.
    x, y : (n,) float [pixel]
        Positions; each is moved to the centre of its pixel.

    Returns
    -------
    PsfShape
    """
    stamps = psf.evaluate(np.floor(np.atleast_1d(x) + 0.5), np.floor(np.atleast_1d(y) + 0.5))
    fwhm = radial_fwhm(stamps)
    guess = float(np.nanmedian(fwhm)) / 2.3548 if np.isfinite(fwhm).any() else 1.7
    moments = adaptive_moments(stamps, sigma=guess)
    return PsfShape(fwhm=fwhm, xx=moments.xx, yy=moments.yy, xy=moments.xy, area=1.0 / np.sum(stamps**2, axis=(1, 2)))
