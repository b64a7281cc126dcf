"""Where the observer is in the Solar System, where the zenith and the Moon are; from ERFA's built-in series alone.

UT1 is taken as UTC (less than 0.9 s apart: 0.4 km of the observer's place, 13 arcsec of the zenith) and the pole as
the conventional one, so that results do not depend on tables that are renewed every week.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import erfa
import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ("AU_KM", "LIGHT_DAYS_PER_AU", "SITE", "Observer", "SkyGeometry", "observer_at", "unit_vectors")

AU_KM = 149597870.7
"""Astronomical unit [km] (IAU 2012, B2)."""
LIGHT_DAYS_PER_AU = AU_KM / 299792.458 / 86400.0
"""Time of light for one astronomical unit [day]."""
SITE = (1818939.3, -5208470.9, -3195171.5)
"""Place of the telescope, as the headers tell it: Cerro Pachon, geocentric [m]."""
_TAI_TO_TT = 32.184 / 86400.0


@dataclass(frozen=True, slots=True)
class SkyGeometry:
    """A direction relative to the horizon.

    Attributes
    ----------
    zenith_distance : float [deg]
        Angle to the zenith, without refraction.
    parallactic_angle : float [deg]
        Position angle of the direction to the zenith, North through East.
    """

    zenith_distance: float
    parallactic_angle: float

    @property
    def airmass(self) -> float:
        """Airmass by the formula of Young & Irvine (1967); infinite below the horizon."""
        if self.zenith_distance >= 88.0:
            return float("inf")
        secant = 1.0 / np.cos(np.deg2rad(self.zenith_distance))
        return float(secant * (1.0 - 0.0012 * (secant**2 - 1.0)))


@dataclass(frozen=True, slots=True)
class Observer:
    """Vectors of one instant, on ICRS axes.

    Attributes
    ----------
    barycentric, heliocentric, geocentric : (3,) float [au]
        Place of the observer as seen from the Solar System's barycentre, the Sun, and the Earth's centre.
    zenith : (3,) float []
        Unit vector to the geodetic zenith.
    moon : (3,) float [au]
        The Moon as seen by the observer.
    sun : (3,) float [au]
        The Sun as seen by the observer.
    """

    barycentric: NDArray[np.float64]
    heliocentric: NDArray[np.float64]
    geocentric: NDArray[np.float64]
    zenith: NDArray[np.float64]
    moon: NDArray[np.float64]
    sun: NDArray[np.float64]

    def azimuth(self, ra: float, dec: float) -> float:
        """Return the azimuth of a direction [deg], North through East."""
        u, pole = unit_vectors(ra, dec), np.array([0.0, 0.0, 1.0])
        north = pole - (pole @ self.zenith) * self.zenith
        east = np.cross(north, self.zenith)
        return float(np.mod(np.degrees(np.arctan2(u @ east, u @ north)), 360.0))

    def geometry(self, ra: float, dec: float) -> SkyGeometry:
        """Return where a direction [deg] stands."""
        u = unit_vectors(ra, dec)
        east, north = _east_north(ra, dec)
        z = self.zenith
        distance = np.arctan2(np.linalg.norm(np.cross(u, z)), u @ z)
        return SkyGeometry(float(np.degrees(distance)), float(np.degrees(np.arctan2(z @ east, z @ north))))


def unit_vectors(ra: ArrayLike, dec: ArrayLike) -> NDArray[np.float64]:
    """Return (..., 3) unit vectors of directions [deg]."""
    a, d = np.deg2rad(np.asarray(ra, dtype=float)), np.deg2rad(np.asarray(dec, dtype=float))
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


def _east_north(ra: float, dec: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    a, d = np.deg2rad(ra), np.deg2rad(dec)
    east = np.array([-np.sin(a), np.cos(a), 0.0])
    north = np.array([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)])
    return east, north


@lru_cache(maxsize=256)
def observer_at(mjd: float, site: tuple[float, float, float] = SITE) -> Observer:
    """Return the vectors of the observer.

    Parameters
    ----------
    mjd : float [day]
        Time, TAI.
    site : tuple of float [m]
        Geocentric place, ITRS.

    Returns
    -------
    Observer

    Notes
    -----
    Earth: ERFA's ``epv00`` (a fit to DE405, 5 km in 1900-2100). Moon: ``moon98`` (Meeus; 10 arcsec). Orientation:
    IAU 2006/2000A precession-nutation, Earth rotation angle.
    """
    tt = mjd + _TAI_TO_TT
    earth_helio, earth_bary = erfa.epv00(2400000.5, tt)
    utc = erfa.taiutc(2400000.5, mjd)
    to_celestial = erfa.c2i06a(2400000.5, tt).T @ erfa.rz(-erfa.era00(*utc), np.eye(3))
    geocentric = to_celestial @ np.array(site) / (AU_KM * 1e3)
    longitude, latitude, _ = erfa.gc2gd(1, np.array(site))
    zenith = to_celestial @ unit_vectors(np.degrees(longitude), np.degrees(latitude))
    moon = erfa.moon98(2400000.5, tt)["p"] - geocentric
    heliocentric = earth_helio["p"] + geocentric
    return Observer(
        barycentric=earth_bary["p"] + geocentric,
        heliocentric=heliocentric,
        geocentric=geocentric,
        zenith=zenith,
        moon=moon,
        sun=-heliocentric,
    )
