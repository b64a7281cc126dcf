from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord, get_body, get_body_barycentric
from astropy.time import Time
from astropy.utils import iers

from uraniborg.sim.motion.observer import AU_KM, SITE, observer_at, unit_vectors

MJD = 60740.2


@pytest.fixture(autouse=True)
def _no_downloads() -> None:
    iers.conf.auto_download = False


def test_the_observer_is_where_astropy_has_him() -> None:
    time, site = Time(MJD, format="mjd", scale="tai"), EarthLocation.from_geocentric(*SITE, unit="m")
    here = observer_at(MJD)
    assert np.abs(here.geocentric * AU_KM - site.get_gcrs_posvel(time)[0].xyz.to_value("km")).max() < 0.5
    earth = get_body_barycentric("earth", time, ephemeris="builtin").xyz.to_value("au")
    assert np.abs(here.barycentric - here.geocentric - earth).max() * AU_KM < 1.0


def test_horizon_and_moon_are_those_of_astropy() -> None:
    time, site = Time(MJD, format="mjd", scale="tai"), EarthLocation.from_geocentric(*SITE, unit="m")
    here = observer_at(MJD)
    for ra, dec in ((150.0, 2.2), (180.0, -50.0)):
        horizon = SkyCoord(ra, dec, unit="deg").transform_to(AltAz(obstime=time, location=site))
        assert here.geometry(ra, dec).zenith_distance == pytest.approx(90.0 - horizon.alt.deg, abs=0.02)
        assert here.azimuth(ra, dec) == pytest.approx(horizon.az.deg, abs=0.05)
    moon = get_body("moon", time, site)
    expected = unit_vectors(moon.ra.deg, moon.dec.deg)
    assert np.degrees(np.arccos(here.moon @ expected / np.linalg.norm(here.moon))) < 0.01


def test_parallactic_angle_points_to_the_zenith() -> None:
    time, site = Time(MJD, format="mjd", scale="tai"), EarthLocation.from_geocentric(*SITE, unit="m")
    field = SkyCoord(150.0, 2.2, unit="deg")
    frame = AltAz(obstime=time, location=site)
    horizon = field.transform_to(frame)
    above = SkyCoord(az=horizon.az, alt=horizon.alt + 0.1 * u.deg, frame=frame).transform_to("icrs")
    geometry = observer_at(MJD).geometry(150.0, 2.2)
    difference = field.position_angle(above).deg - geometry.parallactic_angle
    assert (difference + 180.0) % 360.0 - 180.0 == pytest.approx(0.0, abs=0.05)
    assert geometry.airmass == pytest.approx(1.0 / np.sin(horizon.alt.rad), rel=0.002)
