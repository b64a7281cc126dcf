from __future__ import annotations

import numpy as np
import pytest

from uraniborg.sim.config import SimConfig
from uraniborg.sim.motion.trails import all_trails, cross_section, draw_trails, plan_trails
from uraniborg.sim.observing import plan_visits
from uraniborg.sim.psf import make_psf_field


def _config(**camera: object) -> SimConfig:
    values = SimConfig().model_dump()
    values["camera"] |= {"width": 512, "height": 512} | camera
    values["satellites"]["rate"] = 2.0
    return SimConfig.model_validate(values)


@pytest.fixture(scope="module")
def config() -> SimConfig:
    return _config()


def test_numbers_speeds_and_widths_are_those_of_low_orbits(config: SimConfig) -> None:
    visits = plan_visits(config.model_copy(update={"observing": config.observing.model_copy(
        update={"nights": tuple(float(n) for n in range(60))})}))  # fmt: skip
    trails = all_trails(config, visits)
    expected = 2.0 * 3.0 * len(visits)
    assert len(trails) == pytest.approx(expected, abs=4.0 * np.sqrt(expected))
    assert np.all(trails["distance"] >= trails["height"])
    # at 550 km and the zenith: 7.59 km/s over 550 km is 0.79 degrees a second, the aperture is seen under 3.1 arcsec
    assert 600.0 < np.median(trails["rate"]) < 2900.0
    assert np.asarray(trails["defocus"] * trails["distance"]) == pytest.approx(8.36 * 206.265, rel=1e-4)


def test_a_cross_section_has_unit_area_and_the_width_of_psf_and_defocus(config: SimConfig) -> None:
    stamps = make_psf_field(config, plan_visits(config)[0], 0).draw_stamps()
    sharp = cross_section(stamps, 0.3, defocus=0.0, obstruction=0.6, body=0.0)
    wide = cross_section(stamps, 0.3, defocus=12.0, obstruction=0.6, body=1.0)
    for profile in (sharp, wide):
        place = (np.arange(profile.size) - profile.size // 2) * 0.05
        assert profile.sum() * 0.05 == pytest.approx(1.0, abs=2e-3)
        assert np.sum(place * profile) / profile.sum() == pytest.approx(0.0, abs=0.02)
    # variance of a ring of outer diameter D and inner one f D is D^2 (1 + f^2) / 16 along an axis; of a disc d^2 / 16
    reach = np.arange(-800, 801)
    difference = wide[reach + wide.size // 2] - sharp[reach + sharp.size // 2]
    grown = np.sum((reach * 0.05) ** 2 * difference) * 0.05
    assert grown == pytest.approx(12.0**2 * (1.0 + 0.36) / 16.0 + 1.0 / 16.0, rel=0.05)


def test_a_trail_has_its_light_on_the_line_and_crosses_neighbours(config: SimConfig) -> None:
    camera = _config(columns=2, gap=0, width=256)
    visit = plan_visits(camera)[0]
    trails = plan_trails(camera, visit)[:1]
    assert len(trails) == 1
    trails["ra"], trails["dec"] = visit.ra, visit.dec
    trails["positionAngle"] = 90.0 + visit.rotation  # along -x
    trails["electrons"] = 1000.0
    images = []
    for detector in (0, 1):
        stamps = make_psf_field(camera, visit, detector).draw_stamps()
        images.append(
            draw_trails(
                np.zeros((512, 256)),
                trails,
                projection=visit.projection(camera, detector),
                stamps=stamps,
                config=camera,
                visit=visit,
            )
        )
    joined = np.hstack(images)
    columns = joined.sum(axis=0)
    assert columns == pytest.approx(1000.0, rel=0.005)
    rows = np.sum(joined * np.arange(512)[:, None], axis=0) / columns
    assert rows == pytest.approx(255.5, abs=0.1)
