"""Galaxies with bulge, disc and redshift whose counts follow a published curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uraniborg.sim.spectra import BANDS

__all__ = ("GalaxySample", "cumulative_counts", "draw_galaxy_population", "galaxy_colours")

_BREAK = 0.40  # [micron], at rest
_H0_DISTANCE = 4283.0  # c / H0 for 70 km/s/Mpc [Mpc]


@dataclass(frozen=True, slots=True)
class GalaxySample:
    """Galaxies drawn from the population.

    Attributes
    ----------
    magnitudes : dict of str to (n,) float [mag]
        AB magnitude in each band.
    slope, redshift, bulge_fraction : (n,) float []
        Spectral slope, redshift, share of the light in the bulge (the same in all bands).
    disc_radius, bulge_radius : (n,) float [arcsec]
        Half-light radii, geometric mean of the axes.
    axis_ratio : (n,) float []
        Of the disc; the bulge is rounder, with the square root of it.
    """

    magnitudes: dict[str, NDArray[np.float64]]
    slope: NDArray[np.float64]
    redshift: NDArray[np.float64]
    bulge_fraction: NDArray[np.float64]
    disc_radius: NDArray[np.float64]
    bulge_radius: NDArray[np.float64]
    axis_ratio: NDArray[np.float64]


def cumulative_counts(magnitude: ArrayLike) -> NDArray[np.float64]:
    """Return galaxies brighter than a magnitude in i [arcmin^-2].

    46 x 10^(0.31 (i - 25)): LSST Science Book (2009, arXiv:0912.0201), section 3.7.1, for 20.5 < i < 25.5.
    """
    return np.asarray(46.0 * 10.0 ** (0.31 * (np.asarray(magnitude, dtype=float) - 25.0)))


def galaxy_colours(slope: ArrayLike, jump: ArrayLike, redshift: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Return the magnitude in each band minus i.

    Parameters
    ----------
    slope : (n,) float []
        The flux density goes as frequency^-slope.
    jump : (n,) float [mag]
        It is fainter by this beyond the break at 0.40 micron, at rest.
    redshift : (n,) float []
        Redshifts.

    Returns
    -------
    dict of str to (n,) float [mag]
    """
    edge = _BREAK * (1.0 + np.asarray(redshift, dtype=float))
    values = {}
    for band, (low, high) in BANDS.items():
        fine = np.exp(np.linspace(np.log(low), np.log(high), 48))
        flux = fine ** np.asarray(slope, dtype=float)[:, None]
        flux = np.where(fine < edge[:, None], flux * 10.0 ** (-0.4 * np.asarray(jump, dtype=float)[:, None]), flux)
        values[band] = -2.5 * np.log10(flux.mean(axis=1))
    return {band: value - values["i"] for band, value in values.items()}


def draw_galaxy_population(rng: np.random.Generator, *, area: float, limits: tuple[float, float]) -> GalaxySample:
    """Draw the galaxies of a field.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of randomness.
    area : float [arcmin^2]
        Area of the field.
    limits : tuple of float [mag]
        Range in i.

    Returns
    -------
    GalaxySample

    Notes
    -----
    Redshifts: p(z) ~ z^2 exp(-z / z0) with z0 = 0.0417 i - 0.744 (LSST Science Book, section 3.7.2), at least 0.04.
    Sizes: log-normal around 10^(-0.11 (i - 20) + 0.04) arcsec, a fit to discs of deep fields, with 0.17 dex of scatter.
    """
    low, high = cumulative_counts(limits)
    n = int(rng.poisson((high - low) * area))
    i = 25.0 + np.log10(rng.uniform(low, high, n) / 46.0) / 0.31
    redshift = np.clip(rng.gamma(3.0, 1.0, n) * np.maximum(0.0417 * i - 0.744, 0.04), 0.01, 6.0)
    early = rng.uniform(size=n) < np.clip(0.45 - 0.05 * (i - 19.0), 0.12, 0.6)
    slope = np.where(early, rng.normal(1.7, 0.25, n), rng.normal(0.8, 0.35, n))
    jump = np.where(early, rng.normal(0.95, 0.15, n), rng.normal(0.35, 0.15, n))
    bulge = np.where(early, rng.uniform(0.5, 1.0, n), rng.beta(1.0, 6.0, n))
    radius = np.clip(10.0 ** (0.04 - 0.11 * (i - 20.0) + rng.normal(0.0, 0.17, n)), 0.1, 8.0)
    colours = galaxy_colours(slope, jump, redshift)
    return GalaxySample(
        magnitudes={band: i + value for band, value in colours.items()},
        slope=slope,
        redshift=redshift,
        bulge_fraction=bulge,
        disc_radius=radius,
        bulge_radius=radius * rng.uniform(0.3, 0.7, n),
        axis_ratio=np.where(early, rng.uniform(0.5, 1.0, n), rng.uniform(0.2, 1.0, n)),
    )
