from __future__ import annotations

from pathlib import Path

import pytest

from uraniborg.core.errors import UserError
from uraniborg.sim.camera.config import CalibrationConfig, ElectronicsConfig
from uraniborg.sim.config import CameraConfig, ObservingConfig, SimConfig, SkyConfig, load_config
from uraniborg.sim.summary import summarise_config, summarise_folder
from uraniborg.sim.work import begin
from uraniborg.sim.writer import simulate_calibrations, simulate_field

CONFIG = SimConfig(
    name="test",
    raw=True,
    sky=SkyConfig(n_transients=0, n_variables=0),
    camera=CameraConfig(columns=2, width=64, height=64, cosmic_rays=0, bad_columns=0),
    observing=ObservingConfig(nights=(0.0,), bands=("r",), dither=2.0),
    electronics=ElectronicsConfig(columns=1, rows=1),
    calibration=CalibrationConfig(biases=2, darks=0, flat_levels=(1e3,)),
)


def test_what_is_announced_is_what_is_made(tmp_path: Path) -> None:
    summary = summarise_config(CONFIG)
    field = simulate_field(CONFIG, tmp_path / "a")
    assert summary.raw_files == len(field.raws) == 10
    assert summary.reduced_files == len(list(field.image_folder.iterdir())) == 6
    assert (summary.detectors, summary.visits, summary.bands) == (2, 1, "r")
    lines = summarise_folder(field.root)
    assert lines[0].startswith("test (night), seed 1572: 2 x (64 x 64 pixels), 1 visits in r")
    assert "  raw: 10 files" in lines
    assert any(line.strip() == f"truth/sources: {len(field.truth('sources'))} rows" for line in lines)


def test_the_largest_camera_is_announced() -> None:
    summary = summarise_config(load_config("lsstcam"))
    assert (summary.detectors, summary.raw_files, summary.reduced_files) == (189, 189, 0)


def test_folders_in_the_making_and_others_are_told(tmp_path: Path) -> None:
    begin(tmp_path / "b", CONFIG, what="night")
    assert summarise_folder(tmp_path / "b")[0].startswith("test, in the making: 0 units done")
    assert "(calibrations)" in summarise_folder(simulate_calibrations(CONFIG, tmp_path / "c").root)[0]
    with pytest.raises(UserError, match="holds no simulated survey"):
        summarise_folder(tmp_path)
