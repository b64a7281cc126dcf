from __future__ import annotations

import json
import math

import pytest

from uraniborg.core.errors import AlgorithmError, UserError
from uraniborg.verify.metrics import Measurement, Metric, Value, list_suites, load_suite, measure, summarise


def _metric(comparison: str = "<=", *bar: float, name: str = "m", field: str = "both") -> Metric:
    return Metric(name, "something", "mas", comparison, bar, "row", "how", field)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("comparison", "bar", "value", "holds"),
    [
        ("<=", (40.0,), 40.0, True),
        ("<=", (40.0,), 40.1, False),
        (">=", (90.0,), 90.0, True),
        (">=", (90.0,), 89.9, False),
        ("within", (0.9, 1.1), 1.0, True),
        ("within", (0.9, 1.1), 1.2, False),
        ("within", (0.9, 1.1), 0.8, False),
        ("report", (), 123.0, True),
        ("report", (), math.nan, False),
        ("<=", (40.0,), math.nan, False),
        ("<=", (40.0,), -math.inf, False),
    ],
)
def test_holds(comparison: str, bar: tuple[float, ...], value: float, holds: bool) -> None:
    assert _metric(comparison, *bar).holds(value) is holds


def test_wrong_definitions_are_refused() -> None:
    with pytest.raises(UserError, match="needs 2 number"):
        _metric("within", 1.0)
    with pytest.raises(UserError, match="comparison is '<'"):
        _metric("<", 1.0)
    with pytest.raises(UserError, match="field is 'sky'"):
        _metric("<=", 1.0, field="sky")


def test_bars_in_words() -> None:
    assert _metric("<=", 40.0).bar_text == "<= 40 mas"
    assert _metric("within", 0.9, 1.1).bar_text == "0.9 to 1.1 mas"
    assert _metric("report").bar_text == "reported"


def test_what_data_cannot_tell_is_a_note_and_not_held() -> None:
    with measure(_metric("<=", 40.0)) as recorder:
        raise AlgorithmError("no star", n_stars=0)
    found = recorder.measurement
    assert not found.measured
    assert not found.holds
    assert "no star (n_stars=0)" in found.note


def test_faults_of_the_program_are_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError), measure(_metric("<=", 40.0)) as recorder:
        recorder.value = Value(1 / 0)


def test_measure_keeps_value_note_and_time() -> None:
    with measure(_metric("<=", 40.0)) as recorder:
        recorder.value = Value(12.0, "of 3 stars", {"n": 3})
    found = recorder.measurement
    assert found.holds
    assert (found.value, found.note, found.details["n"]) == (12.0, "of 3 stars", 3)
    assert 0.0 <= found.seconds < 1.0


def test_summary_is_json_and_counts_what_holds() -> None:
    metric = _metric("<=", 40.0)
    some = [Measurement(metric, 12.0), Measurement(metric, 50.0), Measurement(metric, math.nan, "no data")]
    summary = json.loads(json.dumps(summarise(some, suite="s"), allow_nan=False))
    assert (summary["n_metrics"], summary["n_measured"], summary["n_held"]) == (3, 2, 1)
    assert summary["all_hold"] is False
    assert summary["metrics"][2]["value"] is None
    assert summary["metrics"][0]["bar"] == [40.0]
    assert summarise(some[:1])["all_hold"] is True
    assert summarise([])["all_hold"] is False


def test_suites_that_exist_can_be_loaded() -> None:
    assert "first-light" in list_suites()
    for name in list_suites():
        metrics = load_suite(name)
        assert metrics
        for metric in metrics:
            assert metric.description
            assert metric.method
            assert metric.requirement


def test_first_light_has_the_bars_that_were_promised() -> None:
    bars = {metric.name: (metric.comparison, metric.bar) for metric in load_suite("first-light")}
    assert bars["real_astrometry_rms"] == ("<=", (40.0,))
    assert bars["real_zero_point_offset"] == ("<=", (0.10,))
    assert bars["real_zero_point_scatter"] == ("<=", (0.05,))
    assert bars["real_repeatability"] == ("<=", (0.03,))
    assert bars["real_fwhm"] == ("<=", (10.0,))
    assert bars["simulated_flux_bias"] == ("<=", (0.5,))
    assert bars["simulated_pull_width"] == ("within", (0.9, 1.1))
    assert bars["simulated_astrometry_rms"] == ("<=", (10.0,))
    assert bars["simulated_transients_recovered"] == (">=", (90.0,))
    assert bars["simulated_spurious"] == ("<=", (10.0,))
    assert bars["alerts_valid"] == (">=", (100.0,))
    assert bars["alerts_cutout"] == (">=", (30.0,))


def test_unknown_suite_names_those_that_exist() -> None:
    with pytest.raises(UserError, match="first-light"):
        load_suite("no-such-suite")
