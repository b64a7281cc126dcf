from __future__ import annotations

import numpy as np
import pytest

from uraniborg.instruments.simcam.raw_layout import AmplifierLayout
from uraniborg.sim.camera.config import CalibrationConfig, ElectronicsConfig, SensorConfig
from uraniborg.sim.camera.lamps import calibration_light, monochromatic_light, spots
from uraniborg.sim.camera.properties import make_detector_properties
from uraniborg.sim.camera.sequence import plan_calibrations
from uraniborg.sim.camera.silicon import FRINGE_WAVELENGTH, fringe_contrast, quantum_efficiency
from uraniborg.sim.config import CameraConfig, SimConfig

CONFIG = SimConfig(
    camera=CameraConfig(width=240, height=200),
    electronics=ElectronicsConfig(columns=2, rows=2),
    calibration=CalibrationConfig(
        biases=1, darks=1, flat_levels=(2e4,), wavelengths=(500.0, 950.0), spot_levels=(3e4,), spot_radius=5.0
    ),
)


def test_lamps_are_even_and_shutters_closed_for_biases_and_darks() -> None:
    for exposure in plan_calibrations(CONFIG)[:4]:
        light = calibration_light(exposure, 0, config=CONFIG)
        assert np.array_equal(light, np.full((200, 240), 2e4 if exposure.header.observation_type == "flat" else 0.0))


def test_light_of_one_wavelength_has_the_fringes_of_the_sky_at_theirs() -> None:
    blue, red = [item for item in plan_calibrations(CONFIG) if item.header.observation_type == "monoflat"]
    light = calibration_light(red, 0, config=CONFIG) / CONFIG.calibration.monochromatic_level
    fringes = make_detector_properties(CONFIG, 0).fringes
    contrast = fringe_contrast(FRINGE_WAVELENGTH, thickness=100.0)
    efficiency = quantum_efficiency(FRINGE_WAVELENGTH, thickness=100.0)
    assert light == pytest.approx(efficiency * (1.0 + contrast * fringes), rel=1e-6)
    light = calibration_light(blue, 0, config=CONFIG)
    assert np.ptp(light) / light.mean() < 1e-6
    phase = np.linspace(0.0, 3.0, 301)[None, :]
    half = monochromatic_light(phase, wavelength=1000.0, sensor=SensorConfig())
    crossings = np.count_nonzero(np.diff(np.sign(half - half.mean())))
    assert crossings == round(2 * 3.0 * 0.95)


def test_spots_lie_on_one_amplifier_only_and_are_complete() -> None:
    layout = AmplifierLayout(240, 200, 2, 2)
    for amplifier in range(4):
        image = spots(layout, amplifier, radius=5.0)
        rows, columns = layout.detector_slices(amplifier)
        inside = image[rows, columns]
        assert np.count_nonzero(image) == np.count_nonzero(inside)
        assert not inside[0].any() and not inside[-1].any() and not inside[:, 0].any() and not inside[:, -1].any()
        number = int(120 / 30) * int(100 / 30)
        assert inside.sum() == pytest.approx(number * np.pi * 25.0, rel=0.02)
        assert inside.max() == 1.0
