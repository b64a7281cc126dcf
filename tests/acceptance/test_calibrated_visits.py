from __future__ import annotations

from pathlib import Path

import pytest

from uraniborg.acceptance.calibrated_visits import CalibratedVisits
from uraniborg.acceptance.runner import run_suite
from uraniborg.verify.metrics import load_suite


def test_every_promise_has_its_measurement() -> None:
    for metric in load_suite("calibrated-visits"):
        assert callable(getattr(CalibratedVisits, metric.name))


@pytest.mark.slow
def test_the_quick_form_holds(tmp_path: Path) -> None:
    result = run_suite("calibrated-visits", quick=True, data=tmp_path)
    missed = [f"{m.metric.name}: {m.value} {m.note}" for m in result.measurements if m.measured and not m.holds]
    assert not missed, "\n".join(missed)
    measured = {m.metric.name for m in result.measurements if m.measured}
    assert {"sky_bias", "dimples", "noise_rate", "crowded_completeness", "flux_bias", "matching"} <= measured
