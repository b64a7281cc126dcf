"""Refraction by the air as a function of wavelength."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ("refraction", "refractivity")


def refractivity(wavelength: ArrayLike, *, temperature: float, pressure: float, humidity: float) -> NDArray[np.float64]:
    """Return the refractive index of air minus 1.

    Parameters
    ----------
    wavelength : (n,) float [micron]
        Vacuum wavelength, 0.3 to 1.7.
    temperature, pressure : float [Celsius], [hPa]
        Of the air.
    humidity : float []
        Relative humidity.

    Returns
    -------
    (n,) float []

    Notes
    -----
    Dispersion of dry air and of water vapour: Ciddor (1996, Applied Optics 35, 1566), with the densities of ideal
    gases (0.1 %). Saturation pressure of water: Buck (1981, J. Appl. Meteorol. 20, 1527).
    """
    s2 = np.asarray(wavelength, dtype=float) ** -2.0
    dry = 1e-8 * (5792105.0 / (238.0185 - s2) + 167917.0 / (57.362 - s2))
    wet = 1.022e-8 * (295.235 + 2.6422 * s2 - 0.032380 * s2**2 + 0.004028 * s2**3)
    kelvin = temperature + 273.15
    vapour = humidity * 6.1121 * np.exp(17.502 * temperature / (240.97 + temperature))  # [hPa]
    dry_density = (pressure - vapour) / 1013.25 * 288.15 / kelvin
    wet_density = vapour / 13.33 * 293.15 / kelvin
    return np.asarray(dry * dry_density + wet * wet_density)


def refraction(index: ArrayLike, zenith_distance: ArrayLike, *, temperature: float) -> NDArray[np.float64]:
    """Return by how much light is lifted towards the zenith.

    Parameters
    ----------
    index : (n,) float []
        Refractive index minus 1, of `refractivity`.
    zenith_distance : float [deg]
        Observed zenith distance, up to 75.
    temperature : float [Celsius]
        Of the air at the telescope; it sets the scale height.

    Returns
    -------
    (n,) float [arcsec]

    Notes
    -----
    R = g (1 - b) tan z - g (b - g / 2) tan^3 z with g the index and b the scale height over the Earth's radius
    (Stone 1996, PASP 108, 1051, equations 4 and 9).
    """
    g = np.asarray(index, dtype=float)
    b = 0.001254 * (temperature + 273.15) / 273.15
    tangent = np.tan(np.deg2rad(zenith_distance))
    return np.asarray(np.degrees(g * (1.0 - b) * tangent - g * (b - 0.5 * g) * tangent**3) * 3600.0)
