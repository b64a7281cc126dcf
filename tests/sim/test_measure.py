from __future__ import annotations

import numpy as np
import pytest

from uraniborg.core.errors import UserError
from uraniborg.sim.config import SimConfig
from uraniborg.sim.measure import (
    measure_number_counts,
    measure_psf_statistics,
    measure_refraction_shifts,
    measure_throughput,
)
from uraniborg.sim.observing import plan_visits


def _config(**sections: dict[str, object]) -> SimConfig:
    values = SimConfig().model_dump()
    values["camera"] |= {"width": 512, "height": 512}
    values["observing"] |= {"bands": ("g", "r"), "nights": (0.0,), "first_mjd": 60740.02}
    for name, section in sections.items():
        values[name] |= section
    return SimConfig.model_validate(values)


def test_star_flux_is_throughput_times_time_times_atmosphere() -> None:
    config = _config(atmosphere={"real_sky": True, "refraction": True}, camera={"full_well": 1e9})
    for visit in plan_visits(config):
        ratio = measure_throughput(config, visit)
        assert ratio.error < 0.0006
        assert ratio.value == pytest.approx(1.0, abs=0.002)
        assert abs(ratio.value - 1.0) < 4.0 * ratio.error


def test_stars_are_displaced_as_erfa_says() -> None:
    config = _config(atmosphere={"real_sky": True, "refraction": True})
    shifts = measure_refraction_shifts(config, plan_visits(config)[0])
    assert shifts.worst < 5.0  # [mas]
    assert np.abs(shifts.expected).max() > 50.0
    with pytest.raises(UserError, match=r"atmosphere\.refraction"):
        measure_refraction_shifts(_config(), plan_visits(_config())[0])


def test_shapes_are_correlated_as_the_model_says() -> None:
    found = measure_psf_statistics(_config(atmosphere={"turbulence": 0.01}), exposures=300)
    assert np.all(np.abs(found.correlation - found.expected) < 4.0 * found.error)
    assert found.error.max() < 0.08
    assert found.expected[0] - found.expected[-1] > 8.0 * found.error.max()  # so that a constant would be found out
    assert found.seeing.value == pytest.approx(1.0, abs=4.0 * found.seeing.error)
    with pytest.raises(UserError, match=r"atmosphere\.turbulence"):
        measure_psf_statistics(_config())


def test_counts_follow_the_published_ones() -> None:
    sky = {"star_model": "galactic", "star_magnitudes": (12.0, 21.0), "galaxy_model": "bulge_disc"}
    config = _config(camera={"width": 6000, "height": 6000}, sky=sky | {"n_variables": 0, "n_transients": 0})
    counts = measure_number_counts(config)
    stars, galaxies = counts["stars"], counts["galaxies"]
    assert np.all(np.abs(stars.simulated - stars.published) < 0.25 * stars.published + 3.0 * stars.error)
    pull = (galaxies.simulated - galaxies.published) / galaxies.error
    assert np.abs(pull).max() < 4.5
