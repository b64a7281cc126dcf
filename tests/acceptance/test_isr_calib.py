from __future__ import annotations

import pytest

from uraniborg.acceptance.isr_calib import ISR_MEASURES, measure_isr_metrics
from uraniborg.verify.metrics import load_suite

FAST = ("brighter_fatter_removed", "charge_transfer_left", "crosstalk_left", "ghost_unmasked")


def test_every_measure_is_a_promise_of_the_suite() -> None:
    assert set(ISR_MEASURES) <= {metric.name for metric in load_suite("isr-calib")}


def test_quick_measures_hold() -> None:
    chosen = [metric for metric in load_suite("isr-calib") if metric.name in FAST]
    found = measure_isr_metrics(chosen, quick=True)
    assert [item.metric.name for item in found] == [metric.name for metric in chosen]
    assert all(item.holds for item in found), [(item.metric.name, item.value) for item in found]


@pytest.mark.slow
def test_all_quick_promises_hold() -> None:
    chosen = [metric for metric in load_suite("isr-calib") if metric.quick and metric.name in ISR_MEASURES]
    found = measure_isr_metrics(chosen, quick=True)
    assert all(item.holds for item in found), [(item.metric.name, item.value) for item in found if not item.holds]
