from __future__ import annotations

from pathlib import Path

import pytest

from uraniborg.acceptance.calib_build import CALIBRATION_MEASURES, measure_calibration_metrics, measure_rendezvous
from uraniborg.verify.metrics import load_suite


def test_every_measure_is_in_the_suite() -> None:
    assert set(CALIBRATION_MEASURES) <= {metric.name for metric in load_suite("isr-calib")}


@pytest.mark.slow
def test_any_time_gets_the_right_calibration(tmp_path: Path) -> None:
    assert measure_rendezvous(tmp_path, questions=500).value == 100.0


def test_the_projector_holds_its_bar(tmp_path: Path) -> None:
    metrics = [metric for metric in load_suite("isr-calib") if metric.name == "projector_round_trip"]
    (found,) = measure_calibration_metrics(metrics, tmp_path)
    assert found.holds
    assert found.value < 1e-6
