"""How far the atmosphere spreads stars of different colour along the direction to the zenith."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ("ZenithGeometry", "chromatic_offsets", "zenith_geometry")

TAI_MINUS_UTC = 37.0 / 86400.0
"""Offset since 2017 [day]; the second or two of other years, and UT1 - UTC, turn the sky by less than 0.01 degree."""


@dataclass(frozen=True, slots=True)
class ZenithGeometry:
    """Where the zenith is, seen from one position on the sky.

    Attributes
    ----------
    zenith_distance : float [deg]
        Angle to the zenith.
    parallactic_angle : float [deg]
        Position angle of the direction to the zenith, North through East.
    """

    zenith_distance: float
    parallactic_angle: float

    @property
    def direction(self) -> NDArray[np.float64]:
        """Unit vector (East, North) that points to the zenith, times the tangent of the zenith distance."""
        angle = np.radians(self.parallactic_angle)
        return np.asarray(np.array([np.sin(angle), np.cos(angle)]) * np.tan(np.radians(self.zenith_distance)))


def zenith_geometry(position: tuple[float, float], *, mjd: float, latitude: float, longitude: float) -> ZenithGeometry:
    """Return where the zenith is for an observer and a time.

    Parameters
    ----------
    position : (ra, dec) float [deg]
        Position on the sky.
    mjd : float [day]
        Time, TAI.
    latitude, longitude : float [deg]
        Place of the observer, longitude East.

    Returns
    -------
    ZenithGeometry

    Notes
    -----
    Earth rotation angle of IERS Conventions 2010, equation 5.15; precession of the equinox is left out (it turns the
    result by less than 0.4 degree until 2050).
    """
    days = mjd - TAI_MINUS_UTC - 51544.5
    rotation = 360.0 * np.mod(0.7790572732640 + 1.00273781191135448 * days, 1.0)
    hour_angle = np.radians(rotation + longitude - position[0])
    dec, lat = np.radians(position[1]), np.radians(latitude)
    up = np.sin(dec) * np.sin(lat) + np.cos(dec) * np.cos(lat) * np.cos(hour_angle)
    east = np.cos(lat) * np.sin(hour_angle)
    north = np.cos(dec) * np.sin(lat) - np.sin(dec) * np.cos(lat) * np.cos(hour_angle)
    return ZenithGeometry(
        zenith_distance=float(np.degrees(np.arctan2(np.hypot(east, north), up))),
        parallactic_angle=float(np.degrees(np.arctan2(east, north))),
    )


def chromatic_offsets(
    color: ArrayLike, zenith: ZenithGeometry, *, coefficient: float, reference_color: float
) -> NDArray[np.float64]:
    """Return how far stars appear from where a star of the reference colour would.

    Parameters
    ----------
    color : (n,) float [mag]
        Colour, larger for redder stars; stars without a colour are not moved.
    zenith : ZenithGeometry
        Of the field.
    coefficient : float [mas/mag]
        Displacement away from the zenith for each magnitude of colour at a zenith distance of 45 degrees.
    reference_color : float [mag]
        Colour that is not displaced.

    Returns
    -------
    (n, 2) float [mas]
        Offsets East and North; bluer stars lie nearer to the zenith.

    Notes
    -----
    Form and DECam coefficients: Bernstein et al. 2017, PASP 129, 074503, section 3.
    """
    excess = np.asarray(color, dtype=np.float64) - reference_color
    excess = np.where(np.isfinite(excess), excess, 0.0)
    return -coefficient * excess[..., np.newaxis] * zenith.direction
