"""Coordinates of a collimated-beam projector: where a beam falls on the pupil and in the focal plane, and back.

Horizontal frame: x east, y north, z up; azimuth from north over east. Telescope frame: z along the line of sight, x to
the right (growing azimuth), y up; its origin is the pivot, where the axes cross, and the pupil is the plane z = 0. A
beam of parallel light comes to a focus that depends on its direction only; its place on the pupil depends on where the
projector stands as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.errors import AlgorithmError, UserError

__all__ = ("Beam", "Pointings", "ProjectorGeometry", "aim", "trace")

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ProjectorGeometry:
    """Telescope and projector.

    Attributes
    ----------
    position : tuple of float [m]
        Pivot of the projector in the horizontal frame, from the pivot of the telescope.
    focal_length : float [mm]
        Of the telescope.
    distortion : tuple of float
        r = f tan t (1 + c1 tan^2 t + c2 tan^4 t), t being the angle from the axis.
    projector_focal_length : float [mm]
        Of the projector; turns places on its mask into directions.
    """

    position: tuple[float, float, float]
    focal_length: float
    distortion: tuple[float, ...] = ()
    projector_focal_length: float = 625.0

    def __post_init__(self) -> None:
        if not (self.focal_length > 0.0 and self.projector_focal_length > 0.0):
            raise UserError("focal lengths must be positive")
        if not np.linalg.norm(self.position) > 0.0:
            raise UserError("the projector stands in the pivot of the telescope; give its position [m]")


@dataclass(frozen=True, slots=True)
class Pointings:
    """Where telescope and projector point.

    Attributes
    ----------
    azimuth, altitude, rotator : (n,) float [deg]
        Telescope; the rotator turns the camera from the telescope's x to its y.
    projector_azimuth, projector_altitude : (n,) float [deg]
        Direction in which the beam of the middle of the mask leaves the projector.
    """

    azimuth: Floats
    altitude: Floats
    rotator: Floats
    projector_azimuth: Floats
    projector_altitude: Floats


@dataclass(frozen=True, slots=True)
class Beam:
    """A beam at the telescope.

    Attributes
    ----------
    x, y : (n,) float [mm]
        In the focal plane, in the frame of the camera; it has the sense of the sky as the camera sees it.
    pupil_x, pupil_y : (n,) float [m]
        In the plane of the pupil, in the telescope frame.
    """

    x: Floats
    y: Floats
    pupil_x: Floats
    pupil_y: Floats


def trace(pointings: Pointings, geometry: ProjectorGeometry, *, mask_x: Floats, mask_y: Floats) -> Beam:
    """Return where beams arrive.

    Parameters
    ----------
    pointings : Pointings
        Telescope and projector.
    geometry : ProjectorGeometry
        Where they are.
    mask_x, mask_y : (n,) float [mm]
        Hole of the mask, to the right and up as seen along the beam.

    Raises
    ------
    AlgorithmError
        If a beam comes from behind the telescope.
    """
    frame = _frame(pointings.projector_azimuth, pointings.projector_altitude)
    inner = np.stack([mask_x, mask_y, np.full(np.shape(mask_x), geometry.projector_focal_length)], axis=-1)
    beam = np.einsum("nji,nj->ni", frame, inner / np.linalg.norm(inner, axis=-1, keepdims=True))
    telescope = _frame(pointings.azimuth, pointings.altitude)
    source = -np.einsum("nij,nj->ni", telescope, beam)  # direction in which the light is seen
    if not np.all(source[:, 2] > 0.0):
        raise AlgorithmError("a beam comes from behind the telescope", smallest=float(source[:, 2].min()))
    stand = np.einsum("nij,j->ni", telescope, np.array(geometry.position))
    pupil = stand - source * (stand[:, 2] / source[:, 2])[:, None]
    tangent = source[:, :2] / source[:, 2:]
    stretch = geometry.focal_length * _distort(np.hypot(*tangent.T), geometry.distortion)
    x, y = _turn(tangent[:, 0] * stretch, tangent[:, 1] * stretch, -pointings.rotator)
    return Beam(x, y, pupil[:, 0], pupil[:, 1])


def aim(beam: Beam, geometry: ProjectorGeometry, *, rotator: Floats, mask_x: Floats, mask_y: Floats) -> Pointings:
    """Return where telescope and projector have to point for beams to arrive where they are wanted.

    Parameters
    ----------
    beam : Beam
        Wanted places in the focal plane and on the pupil.
    geometry : ProjectorGeometry
        Where telescope and projector are.
    rotator : (n,) float [deg]
        Rotator of the telescope.
    mask_x, mask_y : (n,) float [mm]
        Hole of the mask.

    Returns
    -------
    Pointings
        The exact inverse of `trace`.

    Raises
    ------
    AlgorithmError
        If no pointing does it, because a place on the pupil is farther from the pivot than the projector.
    """
    x, y = _turn(beam.x / geometry.focal_length, beam.y / geometry.focal_length, rotator)
    radius = np.hypot(x, y)
    tangent = _undistort(radius, geometry.distortion)
    shrink = np.where(radius > 0.0, tangent / np.where(radius > 0.0, radius, 1.0), 1.0)
    source = np.stack([x * shrink, y * shrink, np.ones_like(x)], axis=-1)
    source /= np.linalg.norm(source, axis=-1, keepdims=True)
    # The projector stands on the line through the place on the pupil, at its known distance from the pivot.
    pupil = np.stack([beam.pupil_x, beam.pupil_y, np.zeros_like(x)], axis=-1)
    along = np.einsum("ni,ni->n", pupil, source)
    distance = float(np.linalg.norm(geometry.position))
    root = along**2 - np.einsum("ni,ni->n", pupil, pupil) + distance**2
    if not np.all(root > 0.0):
        raise AlgorithmError("a place on the pupil is farther from the pivot than the projector", distance=distance)
    stand = pupil + source * (-along + np.sqrt(root))[:, None]
    azimuth, altitude = _point(stand, np.array(geometry.position))
    telescope = _frame(azimuth, altitude)
    direction = -np.einsum("nji,nj->ni", telescope, source)
    inner = np.stack([mask_x, mask_y, np.full(np.shape(mask_x), geometry.projector_focal_length)], axis=-1)
    inner = inner / np.linalg.norm(inner, axis=-1, keepdims=True)
    projector = _point(inner, direction)
    return Pointings(azimuth, altitude, np.asarray(rotator, dtype=float), *projector)


def _frame(azimuth: Floats, altitude: Floats) -> Floats:
    """Return matrices (n, 3, 3) from the horizontal frame to that of something that points there."""
    a, e = np.deg2rad(azimuth), np.deg2rad(altitude)
    zero = np.zeros_like(a)
    right = np.stack([np.cos(a), -np.sin(a), zero], axis=-1)
    up = np.stack([-np.sin(a) * np.sin(e), -np.cos(a) * np.sin(e), np.cos(e)], axis=-1)
    sight = np.stack([np.sin(a) * np.cos(e), np.cos(a) * np.cos(e), np.sin(e)], axis=-1)
    return np.stack([right, up, sight], axis=-2)


def _point(inner: Floats, outer: Floats) -> tuple[Floats, Floats]:
    """Return azimuth and altitude [deg] whose frame turns the horizontal vector ``outer`` into ``inner``."""
    outer = np.broadcast_to(outer, inner.shape)
    level = np.hypot(outer[:, 0], outer[:, 1])
    if np.any(np.abs(inner[:, 0]) > level):
        raise AlgorithmError(
            "no pointing reaches it: the target is too close to the zenith", excess=float(np.abs(inner[:, 0]).max())
        )
    aside = np.arcsin(inner[:, 0] / np.maximum(level, 1e-300))
    ahead = level * np.cos(aside)
    azimuth = np.arctan2(outer[:, 0], outer[:, 1]) - aside
    # ahead, height in the vertical plane of sight; turned by the altitude they are (z, y) of the frame.
    altitude = np.arctan2(outer[:, 2], ahead) - np.arctan2(inner[:, 1], inner[:, 2])
    return np.rad2deg(azimuth) % 360.0, np.rad2deg(altitude)


def _turn(x: Floats, y: Floats, angle: Floats) -> tuple[Floats, Floats]:
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return x * cosine - y * sine, x * sine + y * cosine


def _distort(tangent: Floats, coefficients: tuple[float, ...]) -> Floats:
    factor = np.ones_like(tangent)
    for k, coefficient in enumerate(coefficients, start=1):
        factor = factor + coefficient * tangent ** (2 * k)
    return factor


def _undistort(radius: Floats, coefficients: tuple[float, ...]) -> Floats:
    tangent = radius.copy()
    for _ in range(50):
        slope = np.ones_like(tangent)
        for k, coefficient in enumerate(coefficients, start=1):
            slope = slope + (2 * k + 1) * coefficient * tangent ** (2 * k)
        step = (tangent * _distort(tangent, coefficients) - radius) / slope
        tangent = tangent - step
        if np.all(np.abs(step) < 1e-15):
            break
    return tangent
