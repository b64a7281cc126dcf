"""Small spherical geometry: tangent-plane projection of arrays, and regions of `lsst.sphgeom` from arrays."""

from __future__ import annotations

import numpy as np
from lsst.sphgeom import Angle, Circle, ConvexPolygon, LonLat, Region, UnitVector3d
from numpy.typing import ArrayLike, NDArray

__all__ = (
    "angular_separation",
    "circle_region",
    "polygon_region",
    "region_contains",
    "tangent_to_sky",
    "sky_to_tangent",
)


def sky_to_tangent(
    ra: ArrayLike, dec: ArrayLike, *, center: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Project sky positions on the plane that touches the sphere at ``center`` (FITS ``TAN``).

    Parameters
    ----------
    ra, dec : (n,) float [deg]
        Positions.
    center : (float, float) [deg]
        Right ascension and declination of the point of contact.

    Returns
    -------
    xi, eta : (n,) float [deg]
        Coordinates to the East and to the North; NaN for positions 90 degrees or more away. Calabretta & Greisen
        (2002, A&A 395, 1077), section 5.1.3.
    """
    a, d = np.deg2rad(np.asarray(ra, dtype=float) - center[0]), np.deg2rad(np.asarray(dec, dtype=float))
    d0 = np.deg2rad(center[1])
    depth = np.sin(d) * np.sin(d0) + np.cos(d) * np.cos(d0) * np.cos(a)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = np.where(depth > 1e-9, np.rad2deg(1.0) / depth, np.nan)
    xi = np.cos(d) * np.sin(a) * scale
    eta = (np.sin(d) * np.cos(d0) - np.cos(d) * np.sin(d0) * np.cos(a)) * scale
    return xi, eta


def tangent_to_sky(
    xi: ArrayLike, eta: ArrayLike, *, center: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sky positions of points in a tangent plane; the inverse of `sky_to_tangent`.

    Parameters
    ----------
    xi, eta : (n,) float [deg]
        Coordinates to the East and to the North.
    center : (float, float) [deg]
        Right ascension and declination of the point of contact.

    Returns
    -------
    ra, dec : (n,) float [deg]
        Right ascension is in 0..360.
    """
    x, y = np.deg2rad(np.asarray(xi, dtype=float)), np.deg2rad(np.asarray(eta, dtype=float))
    d0 = np.deg2rad(center[1])
    toward, up = np.cos(d0) - y * np.sin(d0), np.sin(d0) + y * np.cos(d0)
    ra = np.mod(np.rad2deg(np.arctan2(x, toward)) + center[0], 360.0)
    return np.where(ra == 360.0, 0.0, ra), np.rad2deg(np.arctan2(up, np.hypot(x, toward)))


def angular_separation(ra: ArrayLike, dec: ArrayLike, *, center: tuple[float, float]) -> NDArray[np.float64]:
    """Return the distance of positions from a centre, accurate at all distances [deg].

    Parameters
    ----------
    ra, dec : (n,) float [deg]
        Positions.
    center : (float, float) [deg]
        Right ascension and declination.
    """
    a, d = np.deg2rad(np.asarray(ra, dtype=float) - center[0]), np.deg2rad(np.asarray(dec, dtype=float))
    d0 = np.deg2rad(center[1])
    across = np.hypot(np.cos(d) * np.sin(a), np.cos(d0) * np.sin(d) - np.sin(d0) * np.cos(d) * np.cos(a))
    along = np.sin(d0) * np.sin(d) + np.cos(d0) * np.cos(d) * np.cos(a)
    separation: NDArray[np.float64] = np.rad2deg(np.arctan2(across, along))
    return separation


def _vector(ra: float, dec: float) -> UnitVector3d:
    return UnitVector3d(LonLat.fromDegrees(float(ra), float(dec)))


def polygon_region(ra: ArrayLike, dec: ArrayLike) -> ConvexPolygon:
    """Return the convex polygon around positions.

    Parameters
    ----------
    ra, dec : (n,) float [deg]
        At least three positions that do not lie on one great circle, in any order.
    """
    pairs = zip(np.ravel(ra), np.ravel(dec), strict=True)
    return ConvexPolygon([_vector(a, d) for a, d in pairs])


def circle_region(ra: float, dec: float, radius: float) -> Circle:
    """Return the disc of a radius [deg] around a position [deg]."""
    return Circle(_vector(ra, dec), Angle.fromDegrees(radius))


def region_contains(region: Region, ra: ArrayLike, dec: ArrayLike) -> NDArray[np.bool_]:
    """Return which positions [deg] a region contains, (n,) bool."""
    inside = region.contains(np.deg2rad(np.atleast_1d(ra)).astype(float), np.deg2rad(np.atleast_1d(dec)).astype(float))
    return np.asarray(inside, dtype=bool)
