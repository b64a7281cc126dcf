"""Trails of artificial satellites: where they cross the focal plane, how bright they are and how wide."""

from __future__ import annotations

import numpy as np
from astropy.table import Table, vstack
from numba import njit
from numpy.typing import NDArray
from scipy.special import j1

from uraniborg.core.random import random_stream
from uraniborg.model.tables import conform, empty_table
from uraniborg.sim.config import SimConfig
from uraniborg.sim.observing import Visit
from uraniborg.sim.optics import Projection
from uraniborg.sim.psf import StampSet, sampling_step

__all__ = ("all_trails", "cross_section", "draw_trails", "plan_trails")

_EARTH_RADIUS = 6371.0  # [km]
_EARTH_GM = 398600.4418  # [km^3/s^2]
_STEP = 0.05  # of the cross-section [pixel]


def plan_trails(config: SimConfig, visit: Visit) -> Table:
    """Return the satellites that cross the focal plane in an exposure.

    Parameters
    ----------
    config : SimConfig
        The survey.
    visit : Visit
        The exposure; its number chooses the random satellites.

    Returns
    -------
    astropy.table.Table
        Declared as ``TruthTrail``.

    Notes
    -----
    Circular orbits at random heights and headings, seen at the zenith distance of the field (that of the airmass if it
    does not follow from time and place). Distance by the law of cosines; angular speed is the part of the orbital
    velocity across the line of sight over the distance. Brightness falls with the square of the distance.
    """
    plan = config.satellites
    rng = random_stream(config.seed, "satellites", {"visit": visit.visit})
    n = int(rng.poisson(plan.rate * visit.exposure_time / 30.0))
    if not n:
        return empty_table("TruthTrail")
    zenith = np.arccos(1.0 / visit.airmass) if np.isnan(visit.zenith_distance) else np.deg2rad(visit.zenith_distance)
    height = rng.uniform(*plan.heights, n)
    radius = _EARTH_RADIUS + height
    along = -_EARTH_RADIUS * np.cos(zenith)
    distance = along + np.sqrt(along**2 + radius**2 - _EARTH_RADIUS**2)
    # axes: line of sight, towards the zenith, and the third one to the East of it
    up = np.array([np.cos(zenith), np.sin(zenith), 0.0])
    place = _EARTH_RADIUS * up + distance[:, None] * np.array([1.0, 0.0, 0.0])
    outward = place / radius[:, None]
    side = np.array([0.0, 0.0, 1.0])
    forward = np.cross(side, outward)
    heading = rng.uniform(0.0, 2.0 * np.pi, n)
    velocity = np.sqrt(_EARTH_GM / radius)[:, None] * (
        np.cos(heading)[:, None] * forward + np.sin(heading)[:, None] * side
    )
    rate = np.degrees(np.hypot(velocity[:, 1], velocity[:, 2]) / distance) * 3600.0  # [arcsec/s]
    parallactic = 0.0 if np.isnan(visit.parallactic_angle) else visit.parallactic_angle
    angle = parallactic + np.degrees(np.arctan2(velocity[:, 2], velocity[:, 1]))
    magnitude = rng.uniform(*plan.magnitudes, n) + 5.0 * np.log10(distance / height)
    reach = config.camera.geometry.corner_radius * visit.pixel_scale / 3600.0
    offset, across = rng.uniform(-reach, reach, n), np.deg2rad(angle + 90.0)
    dec = visit.dec + offset * np.cos(across)
    electrons = 10.0 ** (0.4 * (visit.zero_point - magnitude)) / visit.exposure_time / rate * visit.pixel_scale
    return conform(
        Table(
            {
                "visit": np.full(n, visit.visit),
                "trail": np.arange(n),
                "ra": np.mod(visit.ra + offset * np.sin(across) / np.cos(np.deg2rad(visit.dec)), 360.0),
                "dec": dec,
                "positionAngle": np.mod(angle, 360.0),
                "height": height,
                "distance": distance,
                "magnitude": magnitude,
                "rate": rate,
                "electrons": electrons,
                "defocus": np.degrees(plan.aperture / (distance * 1e3)) * 3600.0,
            }
        ),
        "TruthTrail",
    )


