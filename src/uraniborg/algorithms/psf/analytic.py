"""Analytic point-spread functions on a pixel grid: first guesses, and what a fit falls back to."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.pixelgrid import PsfModel

__all__ = ("choose_sampling", "elliptical_moffat", "gaussian_psf", "stamp_size_for")

type Floats = NDArray[np.float64]


def choose_sampling(fwhm: float) -> float:
    """Return the grid step [pixel] for a FWHM [pixel]: 1, or finer so that the FWHM has three steps."""
    return 1.0 if fwhm >= 3.0 else fwhm / 3.0


def stamp_size_for(fwhm: float) -> int:
    """Return the side [pixel] of stamps that hold the point-spread function to about three FWHM: 21 to 61, odd."""
    return 2 * int(min(max(round(3.0 * fwhm), 10), 30)) + 1


def elliptical_moffat(
    fwhm: float, beta: float, *, size: int, sampling: float = 1.0, shear: tuple[float, float] = (0.0, 0.0)
) -> Floats:
    """Return a Moffat profile sampled at the grid points.

    Parameters
    ----------
    fwhm : float [pixel]
        Full width at half maximum of the round profile.
    beta : float
        Slope: the profile falls as r^(-2 beta).
    size : int
        Side of the grid (odd).
    sampling : float [pixel]
        Grid step.
    shear : pair of float
        Reduced shear (g1, g2) that makes it elliptical.

    Returns
    -------
    (size, size) float
        Sums to 1.
    """
    steps = (np.arange(size) - size // 2) * sampling
    y, x = np.meshgrid(steps, steps, indexing="ij")
    g1, g2 = shear
    norm = 1.0 / math.sqrt(1.0 - g1 * g1 - g2 * g2)
    u, v = norm * ((1.0 - g1) * x - g2 * y), norm * ((1.0 + g1) * y - g2 * x)
    core = 0.5 * fwhm / math.sqrt(2.0 ** (1.0 / beta) - 1.0)
    profile = (1.0 + (u * u + v * v) / core**2) ** (-beta)
    return np.asarray(profile / profile.sum())


def gaussian_psf(sigma: float, *, stamp_size: int | None = None) -> PsfModel:
    """Return a round Gaussian point-spread function that is the same everywhere.

    Parameters
    ----------
    sigma : float [pixel]
        Standard deviation.
    stamp_size : int, optional [pixel]
        Side of stamps (odd); chosen from the width by default.

    Returns
    -------
    PsfModel
    """
    size = stamp_size or stamp_size_for(2.3548 * sigma)
    sampling = min(1.0, sigma / 4.0)
    side = 2 * math.ceil((size // 2 + 1) / sampling) + 1
    steps = (np.arange(side) - side // 2) * sampling
    line = np.exp(-0.5 * (steps / sigma) ** 2)
    grid = np.outer(line, line)
    return PsfModel((grid / grid.sum())[None], 0, (0.0, 0.0), (1.0, 1.0), sampling, size)
