from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import Distance, SkyCoord, UnitSphericalRepresentation, get_body_barycentric
from astropy.time import Time

from uraniborg.algorithms.astrometry.epoch import earth_position, propagate_positions
from uraniborg.algorithms.astrometry.tangent import sky_offsets

EPOCH = 57205.875 - 0.375  # near J2015.5


def _stars(n: int, seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    stars = {
        "ra": rng.uniform(0.0, 360.0, n),
        "dec": np.degrees(np.arcsin(rng.uniform(-0.99, 0.99, n))),
        "pm_ra": rng.normal(0.0, 500.0, n),
        "pm_dec": rng.normal(0.0, 500.0, n),
        "parallax": rng.uniform(0.1, 100.0, n),
    }
    for values in stars.values():
        values.flags.writeable = False
    return stars


def test_proper_motion_equals_astropy() -> None:
    stars = _stars(200, 1)
    mjd = EPOCH + 3652.5
    moved = propagate_positions(**stars, epoch=EPOCH, mjd=mjd)
    catalogue = SkyCoord(
        ra=stars["ra"] * u.deg,
        dec=stars["dec"] * u.deg,
        pm_ra_cosdec=stars["pm_ra"] * u.mas / u.yr,
        pm_dec=stars["pm_dec"] * u.mas / u.yr,
        distance=np.full(200, 20.0) * u.pc,
        radial_velocity=np.zeros(200) * u.km / u.s,
        obstime=Time(EPOCH, format="mjd", scale="tai"),
    )
    expected = catalogue.apply_space_motion(new_obstime=Time(mjd, format="mjd", scale="tai"))
    # Light-time effects that astropy adds are of second order: proper motion squared.
    offsets = sky_offsets((moved.ra, moved.dec), (expected.ra.deg, expected.dec.deg))
    assert np.abs(offsets).max() < 0.01
    assert np.abs(sky_offsets((moved.ra, moved.dec), (stars["ra"], stars["dec"]))).max() > 5000.0


def test_parallax_equals_the_geometry_of_astropy() -> None:
    stars = _stars(100, 2) | {"pm_ra": np.zeros(100), "pm_dec": np.zeros(100)}
    mjd = 58123.25
    earth = earth_position(mjd)
    seen = propagate_positions(**stars, epoch=EPOCH, mjd=mjd, observer=earth)
    star = SkyCoord(
        ra=stars["ra"] * u.deg, dec=stars["dec"] * u.deg, distance=Distance(parallax=stars["parallax"] * u.mas)
    )
    place = get_body_barycentric("earth", Time(mjd, format="mjd", scale="tai"))
    expected = (star.cartesian - place).represent_as(UnitSphericalRepresentation)
    offsets = sky_offsets((seen.ra, seen.dec), (expected.lon.deg, expected.lat.deg))
    assert np.abs(offsets).max() < 0.05  # the catalogue distance is 1 / sin(parallax), not 1 / parallax
    assert np.hypot(*sky_offsets((seen.ra, seen.dec), (stars["ra"], stars["dec"])).T).max() > 60.0


def test_earth_is_one_au_away_and_where_it_should_be_in_january() -> None:
    place = earth_position(58120.0)  # 2018-01-02, solar longitude 281.6 degrees
    assert np.hypot(*place[:2]) / np.cos(np.radians(23.0)) == pytest.approx(0.98, abs=0.1)
    longitude = np.degrees(np.arctan2(place[1] / np.cos(np.radians(23.44)), place[0]))
    assert longitude == pytest.approx(101.6, abs=1.5)


def test_missing_motion_leaves_the_place_and_widens_the_error() -> None:
    nan = np.array([np.nan])
    moved = propagate_positions(
        np.array([10.0]), np.array([20.0]), pm_ra=nan, pm_dec=nan, parallax=nan, epoch=EPOCH, mjd=EPOCH + 730.5,
        observer=earth_position(EPOCH), unknown_motion=8.0,
    )  # fmt: skip
    assert moved.ra[0] == pytest.approx(10.0, abs=1e-12)
    assert moved.dec[0] == pytest.approx(20.0, abs=1e-12)
    assert moved.motion_err[0] == pytest.approx(16.0)
