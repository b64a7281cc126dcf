"""Bodies on two-body orbits around the Sun: places, what an observer sees of them, and how bright they are.

Written for the simulation alone, so that the truth does not lean on what it is meant to test.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uraniborg.sim.motion.observer import LIGHT_DAYS_PER_AU, observer_at

__all__ = ("OBLIQUITY", "Elements", "Seen", "apparent_magnitude", "heliocentric", "look_at", "solve_kepler")

OBLIQUITY = np.deg2rad(84381.448 / 3600.0)
"""Obliquity of the ecliptic of J2000 in the JPL convention (IAU 1976) [rad]."""
_GAUSS = 0.01720209895
"""Square root of the Sun's gravitational parameter [au^1.5/day]."""
_STEP = 1.0 / 1440.0  # half of the step of the numerical rate [day]


@dataclass(frozen=True, slots=True)
class Elements:
    """Osculating elements; angles refer to the ecliptic and equinox of J2000.

    Attributes
    ----------
    a : (n,) float [au]
        Semi-major axis.
    e : (n,) float []
        Eccentricity, below 1.
    inclination, node, argument : (n,) float [deg]
        Inclination, longitude of the ascending node, argument of the perihelion.
    anomaly : (n,) float [deg]
        Mean anomaly at the epoch.
    epoch : (n,) float [day]
        Epoch, MJD (TDB; TAI is within a minute of it, which is corrected for).
    """

    a: NDArray[np.float64]
    e: NDArray[np.float64]
    inclination: NDArray[np.float64]
    node: NDArray[np.float64]
    argument: NDArray[np.float64]
    anomaly: NDArray[np.float64]
    epoch: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """What an observer sees of bodies.

    Attributes
    ----------
    ra, dec : (n,) float [deg]
        Astrometric ICRS place: with the time of light, without aberration (that of the stars next to it).
    rate_ra, rate_dec : (n,) float [arcsec/day]
        Motion; the first times cos(dec).
    sun_distance, distance : (n,) float [au]
        From the Sun and from the observer.
    phase : (n,) float [deg]
        Angle Sun - body - observer.
    """

    ra: NDArray[np.float64]
    dec: NDArray[np.float64]
    rate_ra: NDArray[np.float64]
    rate_dec: NDArray[np.float64]
    sun_distance: NDArray[np.float64]
    distance: NDArray[np.float64]
    phase: NDArray[np.float64]


def solve_kepler(mean: ArrayLike, eccentricity: ArrayLike) -> NDArray[np.float64]:
    """Return eccentric anomalies E with E - e sin E = M.

    Parameters
    ----------
    mean : (n,) float [rad]
        Mean anomalies M.
    eccentricity : (n,) float []
        Eccentricities e in [0, 1).

    Returns
    -------
    (n,) float [rad]
        In the revolution around 0 that holds M. Newton's method, from the start of Danby & Burkardt (1983).
    """
    m = np.mod(np.asarray(mean, dtype=float) + np.pi, 2.0 * np.pi) - np.pi
    e = np.asarray(eccentricity, dtype=float)
    anomaly = m + np.where(m < 0.0, -0.85, 0.85) * e
    for _ in range(30):
        step = (anomaly - e * np.sin(anomaly) - m) / (1.0 - e * np.cos(anomaly))
        anomaly = anomaly - step
        if not np.any(np.abs(step) > 1e-14):
            break
    return np.asarray(anomaly)


