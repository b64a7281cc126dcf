from __future__ import annotations

import numpy as np
import pytest

from uraniborg.core.errors import UserError
from uraniborg.instruments.simcam.headers import make_headers
from uraniborg.sim.config import ObservingConfig, SimConfig, part_of
from uraniborg.sim.motion.observer import observer_at
from uraniborg.sim.observing import plan_visits

CONFIG = SimConfig()


def test_each_night_has_one_visit_in_each_band() -> None:
    visits = plan_visits(CONFIG)
    assert len(visits) == 6
    assert [visit.band for visit in visits] == ["g", "r"] * 3
    assert [visit.visit for visit in visits] == sorted({visit.visit for visit in visits})
    assert all(0 < visit.visit < 2**34 for visit in visits)
    assert np.diff([visit.mjd_begin for visit in visits]).min() * 86400 >= CONFIG.observing.exposure_time


def test_visits_keep_to_their_limits() -> None:
    nights = tuple(float(n) for n in range(40))
    plan = ObservingConfig(nights=nights)
    visits = plan_visits(SimConfig(observing=plan))
    assert all(plan.airmass[0] <= visit.airmass <= plan.airmass[1] for visit in visits)
    assert all(abs(visit.dec - 2.2) * 3600 <= plan.dither for visit in visits)
    assert all(abs(visit.rotation) <= plan.rotation for visit in visits)
    assert all(0.5 * 0.3 <= visit.pointing_error <= 1.5 * 0.3 * 1.001 for visit in visits)
    zenith = np.array([visit.seeing / visit.airmass**0.6 for visit in visits if visit.band == "r"])
    assert np.median(zenith) == pytest.approx(plan.seeing, rel=4.0 * 0.1 * 1.25 / np.sqrt(40))


def test_zero_point_is_that_of_the_throughput_time_and_extinction() -> None:
    plan = ObservingConfig(cloud=0.0)
    for visit in plan_visits(SimConfig(observing=plan)):
        expected = plan.zero_points[visit.band] + 2.5 * np.log10(90.0) - plan.extinction[visit.band] * visit.airmass
        assert visit.zero_point == pytest.approx(expected)


def test_header_is_wrong_by_the_pointing_error_and_rotation() -> None:
    visit = plan_visits(CONFIG)[0]
    truth = visit.true_wcs(CONFIG, 0)
    header = make_headers(
        visit.header_exposure(CONFIG),
        0,
        "image",
        geometry=CONFIG.camera.geometry,
        gain=1.0,
        read_noise=1.0,
        saturation=1.0,
        fwhm=1.0,
        sky_level=1.0,
    )[1]
    from astropy.wcs import WCS

    told = WCS(header)
    x, y = np.array([511.5, 0.0, 1023.0]), np.array([511.5, 1000.0, 30.0])
    ra, dec = truth.wcs_pix2world(x, y, 0)
    told_ra, told_dec = told.wcs_pix2world(x, y, 0)
    offset = np.hypot((told_ra - ra) * np.cos(np.deg2rad(dec)), told_dec - dec) * 3600.0
    assert offset[0] == pytest.approx(visit.pointing_error, rel=1e-3)
    assert np.all((offset > 0.05) & (offset < 0.7))
    assert np.ptp(offset) > 0.005  # rotation and scale are wrong too


def test_true_position_angle() -> None:
    visit = plan_visits(SimConfig(observing=ObservingConfig(rotation=40.0)))[2]
    wcs = visit.true_wcs(CONFIG, 0)
    (ra0, ra1), (dec0, dec1) = wcs.wcs_pix2world([511.5, 511.5], [511.5, 521.5], 0)
    angle = np.rad2deg(np.arctan2((ra1 - ra0) * np.cos(np.deg2rad(dec0)), dec1 - dec0))
    assert angle == pytest.approx(visit.rotation, abs=1e-3)


def test_airmass_of_the_real_sky_follows_from_time_and_place() -> None:
    values = CONFIG.model_dump()
    values["atmosphere"] |= {"real_sky": True, "moon": True}
    values["observing"] |= {"first_mjd": 60740.1, "nights": (0.0, 0.1, 8.0), "snaps": 2}
    visits = plan_visits(SimConfig.model_validate(values))
    assert len(visits) == 12
    for visit in visits:
        geometry = observer_at(visit.mjd_middle).geometry(visit.ra, visit.dec)
        assert visit.airmass == pytest.approx(geometry.airmass)
        assert visit.moon is not None
        assert visit.exposure_time == 45.0
        header = visit.header_exposure(CONFIG)
        assert header.altitude == pytest.approx(90.0 - geometry.zenith_distance)
        assert (header.snap, header.snaps) == (visit.snap, 2)
    first, second = visits[:2]
    assert (first.ra, first.rotation, first.cloud) == (second.ra, second.rotation, second.cloud)
    assert second.mjd_begin - first.mjd_begin == pytest.approx((45.0 + 30.0) / 86400.0)
    by_moon = {visit.moon.altitude > 0.0: visit.sky_level for visit in visits if visit.moon and visit.band == "g"}
    assert len(by_moon) == 1 or by_moon[True] > by_moon[False]


def test_a_field_that_is_not_up_is_refused() -> None:
    values = CONFIG.model_dump()
    values["atmosphere"] |= {"real_sky": True}
    with pytest.raises(UserError, match="from the zenith"):
        plan_visits(SimConfig.model_validate(values))


def test_a_part_of_a_survey_has_its_first_visits() -> None:
    part = part_of(CONFIG, visits=3, detectors="0")
    made, all_of_them = plan_visits(part), plan_visits(CONFIG)
    assert len(made) == 3
    assert all(
        one.header_exposure(part) == other.header_exposure(CONFIG)
        for one, other in zip(made, all_of_them, strict=False)
    )
    assert part.detectors == (0,)
    for wrong in ("7", "one"):
        with pytest.raises(UserError, match="no part"):
            part_of(CONFIG, detectors=wrong)
