"""Magnitudes of simple spectra: stars are black bodies, galaxies power laws, pass-bands flat between two wavelengths.

All magnitudes are AB, except Gaia's, which are on Gaia's Vega system.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uraniborg.core.errors import UserError

__all__ = ("BANDS", "GAIA_BANDS", "black_body_colours", "colour_temperature", "magnitude_to_flux", "flux_to_magnitude", "power_law_colours")

BANDS: dict[str, tuple[float, float]] = {
    "u": (0.330, 0.400),
    "g": (0.402, 0.552),
    "r": (0.552, 0.691),
    "i": (0.691, 0.818),
    "z": (0.818, 0.922),
    "y": (0.950, 1.080),
}
"""First and last wavelength of each pass-band [micron], about those of LSST."""

GAIA_BANDS: dict[str, tuple[float, float, float]] = {
    "phot_g_mean_mag": (0.330, 1.050, 25.8010 - 25.6874),
    "phot_bp_mean_mag": (0.330, 0.680, 25.3540 - 25.3385),
    "phot_rp_mean_mag": (0.630, 1.050, 25.1040 - 24.7479),
}
"""Gaia's pass-bands [micron] and the AB magnitude of Vega in them [mag]: differences of the AB and the Vega zero points
of EDR3 (Riello et al. 2021, A&A 649, A3)."""

_SECOND_RADIATION_CONSTANT = 14387.768775  # h c / k [micron K]
_SAMPLES = 64


@cache
def _frequencies(low: float, high: float) -> NDArray[np.float64]:
    """Frequencies in 1/micron at equal steps of log(nu): a photon counter's weight is d(log nu)."""
    edges = np.linspace(np.log(1.0 / high), np.log(1.0 / low), _SAMPLES + 1)
    return np.exp(0.5 * (edges[1:] + edges[:-1]))


def _black_body_magnitude(temperature: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    nu = _frequencies(low, high)
    exponent = _SECOND_RADIATION_CONSTANT * nu / temperature[..., None]
    result: NDArray[np.float64] = -2.5 * np.log10(np.mean(nu**3 / np.expm1(exponent), axis=-1))
    return result


def black_body_colours(temperature: ArrayLike, band: str, *, reference: str = "r") -> NDArray[np.float64]:
    """Return the magnitude in a band minus that in the reference band, of a black body.

    The flux density B_nu(T) (Planck 1900) is averaged over the band with the weight of a photon counter, 1/nu.

    Parameters
    ----------
    temperature : (n,) float [K]
        Temperatures.
    band : str
        One of `BANDS` or `GAIA_BANDS`.
    reference : str
        One of `BANDS`.

    Returns
    -------
    (n,) float [mag]

    Raises
    ------
    UserError
        If the band is unknown.
    """
    kelvin = np.asarray(temperature, dtype=float)
    low, high, vega = _band(band)
    return _black_body_magnitude(kelvin, low, high) - vega - _black_body_magnitude(kelvin, *_band(reference)[:2])


def colour_temperature(r_minus_i: ArrayLike) -> NDArray[np.float64]:
    """Return the temperature of the black body that has a colour r - i [mag], (n,) [K], between 1500 and 30000."""
    temperature = np.geomspace(1500.0, 30000.0, 400)
    colour = -black_body_colours(temperature, "i")
    return np.interp(np.asarray(r_minus_i, dtype=float), colour[::-1], temperature[::-1])


def power_law_colours(slope: ArrayLike, band: str, *, reference: str = "r") -> NDArray[np.float64]:
    """Return the magnitude in a band minus that in the reference band, of a flux density nu^-slope.

    Parameters
    ----------
    slope : (n,) float []
        About 1 for a blue galaxy and 3 for a red one.
    band, reference : str
        Each one of `BANDS` (or `GAIA_BANDS`).

    Returns
    -------
    (n,) float [mag]

    Raises
    ------
    UserError
        If the band is unknown.
    """
    alpha = np.asarray(slope, dtype=float)
    low, high, vega = _band(band)
    ref_low, ref_high, _ = _band(reference)
    mean = np.mean(_frequencies(low, high) ** -alpha[..., None], axis=-1)
    ref_mean = np.mean(_frequencies(ref_low, ref_high) ** -alpha[..., None], axis=-1)
    result: NDArray[np.float64] = -2.5 * np.log10(mean / ref_mean) - vega
    return result


def _band(band: str) -> tuple[float, float, float]:
    if band in BANDS:
        return (*BANDS[band], 0.0)
    if band in GAIA_BANDS:
        return GAIA_BANDS[band]
    raise UserError(f"no band {band!r}; there are {[*BANDS, *GAIA_BANDS]}")


def magnitude_to_flux(magnitude: ArrayLike) -> NDArray[np.float64]:
    """Return the flux [nJy] of AB magnitudes."""
    result: NDArray[np.float64] = 10.0 ** (0.4 * (31.4 - np.asarray(magnitude, dtype=float)))
    return result


def flux_to_magnitude(flux: ArrayLike) -> NDArray[np.float64]:
    """Return the AB magnitude of fluxes [nJy]; NaN where the flux is not positive."""
    values = np.asarray(flux, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values > 0.0, 31.4 - 2.5 * np.log10(values), np.nan)
