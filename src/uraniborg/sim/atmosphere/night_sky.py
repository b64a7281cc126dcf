"""How bright the night sky is: airglow through the air, and moonlight."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uraniborg.sim.motion.observer import Observer, unit_vectors

__all__ = ("MoonState", "moon_state", "moonlight", "night_sky")

_MOON_COLOUR = {"u": 0.58, "g": 0.30, "r": -0.16, "i": -0.28, "z": -0.30, "y": -0.30}
"""AB magnitude of sunlight in a band minus its V (Willmer 2018, ApJS 236, 47)."""


@dataclass(frozen=True, slots=True)
class MoonState:
    """The Moon, as seen from the telescope when it looks at a field.

    Attributes
    ----------
    altitude : float [deg]
        Above the horizon, negative below.
    separation : float [deg]
        From the field.
    phase_angle : float [deg]
        Sun - Moon - observer: 0 at full Moon.
    """

    altitude: float
    separation: float
    phase_angle: float

    @property
    def illuminated(self) -> float:
        """Share of the disc that is lit."""
        return float(0.5 * (1.0 + np.cos(np.deg2rad(self.phase_angle))))


def moon_state(observer: Observer, ra: float, dec: float) -> MoonState:
    """Return where the Moon is for an observer who looks at a direction [deg]."""
    moon = observer.moon / np.linalg.norm(observer.moon)
    to_sun = observer.sun - observer.moon
    cosine = -(moon @ to_sun) / np.linalg.norm(to_sun)
    return MoonState(
        altitude=float(np.degrees(np.arcsin(np.clip(moon @ observer.zenith, -1.0, 1.0)))),
        separation=float(np.degrees(np.arccos(np.clip(moon @ unit_vectors(ra, dec), -1.0, 1.0)))),
        phase_angle=float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))),
    )


def moonlight(
    separation: ArrayLike, *, phase_angle: float, moon_zenith: float, zenith: float, extinction: float
) -> NDArray[np.float64]:
    """Return the surface brightness of scattered moonlight (Krisciunas & Schaefer 1991, PASP 103, 1033).

    Parameters
    ----------
    separation : (n,) float [deg]
        Angle between Moon and field.
    phase_angle : float [deg]
        0 at full Moon.
    moon_zenith, zenith : float [deg]
        Zenith distances of Moon and field.
    extinction : float [mag]
        For each airmass.

    Returns
    -------
    (n,) float [nanolambert]
        Their equation 15, with equations 3, 20 and 21; 0 where the Moon is below the horizon.
    """
    rho = np.asarray(separation, dtype=float)
    if moon_zenith >= 90.0:
        return np.zeros_like(rho)
    intensity = 10.0 ** (-0.4 * (3.84 + 0.026 * abs(phase_angle) + 4e-9 * phase_angle**4))
    scattering = 10.0**5.36 * (1.06 + np.cos(np.deg2rad(rho)) ** 2) + 10.0 ** (6.15 - rho / 40.0)
    moon_air, air = _scattering_airmass(moon_zenith), _scattering_airmass(zenith)
    return np.asarray(
        scattering * intensity * 10.0 ** (-0.4 * extinction * moon_air) * (1.0 - 10.0 ** (-0.4 * extinction * air))
    )


def night_sky(dark: float, band: str, *, extinction: float, zenith: float, moon: MoonState) -> float:
    """Return the surface brightness of the sky in a band [mag arcsec^-2].

    Parameters
    ----------
    dark : float [mag arcsec^-2]
        At the zenith without Moon, AB.
    band : str
        Band.
    extinction : float [mag]
        For each airmass.
    zenith : float [deg]
        Zenith distance of the field.
    moon : MoonState
        The Moon.

    Notes
    -----
    Airglow rises with the length of the path through its layer and is dimmed by the air below: equation 2 of
    Krisciunas & Schaefer. Moonlight is theirs with the extinction of the band and the colour of the Sun.
    """
    air = _scattering_airmass(zenith)
    glow = 10.0 ** (-0.4 * dark) * 10.0 ** (-0.4 * extinction * (air - 1.0)) * air
    light = float(
        moonlight(
            moon.separation,
            phase_angle=moon.phase_angle,
            moon_zenith=90.0 - moon.altitude,
            zenith=zenith,
            extinction=extinction,
        )
    )
    if light > 0.0:
        visual = (20.7233 - np.log(light / 34.08)) / 0.92104
        glow += 10.0 ** (-0.4 * (visual + _MOON_COLOUR[band]))
    return float(-2.5 * np.log10(glow))


def _scattering_airmass(zenith: float) -> float:
    """Length of the path through a layer at the height of the airglow (their equation 3)."""
    return float((1.0 - 0.96 * np.sin(np.deg2rad(zenith)) ** 2) ** -0.5)
