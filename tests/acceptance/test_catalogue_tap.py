from __future__ import annotations

import gc
import math
from pathlib import Path

import pytest

from uraniborg.acceptance.catalogue_tap import _measurement, _take, measure_catalogue_tap, suite_size
from uraniborg.core.errors import StoreError
from uraniborg.verify.metrics import Value, load_suite


def test_the_full_form_has_twenty_million_rows_where_the_disk_has_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("URANIBORG_CATALOGUE_ROWS", "3000000")
    assert suite_size(quick=False, folder=tmp_path).rows <= 3_000_000
    assert suite_size(quick=True, folder=tmp_path).rows == 200_000


def test_a_step_that_fails_is_told_where_its_values_would_be() -> None:
    def broken() -> dict[str, Value]:
        raise StoreError("the disk is gone")

    values: dict[str, Value] = {}
    notes: dict[str, str] = {}
    _take(("cone_median",), broken, values, notes)
    metric = next(metric for metric in load_suite("catalogue-tap") if metric.name == "cone_median")
    found = _measurement(metric, values, notes)
    assert math.isnan(found.value)
    assert "the disk is gone" in found.note


@pytest.mark.slow
@pytest.mark.service
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of pyvo
def test_the_quick_form_holds(tmp_path: Path) -> None:
    metrics = [metric for metric in load_suite("catalogue-tap") if metric.quick]
    found = measure_catalogue_tap(metrics, tmp_path, quick=True, jobs=2)
    gc.collect()
    missed = [f"{m.metric.name}: {m.value} {m.note}" for m in found if m.measured and not m.holds]
    unmeasured = {m.metric.name for m in found if not m.measured}
    assert not missed, "\n".join(missed)
    assert unmeasured <= {"taplint_errors", "taplint_warnings", "taplint_failures"}
