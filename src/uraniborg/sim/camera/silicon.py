"""What light of one wavelength does in silicon: how much of it becomes charge, and how strong its fringes are."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ("FRINGE_WAVELENGTH", "absorption", "fringe_contrast", "quantum_efficiency")

FRINGE_WAVELENGTH: Final = 950.0
"""Wavelength of the night-sky lines that the pattern of fringes belongs to [nm]."""

_WAVELENGTHS: Final = (300.0, 350, 400, 450, 500, 550, 600, 650, 700, 750, 800, 850, 900, 950, 1000, 1050, 1100, 1150)
_COEFFICIENTS: Final = (
    *(1.73e6, 1.04e6, 9.52e4, 2.55e4, 1.11e4, 6.39e3, 4.14e3, 2.81e3, 1.90e3),
    *(1.30e3, 8.50e2, 5.35e2, 3.06e2, 1.57e2, 6.40e1, 1.63e1, 3.5, 6.8e-1),
)
_REFLECTIVITY: Final = 0.3 * 0.03  # of both surfaces, multiplied


def absorption(wavelength: ArrayLike) -> NDArray[np.float64]:
    """Return the absorption coefficient of silicon at 300 K.

    Parameters
    ----------
    wavelength : float [nm]
        Wavelength in vacuum, 300 to 1150.

    Returns
    -------
    float [cm^-1]
        Logarithmic interpolation in the table of Green (2008, Sol. Energy Mater. Sol. Cells 92, 1305).
    """
    return np.asarray(np.exp(np.interp(np.asarray(wavelength, dtype=float), _WAVELENGTHS, np.log(_COEFFICIENTS))))


def quantum_efficiency(wavelength: ArrayLike, *, thickness: float) -> NDArray[np.float64]:
    """Return the share of the light that has entered the sensor which is absorbed on one way through it.

    Parameters
    ----------
    wavelength : float [nm]
        Wavelength.
    thickness : float [micrometre]
        Thickness of the silicon.

    Returns
    -------
    float []
    """
    return np.asarray(-np.expm1(-absorption(wavelength) * thickness * 1e-4))


def fringe_contrast(wavelength: ArrayLike, *, thickness: float) -> NDArray[np.float64]:
    """Return the relative amplitude of fringes in light of one wavelength.

    Light that is reflected at both surfaces has gone twice through the silicon when it meets itself: to first order
    the amplitude is 2 sqrt(R1 R2) exp(-a d), with R1 R2 = 0.009.

    Parameters
    ----------
    wavelength : float [nm]
        Wavelength.
    thickness : float [micrometre]
        Thickness of the silicon.

    Returns
    -------
    float []
    """
    return np.asarray(2.0 * np.sqrt(_REFLECTIVITY) * np.exp(-absorption(wavelength) * thickness * 1e-4))