def cross_section(
    stamps: StampSet,
    direction: float,
    *,
    defocus: float,
    obstruction: float,
    body: float,
    terms: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the profile across a trail, normalised to 1.

    Parameters
    ----------
    stamps : StampSet
        PSF with the pixel; that of the middle of the detector is taken.
    direction : float [rad]
        Direction of the trail, from +x towards +y.
    defocus : float [pixel]
        Outer diameter of the pupil's image; at the distance d it is the aperture over d.
    obstruction : float []
        Inner over outer diameter.
    body : float [pixel]
        Diameter of the satellite.
    terms : (t,) float []
        Chromatic terms of its spectrum.

    Returns
    -------
    (m,) float [pixel^-1]
        In steps of 0.05 pixel around the middle.

    Notes
    -----
    A slice of the PSF's Fourier transform is that of its projection; those of a ring and of a disc are Bessel
    functions.
    """
    half = stamps.coefficients.shape[1] // 2
    weights = np.ones(1) if terms is None else terms
    image = np.tensordot(weights, stamps.coefficients[: len(weights), half, half], axes=1)
    size, step = image.shape[0], sampling_step()
    place = (np.arange(size) - size // 2) * step
    length = int(2 ** np.ceil(np.log2((size * step + defocus + body) / _STEP)))
    wave = 2.0 * np.pi * np.fft.rfftfreq(length, _STEP)
    low = wave < np.pi / step  # the images hold nothing above
    normal = (-np.sin(direction), np.cos(direction))
    rows = np.exp(-1j * np.outer(wave[low] * normal[1], place))
    columns = np.exp(-1j * np.outer(wave[low] * normal[0], place))
    spectrum = np.zeros(wave.size, dtype=complex)
    spectrum[low] = np.sum((rows @ image) * columns, axis=1) * step**2 * _spline_gain(wave[low], normal, step)
    ring = (_jinc(0.5 * wave * defocus) - obstruction**2 * _jinc(0.5 * wave * defocus * obstruction)) / (
        1.0 - obstruction**2
    )
    spectrum *= ring * _jinc(0.5 * wave * body)
    return np.asarray(np.fft.fftshift(np.fft.irfft(spectrum, length)) / _STEP)


def _spline_gain(wave: NDArray[np.float64], normal: tuple[float, float], step: float) -> NDArray[np.float64]:
    """Return what turns spline coefficients into samples, on the slice of wave numbers."""
    gain = np.ones_like(wave)
    for part in normal:
        gain = gain * (4.0 + 2.0 * np.cos(wave * part * step)) / 6.0
    return gain


def _jinc(z: NDArray[np.float64]) -> NDArray[np.float64]:
    safe = np.where(np.abs(z) > 1e-9, z, 1.0)
    return np.where(np.abs(z) > 1e-9, 2.0 * j1(safe) / safe, 1.0)


@njit(cache=True, nogil=True)
def _add_trail(
    image: NDArray[np.float64],
    profile: NDArray[np.float64],
    point: NDArray[np.float64],
    normal: NDArray[np.float64],
    centre: NDArray[np.float64],
    terms: NDArray[np.float64],
    density: float,
) -> None:
    """Add a trail that is straight on the tangent plane: pixel by pixel, by its distance from the line there."""
    rows, columns = image.shape
    middle = profile.size // 2
    for j in range(rows):
        for i in range(columns):
            u, v = i - centre[0], j - centre[1]
            q2 = u * u + v * v
            factor, power = 1.0, 1.0
            for term in terms:
                power *= q2
                factor += term * power
            away = (u * factor - point[0]) * normal[0] + (v * factor - point[1]) * normal[1]
            at = away / 0.05 + middle
            k = int(np.floor(at))
            if 0 <= k < profile.size - 1:
                image[j, i] += density * (profile[k] + (at - k) * (profile[k + 1] - profile[k]))


def draw_trails(
    image: NDArray[np.float64],
    trails: Table,
    *,
    projection: Projection,
    stamps: StampSet,
    config: SimConfig,
    visit: Visit,
    terms: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    """Return the image of a detector with trails added.

    Parameters
    ----------
    image : (ny, nx) float [electron]
        Expected light.
    trails : astropy.table.Table
        Declared as ``TruthTrail``.
    projection : Projection
        Of the detector.
    stamps : StampSet
        PSF.
    config, visit
        The survey and the exposure.
    terms : (t,) float []
        Chromatic terms of sunlight.

    Returns
    -------
    (ny, nx) float [electron]
    """
    result = image.copy()
    scale, plan = visit.pixel_scale, config.satellites
    for row in trails:
        angle = np.deg2rad(90.0 + float(row["positionAngle"]) - visit.rotation)
        start = projection.tangent.wcs_world2pix([[float(row["ra"]), float(row["dec"])]], 0)[0]
        profile = cross_section(
            stamps,
            angle,
            defocus=float(row["defocus"]) / scale,
            obstruction=plan.obstruction,
            body=np.degrees(plan.size / (float(row["distance"]) * 1e3)) * 3600.0 / scale,
            terms=terms,
        )
        seen = np.flatnonzero(float(row["electrons"]) * np.abs(profile) > 0.01 * np.sqrt(visit.sky_level))
        if not seen.size:
            continue
        half = profile.size // 2
        reach = int(min(np.abs(seen - half).max() + 1, half - 1))
        _add_trail(
            result,
            profile[half - reach : half + reach + 1],
            start - np.asarray(projection.centre),
            np.array([-np.sin(angle), np.cos(angle)]),
            np.asarray(projection.centre, dtype=float),
            np.array([t / projection.corner_radius ** (2 * k) for k, t in enumerate(projection.terms, start=1)]),
            float(row["electrons"]),
        )
    return result


def all_trails(config: SimConfig, visits: tuple[Visit, ...]) -> Table:
    """Return the trails of all exposures of a survey."""
    parts = [plan_trails(config, visit) for visit in visits]
    filled = [part for part in parts if len(part)]
    return vstack(filled, metadata_conflicts="silent") if filled else empty_table("TruthTrail")
