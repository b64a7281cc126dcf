from __future__ import annotations

import pytest
from pydantic import ValidationError

from uraniborg.core.errors import UserError
from uraniborg.sim.camera.config import CalibrationConfig, ElectronicsConfig, SensorConfig
from uraniborg.sim.config import CameraConfig, SimConfig


def test_layout_follows_the_electronics() -> None:
    layout = ElectronicsConfig(columns=4, rows=1, prescan=2, overscan=7, parallel_overscan=0).layout(400, 100)
    assert (layout.n_amplifiers, layout.segment_shape) == (4, (100, 109))


def test_a_detector_that_cannot_be_cut_is_refused_for_raws_only() -> None:
    camera = CameraConfig(width=1001, height=1000)
    assert not SimConfig(camera=camera).raw
    with pytest.raises(ValidationError, match="cannot be cut into 8 equal columns"):
        SimConfig(camera=camera, raw=True)
    with pytest.raises(UserError, match="cannot be cut"):
        ElectronicsConfig().layout(1001, 1000)


def test_a_survey_with_raws_comes_back_from_yaml() -> None:
    config = SimConfig(
        raw=True,
        sensor=SensorConfig(fringing={"y": 0.1}),
        electronics=ElectronicsConfig(bits=16),
        calibration=CalibrationConfig(flat_levels=(100.0,)),
    )
    assert SimConfig.from_yaml(config.to_yaml()) == config
    with pytest.raises(ValidationError):
        SensorConfig(serial_cti=-1.0)
    with pytest.raises(ValidationError):
        ElectronicsConfig(rows=3)
    with pytest.raises(ValidationError):
        CalibrationConfig(flat_levels=(0.0,))
