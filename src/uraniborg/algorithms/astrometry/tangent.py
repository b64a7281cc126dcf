"""Gnomonic tangent plane: sky positions near a centre as offsets East and North, and back."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ("from_tangent_plane", "sky_offsets", "to_tangent_plane")

ARCSEC = np.degrees(1.0) * 3600.0


def to_tangent_plane(ra: ArrayLike, dec: ArrayLike, center: tuple[float, float]) -> NDArray[np.float64]:
    """Project sky positions on the plane that touches the sphere at ``center``.

    Parameters
    ----------
    ra, dec : (n,) float [deg]
        Positions.
    center : (ra, dec) float [deg]
        Point of contact.

    Returns
    -------
    (n, 2) float [arcsec]
        Offsets East and North; NaN for points 90 degrees or more away.

    Notes
    -----
    Calabretta & Greisen 2002, A&A 395, 1077, section 5.1.3.
    """
    lon = np.radians(np.asarray(ra, dtype=np.float64) - center[0])
    lat = np.radians(np.asarray(dec, dtype=np.float64))
    lat0 = np.radians(center[1])
    depth = np.sin(lat0) * np.sin(lat) + np.cos(lat0) * np.cos(lat) * np.cos(lon)
    depth = np.where(depth > 0.0, depth, np.nan)
    east = np.cos(lat) * np.sin(lon) / depth
    north = (np.cos(lat0) * np.sin(lat) - np.sin(lat0) * np.cos(lat) * np.cos(lon)) / depth
    return np.asarray(np.stack([east, north], axis=-1) * ARCSEC)


def from_tangent_plane(
    plane: ArrayLike, center: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sky positions of points on a tangent plane.

    Parameters
    ----------
    plane : (n, 2) float [arcsec]
        Offsets East and North.
    center : (ra, dec) float [deg]
        Point of contact.

    Returns
    -------
    ra, dec : (n,) float [deg]
        Right ascension in [0, 360).
    """
    east, north = np.moveaxis(np.asarray(plane, dtype=np.float64), -1, 0) / ARCSEC
    lat0 = np.radians(center[1])
    across = np.cos(lat0) - north * np.sin(lat0)
    lon = np.arctan2(east, across)
    lat = np.arctan2(np.sin(lat0) + north * np.cos(lat0), np.hypot(east, across))
    return np.mod(center[0] + np.degrees(lon), 360.0), np.degrees(lat)


def sky_offsets(position: tuple[ArrayLike, ArrayLike], reference: tuple[ArrayLike, ArrayLike]) -> NDArray[np.float64]:
    """Return the small offsets of positions from their reference positions.

    Parameters
    ----------
    position, reference : pair of (n,) float [deg]
        Right ascension and declination; each pair close together.

    Returns
    -------
    (n, 2) float [mas]
        Offsets East (times cos dec) and North, position minus reference.
    """
    ra, dec = (np.asarray(value, dtype=np.float64) for value in position)
    ra0, dec0 = (np.asarray(value, dtype=np.float64) for value in reference)
    turn = np.mod(ra - ra0 + 180.0, 360.0) - 180.0
    east = turn * np.cos(np.radians(0.5 * (dec + dec0)))
    return np.stack([east, dec - dec0], axis=-1) * 3.6e6
