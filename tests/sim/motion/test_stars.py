from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.time import Time

from uraniborg.algorithms.astrometry.epoch import earth_position, propagate_positions
from uraniborg.sim.motion.stars import star_positions

EPOCH, MJD = 57388.5, 61200.3
RA, DEC = np.array([150.0, 10.0, 300.0]), np.array([2.0, -70.0, 85.0])
PM_RA, PM_DEC = np.array([5000.0, -300.0, 20.0]), np.array([-8000.0, 100.0, 5.0])


def _offset(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.hypot((one[:, 0] - other[:, 0]) * np.cos(np.deg2rad(other[:, 1])), one[:, 1] - other[:, 1]) * 3.6e6


def test_proper_motion_is_astropys_apply_space_motion() -> None:
    ours = star_positions(RA, DEC, pm_ra=PM_RA, pm_dec=PM_DEC, parallax=np.zeros(3), epoch=np.full(3, EPOCH), mjd=MJD)
    stars = SkyCoord(
        RA * u.deg,
        DEC * u.deg,
        distance=np.full(3, 10.0) * u.pc,
        pm_ra_cosdec=PM_RA * u.mas / u.yr,
        pm_dec=PM_DEC * u.mas / u.yr,
        radial_velocity=np.zeros(3) * u.km / u.s,
        obstime=Time(EPOCH, format="mjd", scale="tai"),
    )
    theirs = stars.apply_space_motion(new_obstime=Time(MJD, format="mjd", scale="tai"))
    assert _offset(ours, np.column_stack([theirs.ra.deg, theirs.dec.deg])).max() < 0.1  # [mas]


def test_parallax_is_that_of_skyfield_with_de421() -> None:
    load_file = pytest.importorskip("skyfield.api").load_file
    data = pytest.importorskip("skyfield_data")
    from pathlib import Path

    from skyfield.api import Star, load

    planets = load_file(str(Path(data.__file__).parent / "data" / "de421.bsp"))
    time = load.timescale(builtin=True).tai_jd(MJD + 2400000.5)
    parallax = np.array([100.0, 300.0, 750.0])
    still = np.zeros(3)
    ours = star_positions(RA, DEC, pm_ra=still, pm_dec=still, parallax=parallax, epoch=np.full(3, EPOCH), mjd=MJD)
    for k in range(3):
        star = Star(ra_hours=RA[k] / 15.0, dec_degrees=DEC[k], parallax_mas=parallax[k], epoch=EPOCH + 2400000.5)
        ra, dec, _ = planets["earth"].at(time).observe(star).radec()
        there = np.array([[ra.hours * 15.0, dec.degrees]])
        assert _offset(ours[k : k + 1], there).max() < 0.3  # [mas]; the place on Earth is left out there
    planets.close()


def test_the_pipeline_would_bring_stars_to_the_same_place() -> None:
    parallax = np.array([10.0, 50.0, 3.0])
    ours = star_positions(RA, DEC, pm_ra=PM_RA, pm_dec=PM_DEC, parallax=parallax, epoch=np.full(3, EPOCH), mjd=MJD)
    theirs = propagate_positions(
        RA, DEC, pm_ra=PM_RA, pm_dec=PM_DEC, parallax=parallax, epoch=EPOCH, mjd=MJD, observer=earth_position(MJD)
    )
    assert _offset(ours, np.column_stack([theirs.ra, theirs.dec])).max() < 0.1
