from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from uraniborg.algorithms.astrometry.refraction import chromatic_offsets, zenith_geometry

LATITUDE, LONGITUDE = -30.1696, -70.8065


@pytest.mark.parametrize("hours", [-4.0, -1.0, 0.5, 3.0])
def test_zenith_equals_astropy(hours: float) -> None:
    mjd = 58146.36 + hours / 24.0
    place = EarthLocation.from_geodetic(LONGITUDE, LATITUDE)
    star = SkyCoord(186.75 * u.deg, 25.46 * u.deg)
    with iers.conf.set_temp("auto_download", False), iers.conf.set_temp("iers_degraded_accuracy", "ignore"):
        frame = AltAz(location=place, obstime=Time(mjd, format="mjd", scale="tai"))
        here = star.transform_to(frame)
        up = SkyCoord(az=0.0 * u.deg, alt=90.0 * u.deg, frame=frame).transform_to("icrs")
    found = zenith_geometry((186.75, 25.46), mjd=mjd, latitude=LATITUDE, longitude=LONGITUDE)
    assert found.zenith_distance == pytest.approx(90.0 - here.alt.deg, abs=0.3)
    turn = (found.parallactic_angle - star.position_angle(up).deg + 180.0) % 360.0 - 180.0
    assert turn == pytest.approx(0.0, abs=0.4)


def test_blue_stars_lie_nearer_to_the_zenith() -> None:
    # On the meridian South of the zenith, the zenith is North.
    zenith = zenith_geometry((0.0, -50.0), mjd=_transit(), latitude=-20.0, longitude=0.0)
    assert zenith.zenith_distance == pytest.approx(30.0, abs=0.1)
    offsets = chromatic_offsets([0.0, 1.0, 2.0, np.nan], zenith, coefficient=45.0, reference_color=1.0)
    expected = 45.0 * np.tan(np.radians(30.0))
    assert offsets[:, 1] == pytest.approx([expected, 0.0, -expected, 0.0], abs=0.5)
    assert offsets[:, 0] == pytest.approx(0.0, abs=1.0)


def _transit() -> float:
    days = (1.0 - 0.7790572732640) / 1.00273781191135448
    return 51544.5 + days + 37.0 / 86400.0
