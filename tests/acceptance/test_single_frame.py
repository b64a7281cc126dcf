from __future__ import annotations

import pytest

from uraniborg.acceptance.single_frame import STAGES, frame_config, measure_single_frame


@pytest.mark.slow
def test_a_small_frame_goes_through_every_stage() -> None:
    found = measure_single_frame(size=700)
    stages = found.details["stages"]
    assert set(stages) == set(STAGES)
    assert all(stage["calls"] >= 1 for stage in stages.values())
    assert sum(stage["cpu_seconds"] for stage in stages.values()) <= found.value * 1.001
    assert found.details["n_sources"] > 50
    assert "SExtractor" in found.note


def test_the_frame_that_is_promised() -> None:
    camera = frame_config(4096).camera
    assert (camera.width, camera.height, camera.geometry.n_detectors) == (4096, 4096, 1)
