from __future__ import annotations

from pathlib import Path

import pytest

from uraniborg.acceptance.cameras import CAMERA_MEASURES, measure_camera_metrics
from uraniborg.verify.metrics import load_suite


def test_every_measure_is_a_promise_of_the_suite() -> None:
    assert set(CAMERA_MEASURES) <= {metric.name for metric in load_suite("isr-calib")}


def test_absent_data_are_not_a_success(tmp_path: Path) -> None:
    found = measure_camera_metrics(load_suite("isr-calib"), tmp_path)
    assert len(found) == len(CAMERA_MEASURES)
    assert not any(item.holds for item in found)
    assert all("URANIBORG_TESTDATA" in item.note for item in found)


@pytest.mark.realdata
def test_promises_hold(testdata: Path) -> None:
    chosen = [metric for metric in load_suite("isr-calib") if metric.name in CAMERA_MEASURES]
    found = measure_camera_metrics(chosen, testdata)
    assert all(item.holds for item in found), [(item.metric.name, item.value, item.note) for item in found]
