from __future__ import annotations

import numpy as np
import pytest

from uraniborg.instruments.simcam.raw_layout import join_segments
from uraniborg.sim.camera.config import CalibrationConfig, ElectronicsConfig, SensorConfig
from uraniborg.sim.camera.sequence import plan_calibrations
from uraniborg.sim.config import CameraConfig, ObservingConfig, SimConfig, SkyConfig
from uraniborg.sim.exposure import expected_image
from uraniborg.sim.observing import plan_visits
from uraniborg.sim.raw_exposure import detector_properties, expose_calibration, expose_visit
from uraniborg.sim.sky import make_sky

CONFIG = SimConfig(
    name="test",
    sky=SkyConfig(n_transients=0, n_variables=0),
    camera=CameraConfig(width=160, height=128, cosmic_rays=3, bad_columns=1),
    observing=ObservingConfig(nights=(0.0,), bands=("z",), dither=2.0),
    sensor=SensorConfig(fringing={"z": 0.1}),
    electronics=ElectronicsConfig(columns=2, rows=2),
    calibration=CalibrationConfig(biases=1, darks=0, flat_levels=(2e4,)),
)


def _electrons(exposure) -> np.ndarray:
    """Return a detector's image with the true bias and gain taken out."""
    properties = detector_properties(CONFIG, 0)
    amplifiers = properties.amplifiers
    pixels = (exposure.segments - amplifiers.bias) * amplifiers.gain[:, None, None]
    return join_segments(pixels, properties.layout)


def test_a_visit_shows_the_light_of_the_reduced_path_with_fringes() -> None:
    sky = make_sky(CONFIG)
    (visit,) = plan_visits(CONFIG)
    exposure = expose_visit(sky, visit, 0, config=CONFIG)
    properties = detector_properties(CONFIG, 0)
    light = expected_image(sky, visit, 0, config=CONFIG)
    fringes = 0.1 * visit.sky_level * properties.fringes
    faint = (light < 3 * visit.sky_level) & ~properties.dead & ~properties.hot
    found = _electrons(exposure)
    residual = (found - (light + fringes) * properties.response)[faint]
    noise = np.sqrt(light + CONFIG.camera.read_noise**2)[faint]
    assert np.median(residual) == pytest.approx(0.0, abs=0.01 * np.median(light))  # non-linearity is below 1 %
    assert np.median(np.abs(residual / noise)) == pytest.approx(0.6745, abs=0.05)
    faint &= np.abs(found - (light + fringes) * properties.response) < 5 * np.sqrt(light + CONFIG.camera.read_noise**2)
    residual = (found - (light + fringes) * properties.response)[faint]
    weight = fringes[faint] - fringes[faint].mean()
    error = residual.std() / np.sqrt(np.sum(weight**2))
    assert error < 0.02
    assert np.sum(weight * residual) / np.sum(weight**2) == pytest.approx(0.0, abs=4 * error)
    row = exposure.truth[0]
    assert (row["exposure"], row["observationType"], row["band"]) == (visit.visit, "science", "z")
    assert row["meanLight"] == pytest.approx((light + fringes).mean())


def test_calibrations_have_no_light_but_their_lamp() -> None:
    bias, flat, _ = [expose_calibration(item, 0, config=CONFIG) for item in plan_calibrations(CONFIG)]
    assert np.median(_electrons(bias)) == pytest.approx(0.0, abs=1.0)
    assert (bias.truth["cosmicRays"][0], bias.truth["exposureTime"][0]) == (0, 0.0)
    response = np.median(detector_properties(CONFIG, 0).response)
    assert np.median(_electrons(flat)) == pytest.approx(2e4 * response, rel=0.005)
    assert flat.primary["OBSTYPE"] == "flat"
    assert len(flat.headers) == len(flat.segments) == 4


def test_two_flats_of_a_pair_differ_and_each_is_repeatable() -> None:
    _, one, two = plan_calibrations(CONFIG)
    first = expose_calibration(one, 0, config=CONFIG).segments
    assert np.array_equal(first, expose_calibration(one, 0, config=CONFIG).segments)
    assert not np.array_equal(first, expose_calibration(two, 0, config=CONFIG).segments)
