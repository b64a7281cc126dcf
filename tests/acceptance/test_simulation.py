from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uraniborg.acceptance.runner import run_suite
from uraniborg.acceptance.simulation import SimulationMeasures, measure_simulation
from uraniborg.verify.metrics import load_suite


def test_every_promise_has_its_measurement(tmp_path: Path) -> None:
    measures = SimulationMeasures(tmp_path, data=tmp_path, quick=True)
    assert {metric.name for metric in load_suite("simulation")} == set(measures.functions)


def test_what_is_shared_is_measured_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = [metric for metric in load_suite("simulation") if metric.name in ("seeing", "ellipticity_correlation")]
    found, measures = measure_simulation(metrics, tmp_path, quick=True, data=tmp_path)
    assert [one.metric.name for one in found] == ["seeing", "ellipticity_correlation"]
    assert measures.shapes() is measures.shapes()
    assert np.isfinite([one.value for one in found]).all()


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_quick_form_holds() -> None:
    result = run_suite("simulation", quick=True)
    assert len(result.measurements) == sum(metric.quick for metric in load_suite("simulation"))
    missed = [f"{one.metric.name}: {one.value} {one.note}" for one in result.measurements if not one.holds]
    assert not missed, "\n".join(missed)
