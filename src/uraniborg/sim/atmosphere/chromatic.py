"""Differential chromatic refraction: where each source's light of one band lands, by the source's own colours.

Within a band light is spread along the direction to the zenith. With t in -1..1 the position on that line, the
distribution of a source's photons over t is expanded in Legendre polynomials; the Fourier transform of the n-th is
(-i)^n j_n, a spherical Bessel function. The PSF of any source is then a sum of a few images, drawn once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.special import eval_legendre, spherical_jn

from uraniborg.sim.atmosphere.air import refraction, refractivity
from uraniborg.sim.atmosphere.config import AtmosphereConfig
from uraniborg.sim.spectra import BANDS, black_body_colours

__all__ = ("REFERENCE_TEMPERATURE", "Spread", "make_spread", "reference_fluxes")

REFERENCE_TEMPERATURE = 5778.0
"""A black body of this temperature is where the projection says [K]."""
_TERMS = 5
_SAMPLES = 96


@dataclass(frozen=True, slots=True)
class Spread:
    """How the air spreads the light of one band at one place.

    Attributes
    ----------
    wavelength : (m,) float [micron]
        Samples of the band.
    lift : (m,) float [arcsec]
        Refraction at the samples, towards the zenith, minus that of the reference spectrum.
    """

    wavelength: NDArray[np.float64]
    lift: NDArray[np.float64]

    @property
    def middle(self) -> float:
        """Middle of the line [arcsec]."""
        return float(0.5 * (self.lift[0] + self.lift[-1]))

    @property
    def half_length(self) -> float:
        """Half length of the line [arcsec]."""
        return float(0.5 * (self.lift[0] - self.lift[-1]))

    def coefficients(self, fluxes: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the Legendre coefficients of sources.

        Parameters
        ----------
        fluxes : mapping of str to (n,) float [nJy]
            Fluxes in all bands; the spectrum is a spline in magnitude over log wavelength through them.

        Returns
        -------
        (n, 5) float []
            The first is 1.
        """
        weight = self._photons(fluxes)
        t = (self.lift - self.middle) / self.half_length
        moments = [weight @ eval_legendre(n, t) * (2 * n + 1) for n in range(_TERMS)]
        return np.stack(moments, axis=-1)

    def shifts(self, fluxes: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return how far the mean of each source's photons is lifted beyond the reference, (n,) [arcsec]."""
        return np.asarray(self._photons(fluxes) @ self.lift)

    def widths(self, fluxes: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return the standard deviation of each source's photons along the line, (n,) [arcsec]."""
        weight = self._photons(fluxes)
        return np.sqrt(np.maximum(weight @ self.lift**2 - (weight @ self.lift) ** 2, 0.0))

    def transfer(self, wave: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the Fourier transforms of the terms.

        Parameters
        ----------
        wave : (...) float [rad/arcsec]
            Component of the wave vector towards the zenith.

        Returns
        -------
        (5, ...) complex
        """
        carrier = np.exp(-1j * wave * self.middle)
        return np.stack([(-1j) ** n * spherical_jn(n, wave * self.half_length) * carrier for n in range(_TERMS)])

    def _photons(self, fluxes: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
        """Return each source's share of photons in the samples, (n, m)."""
        centres = np.array([0.5 * (np.log(low) + np.log(high)) for low, high in BANDS.values()])
        values = np.stack([np.asarray(fluxes[band], dtype=float) for band in BANDS], axis=-1)
        log_flux = np.log(np.maximum(values, 1e-30))
        log_flux -= log_flux.mean(axis=-1, keepdims=True)
        spectrum = np.exp(CubicSpline(centres, log_flux, axis=-1, bc_type="natural")(np.log(self.wavelength)))
        return np.asarray(spectrum / spectrum.sum(axis=-1, keepdims=True))


def reference_fluxes(temperature: float = REFERENCE_TEMPERATURE) -> dict[str, NDArray[np.float64]]:
    """Return relative fluxes by band of a black body, as (1,) arrays."""
    return {band: 10.0 ** (-0.4 * black_body_colours(np.array([temperature]), band)) for band in BANDS}


def make_spread(band: str, *, zenith_distance: float, air: AtmosphereConfig) -> Spread:
    """Return how the air spreads the light of a band.

    Parameters
    ----------
    band : str
        Band.
    zenith_distance : float [deg]
        Of the field.
    air : AtmosphereConfig
        Temperature, pressure and humidity.

    Returns
    -------
    Spread
    """
    low, high = BANDS[band]
    edges = np.linspace(np.log(low), np.log(high), _SAMPLES + 1)
    wavelength = np.exp(0.5 * (edges[1:] + edges[:-1]))  # equal steps of log: photons of a flat spectrum are even
    index = refractivity(wavelength, temperature=air.temperature, pressure=air.pressure, humidity=air.humidity)
    lift = refraction(index, zenith_distance, temperature=air.temperature)
    plain = Spread(wavelength, lift)
    return Spread(wavelength, lift - float(plain.shifts(reference_fluxes())[0]))