def heliocentric(elements: Elements, mjd: ArrayLike) -> NDArray[np.float64]:
    """Return places of bodies.

    Parameters
    ----------
    elements : Elements
        n orbits.
    mjd : float or (n,) float [day]
        Times, TDB.

    Returns
    -------
    (n, 3) float [au]
        ICRS axes.
    """
    motion = _GAUSS / elements.a**1.5
    mean = np.deg2rad(elements.anomaly) + motion * (np.asarray(mjd) - elements.epoch)
    anomaly = solve_kepler(mean, elements.e)
    x = elements.a * (np.cos(anomaly) - elements.e)
    y = elements.a * np.sqrt(1.0 - elements.e**2) * np.sin(anomaly)
    w, node, i = (np.deg2rad(v) for v in (elements.argument, elements.node, elements.inclination))
    along, across = x * np.cos(w) - y * np.sin(w), x * np.sin(w) + y * np.cos(w)
    ecliptic = np.stack(
        [
            along * np.cos(node) - across * np.cos(i) * np.sin(node),
            along * np.sin(node) + across * np.cos(i) * np.cos(node),
            across * np.sin(i),
        ],
        axis=-1,
    )
    c, s = np.cos(OBLIQUITY), np.sin(OBLIQUITY)
    return np.asarray(ecliptic @ np.array([[1.0, 0.0, 0.0], [0.0, c, s], [0.0, -s, c]]))


def look_at(elements: Elements, mjd: float) -> Seen:
    """Return what the observer sees of bodies.

    Parameters
    ----------
    elements : Elements
        n orbits.
    mjd : float [day]
        Time, TAI.

    Returns
    -------
    Seen
    """
    body, ray = _rays(elements, mjd)
    before, after = _rays(elements, mjd - _STEP)[1], _rays(elements, mjd + _STEP)[1]
    distance, sun_distance = np.linalg.norm(ray, axis=1), np.linalg.norm(body, axis=1)
    ra, dec = np.arctan2(ray[:, 1], ray[:, 0]), np.arctan2(ray[:, 2], np.hypot(ray[:, 0], ray[:, 1]))
    unit = [v / np.linalg.norm(v, axis=1)[:, None] for v in (before, after)]
    rate = np.degrees(unit[1] - unit[0]) * 3600.0 / (2.0 * _STEP)
    east = np.stack([-np.sin(ra), np.cos(ra), np.zeros_like(ra)], axis=-1)
    north = np.stack([-np.sin(dec) * np.cos(ra), -np.sin(dec) * np.sin(ra), np.cos(dec)], axis=-1)
    cosine = np.sum(body * ray, axis=1) / (distance * sun_distance)
    return Seen(
        ra=np.mod(np.degrees(ra), 360.0),
        dec=np.degrees(dec),
        rate_ra=np.sum(rate * east, axis=1),
        rate_dec=np.sum(rate * north, axis=1),
        sun_distance=sun_distance,
        distance=distance,
        phase=np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))),
    )


def _rays(elements: Elements, mjd: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return heliocentric place at emission and the vector from the observer, with the time of light."""
    observer = observer_at(mjd).heliocentric
    tdb = mjd + 32.184 / 86400.0
    delay = np.zeros(elements.a.shape)
    for _ in range(4):
        body = heliocentric(elements, tdb - delay)
        delay = np.linalg.norm(body - observer, axis=1) * LIGHT_DAYS_PER_AU
    return body, body - observer


def apparent_magnitude(
    absolute: ArrayLike, slope: ArrayLike, *, sun_distance: ArrayLike, distance: ArrayLike, phase: ArrayLike
) -> NDArray[np.float64]:
    """Return the V magnitude of asteroids in the H, G system (Bowell et al. 1989, Asteroids II, p. 524).

    Parameters
    ----------
    absolute, slope : (n,) float [mag], []
        H and G.
    sun_distance, distance : (n,) float [au]
        From the Sun and from the observer.
    phase : (n,) float [deg]
        Angle Sun - body - observer.

    Returns
    -------
    (n,) float [mag]
    """
    half = np.tan(0.5 * np.deg2rad(np.asarray(phase, dtype=float)))
    phi1, phi2 = np.exp(-3.33 * half**0.63), np.exp(-1.87 * half**1.22)
    g = np.asarray(slope, dtype=float)
    reduced = np.asarray(absolute) - 2.5 * np.log10((1.0 - g) * phi1 + g * phi2)
    return np.asarray(reduced + 5.0 * np.log10(np.asarray(sun_distance) * np.asarray(distance)))
