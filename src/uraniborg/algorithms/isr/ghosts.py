"""Ghosts: out-of-focus images of the pupil that reflections of bright stars leave, as a model of them predicts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = ("GhostRing", "GhostMask", "ghost_rings", "mask_ghosts", "render_ghosts")


@dataclass(frozen=True, slots=True)
class GhostRing:
    """One ghost of one star.

    Attributes
    ----------
    x, y : float [pixel]
        Centre on the detector.
    radius, inner : float [pixel]
        Outer radius, and that of the shadow in the middle.
    inner_x, inner_y : float [pixel]
        Centre of the shadow.
    edge : float [pixel]
        Width over which the brightness falls at both edges (of a logistic curve).
    brightness : float [electron/pixel]
        Surface brightness between the edges.
    """

    x: float
    y: float
    radius: float
    inner: float
    inner_x: float
    inner_y: float
    edge: float
    brightness: float


@dataclass(frozen=True, slots=True)
class GhostMask:
    """Where ghosts disturb.

    Attributes
    ----------
    mask : (ny, nx) bool
        Pixels where the expected gradient or brightness of ghosts is too large.
    rings : int
        Ghosts that reach the detector.
    """

    mask: NDArray[np.bool_]
    rings: int


def ghost_rings(
    stars: NDArray[np.floating],
    reflections: NDArray[np.floating],
    *,
    centre: tuple[float, float],
) -> tuple[GhostRing, ...]:
    """Return the ghosts of stars.

    Parameters
    ----------
    stars : (n, 3) float [pixel, pixel, electron]
        Position in pixels of the detector (they may be outside) and light.
    reflections : (m, 8) float
        Position of the ghost over that of the star [], both from the optical axis; outer radius [pixel]; inner over
        outer radius []; light of the ghost over light of the star []; width of the edges [pixel]; shift of the centre
        along x and y [pixel]; shift of the shadow over the distance of the ghost from the axis [].
    centre : tuple of float [pixel]
        Position (x, y) of the optical axis in pixels of the detector.

    Returns
    -------
    tuple of GhostRing
    """
    if stars.ndim != 2 or stars.shape[1] != 3 or reflections.ndim != 2 or reflections.shape[1] != 8:
        raise UserError(f"stars {stars.shape} and reflections {reflections.shape} must have shapes (n, 3) and (m, 8)")
    rings = []
    for x, y, light in stars:
        for factor, radius, inner, fraction, edge, shift_x, shift_y, decentre in reflections:
            brightness = light * fraction / max(np.pi * radius**2 * (1.0 - inner**2), 1.0)
            arm_x, arm_y = factor * (x - centre[0]), factor * (y - centre[1])
            at_x, at_y = centre[0] + arm_x + shift_x, centre[1] + arm_y + shift_y
            shadow = (inner * radius, at_x + decentre * arm_x, at_y + decentre * arm_y)
            rings.append(GhostRing(*map(float, (at_x, at_y, radius, *shadow, edge, brightness))))
    return tuple(rings)


def render_ghosts(rings: tuple[GhostRing, ...], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the light of ghosts on a detector, (ny, nx) [electron]."""
    light, gradient = np.zeros(shape, np.float32), np.zeros((1, 1), np.float32)
    for ring in rings:
        _add_ring(_numbers(ring), light, gradient)
    return light


def mask_ghosts(
    rings: tuple[GhostRing, ...],
    shape: tuple[int, int],
    *,
    noise: float,
    pixel_scale: float,
    gradient: float = 1.0 / 3.0,
    brightness: float = np.inf,
    slack: float = 2.0,
) -> GhostMask:
    """Mask the pixels where ghosts spoil the sky.

    Parameters
    ----------
    rings : tuple of GhostRing
        Ghosts.
    shape : tuple of int
        Rows and columns of the detector.
    noise : float [electron]
        Noise of the sky in a pixel.
    pixel_scale : float [arcsec/pixel]
        Pixel scale.
    gradient : float, optional
        Largest change of the ghosts' light over one arcsecond [noise of the sky].
    brightness : float, optional
        Largest surface brightness [noise of the sky].
    slack : float, optional
        The mask is as if positions and radii were uncertain by this much [pixel].

    Returns
    -------
    GhostMask
    """
    light, slope = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    number = 0
    for ring in rings:
        reach = ring.radius + 8.0 * ring.edge + slack
        if -reach < ring.x < shape[1] + reach and -reach < ring.y < shape[0] + reach:
            number += 1
            _add_ring(_numbers(ring, slack), light, slope)
    mask = slope > gradient * noise * pixel_scale
    mask |= light > brightness * noise
    return GhostMask(mask, number)


def _numbers(ring: GhostRing, slack: float = 0.0) -> tuple[float, ...]:
    """Return what the kernel needs: centre, radii, centre of the shadow, edge, brightness, uncertainty."""
    circles = (ring.x, ring.y, ring.radius, ring.inner, ring.inner_x, ring.inner_y)
    return (*circles, ring.edge, ring.brightness, slack)


@njit(cache=True, nogil=True)
def _logistic(x: float) -> float:
    return float(1.0 / (1.0 + np.exp(-min(max(x, -60.0), 60.0))))


@njit(cache=True, nogil=True)
def _add_ring(
    numbers: tuple[float, ...],
    light: NDArray[np.float32],
    gradient: NDArray[np.float32],
) -> None:
    x, y, radius, inner, inner_x, inner_y, edge, brightness, slack = numbers
    rows, columns = light.shape
    reach = radius + 8.0 * edge + slack
    for j in range(max(0, int(np.floor(y - reach))), min(rows, int(np.ceil(y + reach)) + 1)):
        half = np.sqrt(max(reach * reach - (j - y) ** 2, 0.0))
        for i in range(max(0, int(np.floor(x - half))), min(columns, int(np.ceil(x + half)) + 1)):
            r = np.sqrt((i - x) ** 2 + (j - y) ** 2)
            s = np.sqrt((i - inner_x) ** 2 + (j - inner_y) ** 2)
            outer = _logistic((radius - r) / edge)
            hole = _logistic((s - inner) / edge) if inner > 0.0 else 1.0
            light[j, i] += brightness * outer * hole
            if gradient.size > 1:
                off = max(abs(r - radius) - slack, 0.0)
                at = _logistic(off / edge)
                steep = at * (1.0 - at)
                if inner > 0.0:
                    off = max(abs(s - inner) - slack, 0.0)
                    at = _logistic(off / edge)
                    steep += at * (1.0 - at)
                gradient[j, i] += brightness * steep / edge
