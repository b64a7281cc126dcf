from __future__ import annotations

import numpy as np
import pytest

from uraniborg.instruments.simcam.headers import SimCamExposure
from uraniborg.sim.camera.config import CalibrationConfig, ElectronicsConfig, SensorConfig
from uraniborg.sim.camera.honesty import measure_photon_transfer, measure_spot_growth, reduce_with_truth
from uraniborg.sim.config import CameraConfig, SimConfig
from uraniborg.sim.raw_exposure import detector_properties, expose_light

CONFIG = SimConfig(
    camera=CameraConfig(width=512, height=512, cosmic_rays=5),
    electronics=ElectronicsConfig(columns=2, rows=1),
    calibration=CalibrationConfig(biases=6, darks=0, flat_levels=(2e3, 1e4, 3e4, 6e4, 9e4)),
)


def test_photon_transfer_is_unbiased_within_its_errors() -> None:
    found = measure_photon_transfer(CONFIG)
    assert np.abs((found.gain - found.true_gain) / found.gain_error).max() < 3.5
    assert np.abs((found.noise - found.true_noise) / found.noise_error).max() < 3.5
    assert np.abs((found.slope - found.true_slope) / found.slope_error).max() < 3.5
    assert np.abs(found.gain_error / found.gain).max() < 0.005
    assert found.mean.shape == found.variance.shape == (2, 5)


def test_spots_grow_as_the_kernel_says_and_not_without_it() -> None:
    ratio, error = measure_spot_growth(CONFIG, peaks=(2e3, 4e4, 8e4)).slope_ratio
    assert error < 0.01
    assert ratio == pytest.approx(1.0, abs=4 * error)
    still = CONFIG.model_copy(update={"sensor": SensorConfig(brighter_fatter=0.0)})
    growth = measure_spot_growth(still, peaks=(2e3, 4e4, 8e4))
    assert np.abs(growth.size - growth.expected).max() < 4 * growth.error.max()


def test_light_comes_back_within_its_noise() -> None:
    header = SimCamExposure(1, "r_sim", 0.0, 0.0, 60000.0, observation_type="flat")
    light = np.full((512, 512), 3e4)
    light[100:110, 300:310] = 6e4
    image = reduce_with_truth(expose_light(light, header, 0, config=CONFIG), config=CONFIG)
    properties = detector_properties(CONFIG, 0)
    assert np.array_equal(np.isnan(image), properties.dead)
    ordinary = ~properties.dead & ~properties.hot
    deviation = (image - light)[ordinary] / np.sqrt(light / properties.response)[ordinary]
    assert np.median(deviation) == pytest.approx(0.0, abs=0.01)
    assert deviation.std() < 1.0  # the brighter-fatter effect takes variance away; nothing else adds any
