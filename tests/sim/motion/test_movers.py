from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.sim.config import SimConfig
from uraniborg.sim.exposure import expected_image, render_exposure
from uraniborg.sim.motion.config import MovingConfig
from uraniborg.sim.motion.movers import make_movers, mover_fluxes, real_orbits, see_movers
from uraniborg.sim.observing import plan_visits
from uraniborg.sim.sky import make_sky
from uraniborg.sim.spectra import flux_to_magnitude


def _config(**moving: object) -> SimConfig:
    values = SimConfig().model_dump()
    values["camera"] |= {"width": 512, "height": 512, "cosmic_rays": 0.0, "bad_columns": 0}
    values["sky"] |= {"star_density": 0.0, "galaxy_density": 0.0, "n_variables": 0, "n_transients": 0}
    values["observing"] |= {"bands": ("r",), "nights": (0.0,), "exposure_time": 300.0}
    values["moving"] = {"number": 12, "spread": 30.0, "magnitudes": (17.0, 20.0)} | moving
    return SimConfig.model_validate(values)


def test_bodies_cross_the_field_when_they_should_and_are_as_bright() -> None:
    config = _config(number=200)
    orbits = make_movers(config)
    middle = config.observing.first_mjd + 0.5 * 330.0 / 86400.0
    seen = see_movers(orbits, middle)
    away = np.hypot((seen.ra - 150.0) * np.cos(np.deg2rad(2.2)), seen.dec - 2.2) * 3600.0
    assert away.max() < 30.5
    flux = mover_fluxes(orbits, seen)
    visual = flux_to_magnitude(flux["r"]) + np.where(np.asarray(orbits["complex"]) == "C", 0.20, 0.27)
    assert visual.min() >= 17.0 - 1e-6
    assert visual.max() <= 20.0 + 1e-6
    assert set(orbits["class"]) <= set(real_orbits()["class"])
    assert np.asarray(orbits["e"]) == pytest.approx(
        [real_orbits()["e"][np.argmin(abs(real_orbits()["e"] - e))] for e in orbits["e"]]
    )
    assert np.all(see_movers(orbits, middle + 20.0).ra != seen.ra)


def test_equal_configurations_give_equal_orbits() -> None:
    one, other = make_movers(_config()), make_movers(_config())
    assert all(np.array_equal(one[name], other[name]) for name in one.colnames)
    assert len(make_movers(_config(number=0))) == 0
    assert len(make_movers(_config(real=True))) == 12 + len(real_orbits())


def test_trails_are_drawn_with_all_light_where_the_truth_says() -> None:
    config = _config(number=1, spread=0.0, magnitudes=(17.0, 17.1))
    visit, sky = plan_visits(config)[0], make_sky(config)
    rendered = render_exposure(sky, visit, 0, config=config)
    empty = config.model_copy(update={"moving": MovingConfig()})
    light = expected_image(sky, visit, 0, config=config) - expected_image(sky, visit, 0, config=empty)
    row: Table = rendered.truth[rendered.truth["kind"] == "mover"][0]
    assert light.sum() == pytest.approx(row["electrons"], rel=0.005)
    y, x = np.indices(light.shape)
    mean_x, mean_y = np.sum(light * x) / light.sum(), np.sum(light * y) / light.sum()
    assert mean_x == pytest.approx(row["x"], abs=0.02)
    assert mean_y == pytest.approx(row["y"], abs=0.02)
    seen = see_movers(make_movers(config), visit.mjd_middle)
    rate = np.hypot(seen.rate_ra[0], seen.rate_dec[0])
    assert row["trailLength"] == pytest.approx(rate * 300.0 / 86400.0, rel=1e-6)
    # the second moment along the motion is larger by length^2 / 12, but for the wings that the stamp cuts
    angle = np.deg2rad(90.0 + row["trailAngle"] - visit.rotation)
    weight = np.where(np.hypot(x - mean_x, y - mean_y) < 12.0, light, 0.0)
    along = (x - mean_x) * np.cos(angle) + (y - mean_y) * np.sin(angle)
    across = -(x - mean_x) * np.sin(angle) + (y - mean_y) * np.cos(angle)
    grown = np.sum(weight * (along**2 - across**2)) / weight.sum()
    length = row["trailLength"] / visit.pixel_scale
    assert length < 8.0
    assert grown == pytest.approx(length**2 / 12.0, abs=0.5)
