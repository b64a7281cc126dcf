"""Where stars with proper motion and parallax are seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uraniborg.sim.motion.observer import observer_at, unit_vectors

__all__ = ("star_positions",)

_MAS = np.deg2rad(1.0) / 3.6e6


def star_positions(
    ra: ArrayLike,
    dec: ArrayLike,
    *,
    pm_ra: ArrayLike,
    pm_dec: ArrayLike,
    parallax: ArrayLike,
    epoch: ArrayLike,
    mjd: float,
) -> NDArray[np.float64]:
    """Return the directions of stars in uniform motion, as the observer sees them.

    Parameters
    ----------
    ra, dec : (n,) float [deg]
        Barycentric ICRS directions at the epoch.
    pm_ra, pm_dec : (n,) float [mas/yr]
        Proper motion, the first times cos(dec).
    parallax : (n,) float [mas]
        Parallax; 0 for what is far away.
    epoch : (n,) float [day]
        Epoch of the direction, TAI.
    mjd : float [day]
        Time of observation, TAI.

    Returns
    -------
    (n, 2) float [deg]
        ICRS right ascension and declination. Aberration and the bending of light are left out, as in a catalogue.

    Notes
    -----
    The vector model of the Hipparcos and Gaia catalogues (ESA 1997, SP-1200, vol. 1, section 1.2.8) without radial
    velocity: u(t) is along u0 + mu (t - t0) - parallax * b(t), b the observer's place in au. The time that light needs
    across the Earth's orbit (8 minutes of proper motion) is left out.
    """
    a, d = np.deg2rad(np.asarray(ra, dtype=float)), np.deg2rad(np.asarray(dec, dtype=float))
    years = (mjd - np.asarray(epoch, dtype=float)) / 365.25
    east = np.stack([-np.sin(a), np.cos(a), np.zeros_like(a)], axis=-1)
    north = np.stack([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)], axis=-1)
    move_east, move_north = np.asarray(pm_ra) * years * _MAS, np.asarray(pm_dec) * years * _MAS
    shift = np.asarray(parallax, dtype=float)[..., None] * _MAS * observer_at(mjd).barycentric
    vector = unit_vectors(ra, dec) + move_east[..., None] * east + move_north[..., None] * north - shift
    length = np.hypot(vector[..., 0], vector[..., 1])
    return np.column_stack(
        [
            np.mod(np.degrees(np.arctan2(vector[..., 1], vector[..., 0])), 360.0),
            np.degrees(np.arctan2(vector[..., 2], length)),
        ]
    )
