from __future__ import annotations

import numpy as np
import pytest

from uraniborg.sim.camera.config import ElectronicsConfig, SensorConfig
from uraniborg.sim.camera.properties import make_detector_properties
from uraniborg.sim.config import CameraConfig, SimConfig

CONFIG = SimConfig(
    camera=CameraConfig(columns=2, width=400, height=300),
    sensor=SensorConfig(hot_pixels=500.0, dust_grains=0.0),
    electronics=ElectronicsConfig(columns=4),
)


def test_equal_seeds_give_equal_detectors_and_detectors_differ() -> None:
    one, again = make_detector_properties(CONFIG, 0), make_detector_properties(CONFIG, 0)
    other = make_detector_properties(CONFIG, 1)
    assert np.array_equal(one.response, again.response)
    assert np.array_equal(one.amplifiers.bias, again.amplifiers.bias)
    assert not np.array_equal(one.amplifiers.gain, other.amplifiers.gain)
    assert not np.array_equal(one.fringes, other.fringes)


def test_amplifiers_scatter_around_the_nominal_values() -> None:
    amplifiers = make_detector_properties(CONFIG, 0).amplifiers
    assert amplifiers.gain.shape == (8,)
    assert 0 < np.std(np.log(amplifiers.gain / CONFIG.camera.gain)) < 0.08
    assert amplifiers.gain.mean() == pytest.approx(CONFIG.camera.gain, rel=0.05)
    assert (np.abs(amplifiers.bias_level - 20000.0) < 1000.0 * np.sqrt(3)).all()
    assert amplifiers.bias.mean(axis=(1, 2)) == pytest.approx(amplifiers.bias_level, abs=1.5)
    assert ((amplifiers.nonlinearity >= 0.005) & (amplifiers.nonlinearity <= 0.015)).all()


def test_pixels_are_as_set() -> None:
    detector = make_detector_properties(CONFIG, 0)
    assert detector.hot.sum() == pytest.approx(60, abs=30)
    assert np.array_equal(detector.dark_current > CONFIG.sensor.dark_current, detector.hot)
    assert np.std(np.diff(detector.response, axis=1)) == pytest.approx(0.005 * np.sqrt(2), rel=0.03)
    assert detector.response[:, -1].mean() > detector.response[:, 0].mean()  # the boresight is to the right
    assert len(np.unique(np.nonzero(detector.dead)[1])) == CONFIG.camera.bad_columns
