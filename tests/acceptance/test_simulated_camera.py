from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from uraniborg.acceptance.simulated_camera import (
    StarsOnRaws,
    every_kind,
    measure_headers,
    measure_identity,
    measure_large_board,
    measure_raw_speed,
)
from uraniborg.instruments.simcam.headers import OBSERVATION_TYPES
from uraniborg.sim.writer import simulate_field


def test_headers_of_every_kind_pass_and_a_broken_one_is_found(tmp_path: Path) -> None:
    field = simulate_field(every_kind(), tmp_path / "field")
    found = measure_headers(tmp_path / "field", tmp_path)
    assert found.value == 100.0
    assert all(kind in found.note for kind in OBSERVATION_TYPES)
    with fits.open(field.raws[0], mode="update") as hdus:
        hdus[0].header["DAYOBS"] = 19990101
    broken = measure_headers(tmp_path / "field", tmp_path)
    assert broken.value == pytest.approx(100.0 * (1.0 - 1.0 / (len(field.raws) + len(field.images))))
    assert field.raws[0].name in broken.note


def test_differences_between_detectors_are_those_of_the_stars() -> None:
    stars = StarsOnRaws(
        truth_id=np.array([1, 1, 2, 2, 3]),
        detector=np.array([0, 1, 0, 1, 0]),
        visit=np.arange(5),
        ratio=np.array([1.0, 1.02, 1.0, 1.04, 9.0]),
        position=np.array([[10.0, 60.0], [10.0 + 4e-6, 60.0], [10.0, 60.0], [10.0 + 8e-6, 60.0], [0.0, 0.0]]),
    )
    position, flux = stars.neighbours()
    assert position.value == pytest.approx(6e-6 * 0.5 * 3.6e6, rel=1e-6)
    assert flux.value == pytest.approx(3.0)
    assert stars.flux().value == pytest.approx(2.0)


@pytest.mark.slow
def test_speed_and_memory_are_measured_and_files_identical(tmp_path: Path) -> None:
    speed = measure_raw_speed(tmp_path / "speed", size=512)
    assert 0.0 < sum(speed.details["stages"].values()) <= speed.value
    assert measure_identity(tmp_path / "identity").value == 0.0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_board_of_the_largest_camera_is_made(tmp_path: Path) -> None:
    found = measure_large_board(tmp_path)
    assert "(93, 94, 95) of 189" in found.note
    for detector in (93, 94, 95):
        with fits.open(tmp_path / f"{detector}.fits") as hdus:
            assert len(hdus) == 17
            assert hdus[0].header["RAFTBAY"] == "R22"
            assert hdus[1].data.shape == (2080, 554)
