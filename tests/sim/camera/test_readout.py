from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from uraniborg.core.errors import UserError
from uraniborg.core.random import random_stream
from uraniborg.instruments.simcam.raw_layout import join_segments
from uraniborg.sim.camera.config import ElectronicsConfig, SensorConfig
from uraniborg.sim.camera.properties import DetectorProperties, make_detector_properties
from uraniborg.sim.camera.readout import amplifier_signals, collect_charge, read_out
from uraniborg.sim.config import CameraConfig, SimConfig

FULL_WELL = 150000.0
SENSOR = SensorConfig(vignetting=0.02, dust_grains=2.0, hot_pixels=0.0, dark_current=0.0)
ELECTRONICS = ElectronicsConfig(columns=1, rows=1, nonlinearity=0.0, overscan=64)
CONFIG = SimConfig(
    camera=CameraConfig(width=900, height=900, bad_columns=0, gain=1.5, read_noise=9.0),
    sensor=SENSOR,
    electronics=ELECTRONICS,
)


@pytest.fixture(scope="module")
def detector() -> DetectorProperties:
    return make_detector_properties(CONFIG, 0)


def _flat(level: float, detector: DetectorProperties, sensor: SensorConfig, *, repeat: int) -> np.ndarray:
    """Return overscan-corrected image pixels [adu] of the first amplifier."""
    light = np.full((detector.layout.height, detector.layout.width), level)
    rng = random_stream(7, "test", {"level": str(level), "repeat": repeat})
    charge = collect_charge(light, detector, rng, sensor=sensor, dark_time=0.0, full_well=FULL_WELL)
    signals = amplifier_signals(charge.electrons, detector, sensor=sensor, full_well=FULL_WELL)
    raw = read_out(signals, detector, rng, electronics=ELECTRONICS)[0].astype(float)
    rows, columns = detector.layout.image_slices
    overscan = raw[detector.layout.overscan_slices][:, 4:]
    return raw[rows, columns] - overscan.mean(axis=1, keepdims=True)


def _pair(level: float, detector: DetectorProperties, sensor: SensorConfig) -> tuple[float, float]:
    """Return mean and variance [adu] from the difference of two flats, free of the response of pixels."""
    one, two = (_flat(level, detector, sensor, repeat=k)[20:-20, 20:-20] for k in (1, 2))
    return float(0.5 * (one.mean() + two.mean())), float(np.var(one - two) / 2.0)


@pytest.mark.parametrize("slope", [0.0, 2.5e-6])
def test_photon_transfer_gives_back_gain_noise_and_slope(detector, slope) -> None:
    sensor = SENSOR.model_copy(update={"brighter_fatter": slope})
    detector = replace(detector, kernel=detector.kernel * (slope / SENSOR.brighter_fatter))
    gain, noise = float(detector.amplifiers.gain[0]), float(detector.amplifiers.read_noise[0])
    levels = [0.0, 0.0, 0.0, 2e3, 5e3, 1e4, 2e4, 3e4, 4e4]
    mean, variance = np.array([_pair(level * (1 + 1e-3 * k), detector, sensor) for k, level in enumerate(levels)]).T
    # Row-wise overscan subtraction adds the noise of its mean; rounding adds 1/12 adu^2.
    scans = 1.0 / (ELECTRONICS.overscan - 4)
    dark = variance[mean < 10].mean()
    found_noise = gain * np.sqrt((dark - 1 / 12 * (1 + scans)) / (1 + scans))
    assert found_noise == pytest.approx(noise, rel=0.005)
    lit = mean > 10
    y = (variance[lit] - dark) / mean[lit]
    weight = 1.0 / variance[lit] * mean[lit]
    fit, covariance = np.polyfit(mean[lit], y, 2 if slope else 1, w=weight, cov=True)
    assert 1.0 / fit[-1] == pytest.approx(gain, rel=0.005)
    if slope:
        assert -fit[-2] == pytest.approx(slope, rel=0.15)
    else:
        assert abs(fit[-2]) < 5 * np.sqrt(covariance[-2, -2]) + 1e-7


def test_charge_is_conserved_between_light_and_pixels(detector) -> None:
    rng = np.random.default_rng(3)
    light = np.full((900, 900), 100.0)
    light[400:420, 300:310] = 5e6
    result = collect_charge(light, detector, rng, sensor=SENSOR, dark_time=0.0, full_well=FULL_WELL, mean_rays=20.0)
    expected = (light * detector.response).sum() + result.ray_charge
    found = result.electrons.sum() + result.lost
    assert found == pytest.approx(expected, abs=6 * np.sqrt(expected))
    assert result.electrons.max() == pytest.approx(FULL_WELL)
    assert result.electrons.min() >= 0.0
    assert np.array_equal(result.saturated, result.electrons >= FULL_WELL)
    assert result.cosmic_rays > 0


