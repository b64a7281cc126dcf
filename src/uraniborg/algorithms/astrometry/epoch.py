"""Where a star with known motion and parallax was seen at the time of an exposure.

Positions are those of the barycentric catalogue direction moved along its proper motion and seen from the Earth;
aberration, light deflection and refraction are left out, as they are common to neighbouring stars.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.coordinates import get_body_barycentric
from astropy.time import Time
from numpy.typing import ArrayLike, NDArray

__all__ = ("EpochPositions", "earth_position", "propagate_positions")

MAS = np.radians(1.0) / 3.6e6
JULIAN_YEAR = 365.25


@dataclass(frozen=True, slots=True)
class EpochPositions:
    """Star positions at one epoch.

    Attributes
    ----------
    ra, dec : (n,) float [deg]
        Positions at the epoch.
    motion_err : (n,) float [mas]
        Error of each axis that the elapsed time added: zero for stars with a known motion, the assumed dispersion
        times the elapsed time for the others.
    """

    ra: NDArray[np.float64]
    dec: NDArray[np.float64]
    motion_err: NDArray[np.float64]


def earth_position(mjd: float) -> NDArray[np.float64]:
    """Return the barycentric position of the Earth.

    Parameters
    ----------
    mjd : float [day]
        Time, TAI.

    Returns
    -------
    (3,) float [au]
        ICRS axes.
    """
    place = get_body_barycentric("earth", Time(mjd, format="mjd", scale="tai"), ephemeris="builtin")
    return np.asarray(place.xyz.to_value("au"), dtype=np.float64)


def propagate_positions(
    ra: ArrayLike,
    dec: ArrayLike,
    *,
    pm_ra: ArrayLike,
    pm_dec: ArrayLike,
    parallax: ArrayLike,
    epoch: ArrayLike,
    mjd: float,
    observer: ArrayLike | None = None,
    unknown_motion: float = 0.0,
) -> EpochPositions:
    """Move catalogue positions to the time of an exposure.

    Parameters
    ----------
    ra, dec : (n,) float [deg]
        Catalogue positions.
    pm_ra, pm_dec : (n,) float [mas/yr]
        Proper motion, the first times cos dec; NaN where not known (taken as zero).
    parallax : (n,) float [mas]
        Parallax; NaN where not known, and negative values (noise), are taken as zero.
    epoch : (n,) or float [day]
        MJD (TAI) of the catalogue positions.
    mjd : float [day]
        MJD (TAI) wanted.
    observer : (3,) float, optional [au]
        Barycentric position of the observer (see `earth_position`); without it there is no parallax.
    unknown_motion : float [mas/yr]
        Dispersion, for each axis, of the motions of stars whose motion is not known.

    Returns
    -------
    EpochPositions

    Notes
    -----
    Standard model of stellar motion without radial velocity: The Hipparcos and Tycho Catalogues, ESA SP-1200, vol. 1,
    section 1.5.5.
    """
    alpha, delta = np.radians(np.asarray(ra, dtype=np.float64)), np.radians(np.asarray(dec, dtype=np.float64))
    years = np.broadcast_to((mjd - np.asarray(epoch, dtype=np.float64)) / JULIAN_YEAR, alpha.shape)
    motion = np.stack([np.asarray(pm_ra, dtype=np.float64), np.asarray(pm_dec, dtype=np.float64)])
    known = np.isfinite(motion).all(axis=0)
    along = np.where(known, motion, 0.0) * MAS * years
    radial = np.stack([np.cos(delta) * np.cos(alpha), np.cos(delta) * np.sin(alpha), np.sin(delta)])
    east = np.stack([-np.sin(alpha), np.cos(alpha), np.zeros_like(alpha)])
    north = np.stack([-np.sin(delta) * np.cos(alpha), -np.sin(delta) * np.sin(alpha), np.cos(delta)])
    direction = radial + along[0] * east + along[1] * north
    if observer is not None:
        angle = np.asarray(parallax, dtype=np.float64) * MAS
        angle = np.where(angle > 0.0, angle, 0.0)
        direction = direction - angle * np.asarray(observer, dtype=np.float64)[:, np.newaxis]
    longitude = np.degrees(np.arctan2(direction[1], direction[0]))
    latitude = np.degrees(np.arctan2(direction[2], np.hypot(direction[0], direction[1])))
    return EpochPositions(
        ra=np.mod(longitude, 360.0),
        dec=latitude,
        motion_err=np.where(known, 0.0, unknown_motion * np.abs(years)),
    )
