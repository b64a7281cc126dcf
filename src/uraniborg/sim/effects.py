"""What the detector does to the light: photon and read noise, saturation, dead columns, cosmic rays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ("CosmicRays", "add_noise", "bad_column_mask", "draw_cosmic_rays")


@dataclass(frozen=True, slots=True)
class CosmicRays:
    """Charge of the cosmic rays of one exposure.

    Attributes
    ----------
    charge : (ny, nx) float [electron]
        Charge; 0 where there is none.
    number : int
        Number of tracks.
    """

    charge: NDArray[np.float64]
    number: int


def add_noise(mean: NDArray[np.float64], rng: np.random.Generator, *, read_noise: float) -> NDArray[np.float64]:
    """Return counts drawn around their expectation.

    Parameters
    ----------
    mean : (ny, nx) float [electron]
        Expected counts.
    rng : numpy.random.Generator
        Source of randomness.
    read_noise : float [electron]
        Standard deviation of the Gaussian noise of the read-out.

    Returns
    -------
    (ny, nx) float [electron]
    """
    counts = rng.poisson(np.maximum(mean, 0.0)).astype(float)
    counts += read_noise * rng.standard_normal(mean.shape)
    return counts


def bad_column_mask(shape: tuple[int, int], rng: np.random.Generator, *, number: int) -> NDArray[np.bool_]:
    """Return where dead columns are: each runs from a random row to the top, as behind a charge trap."""
    mask = np.zeros(shape, dtype=bool)
    rows, columns = shape
    for column in rng.choice(columns, min(number, columns), replace=False):
        mask[int(rng.integers(0, rows // 2)) :, column] = True
    return mask


def draw_cosmic_rays(shape: tuple[int, int], rng: np.random.Generator, *, mean_number: float) -> CosmicRays:
    """Draw straight tracks of cosmic rays.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    rng : numpy.random.Generator
        Source of randomness.
    mean_number : float
        Mean number of tracks.

    Returns
    -------
    CosmicRays
    """
    number = int(rng.poisson(mean_number))
    charge = np.zeros(shape)
    start = rng.uniform(0.0, 1.0, (number, 2)) * (shape[1], shape[0])
    length = rng.exponential(8.0, number) + 1.0  # [pixel]
    angle = rng.uniform(0.0, 2.0 * np.pi, number)
    density = rng.lognormal(np.log(1200.0), 0.6, number)  # [electron/pixel]
    for k in range(number):
        steps = np.arange(0.0, length[k], 0.25)
        x = np.round(start[k, 0] + steps * np.cos(angle[k])).astype(int)
        y = np.round(start[k, 1] + steps * np.sin(angle[k])).astype(int)
        inside = (x >= 0) & (x < shape[1]) & (y >= 0) & (y < shape[0])
        np.add.at(charge, (y[inside], x[inside]), 0.25 * density[k])
    return CosmicRays(charge=charge, number=number)