def test_dark_current_grows_with_time() -> None:
    sensor = SENSOR.model_copy(update={"dark_current": 0.5, "hot_pixels": 2000.0})
    detector = make_detector_properties(CONFIG.model_copy(update={"sensor": sensor}), 0)
    dark = np.zeros((900, 900))
    result = collect_charge(dark, detector, np.random.default_rng(1), sensor=sensor, dark_time=200.0, full_well=1e9)
    ordinary = result.electrons[~detector.hot]
    assert ordinary.mean() == pytest.approx(100.0, rel=0.002)
    hot = result.electrons[detector.hot]
    assert hot.mean() == pytest.approx(200.0 * detector.dark_current[detector.hot].mean(), rel=0.01)


def test_crosstalk_and_trails_of_a_whole_detector_are_as_set() -> None:
    electronics = ElectronicsConfig(
        columns=4, rows=2, nonlinearity=0.0, crosstalk=1e-3, bias_pattern=0.0, bias_drift=0.0, bits=24
    )
    sensor = SENSOR.model_copy(update={"serial_cti": 2e-5, "parallel_cti": 0.0, "trap_time": 0.5})
    # A small gain makes units so fine that rounding does not matter.
    camera = CONFIG.camera.model_copy(update={"width": 800, "height": 400, "read_noise": 0.0, "gain": 0.01})
    config = CONFIG.model_copy(update={"camera": camera, "sensor": sensor, "electronics": electronics})
    detector = make_detector_properties(config, 0)
    electrons = np.zeros((400, 800))
    electrons[50:150, 200:400] = 1e5  # amplifier 1, all columns
    signals = amplifier_signals(electrons, detector, sensor=sensor, full_well=FULL_WELL)
    raw = read_out(signals, detector, np.random.default_rng(1), electronics=electronics) - detector.amplifiers.bias
    start = detector.layout.prescan
    middle = (slice(60, 140), slice(start + 20, start + 180))
    source = raw[1][middle].mean()
    others = [k for k in range(8) if k != 1]
    found = [raw[k][middle].mean() / source for k in others]
    assert found == pytest.approx(detector.amplifiers.crosstalk[others, 1], abs=1e-7)
    end = start + 200
    trail = raw[1][60:140, end : end + 5].mean(axis=0)
    kept = np.exp(-1 / 0.5)
    captured = 2e-5 * 1e5 / detector.amplifiers.gain[1] * np.arange(start + 1, end + 1) * kept ** np.arange(199, -1, -1)
    assert trail == pytest.approx((1 - kept) * captured.sum() * kept ** np.arange(5), rel=1e-3, abs=0.5)


def test_a_perfect_camera_gives_back_the_image() -> None:
    electronics = ElectronicsConfig(
        columns=5, rows=2, nonlinearity=0.0, crosstalk=0.0, bias_pattern=0.0, bias_drift=0.0,
        gain_scatter=0.0, bias_scatter=0.0, bits=16,
    )  # fmt: skip
    sensor = SENSOR.model_copy(update={"serial_cti": 0.0, "parallel_cti": 0.0})
    camera = CameraConfig(width=100, height=80, gain=1.0, read_noise=0.0)
    config = SimConfig(camera=camera, sensor=sensor, electronics=electronics)
    detector = make_detector_properties(config, 0)
    electrons = np.arange(8000.0).reshape(80, 100)
    signals = amplifier_signals(electrons, detector, sensor=sensor, full_well=1e5)
    raw = read_out(signals, detector, np.random.default_rng(1), electronics=electronics)
    assert raw.dtype == np.uint16
    assert np.array_equal(join_segments(raw, detector.layout) - 20000.0, electrons)


def test_a_detector_is_not_read_out_without_those_that_share_its_board(detector) -> None:
    signals = np.zeros((1, *detector.layout.segment_shape))
    paired = replace(detector, board={4: np.full((1, 1), 1e-3)})
    with pytest.raises(UserError, match="signals of detector 4"):
        read_out(signals, paired, np.random.default_rng(1), electronics=ELECTRONICS)
    quiet = read_out(signals, detector, np.random.default_rng(1), electronics=ELECTRONICS)
    lit = read_out(signals, paired, np.random.default_rng(1), electronics=ELECTRONICS, neighbours={4: signals + 3e4})
    assert np.abs(lit - quiet - 30).max() <= 1  # rounding
