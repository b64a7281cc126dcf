from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner

from uraniborg.acceptance.runner import SuiteResult, combine, default_data, run_suite
from uraniborg.cli.main import cli
from uraniborg.core.errors import UserError
from uraniborg.verify.metrics import Measurement, Metric


def _metric(comparison: str, *bar: float) -> Metric:
    return Metric("m", "something", "", comparison, bar, "row", "how", "both")  # type: ignore[arg-type]


def test_the_worse_of_two_fields_counts() -> None:
    most = _metric("<=", 10.0)
    parts = {"simulated": Measurement(most, 3.0, "a", 1.0), "real": Measurement(most, 12.0, "b", 2.0)}
    found = combine(most, parts)
    assert (found.value, found.holds, found.seconds) == (12.0, False, 3.0)
    assert found.note == "simulated: a; real: b"
    least = _metric(">=", 90.0)
    assert combine(least, {"simulated": Measurement(least, 99.0), "real": Measurement(least, 95.0)}).value == 95.0
    around = _metric("within", 0.9, 1.1)
    assert combine(around, {"simulated": Measurement(around, 0.7), "real": Measurement(around, 1.0)}).value == 0.7


def test_what_one_field_could_not_show_is_not_measured() -> None:
    metric = _metric("<=", 10.0)
    parts = {"simulated": Measurement(metric, 3.0, "a"), "real": Measurement(metric, math.nan, "no star")}
    found = combine(metric, parts)
    assert not found.measured
    assert "no star" in found.note


def test_all_must_hold() -> None:
    metric = _metric("<=", 10.0)
    held, missed = Measurement(metric, 1.0), Measurement(metric, 11.0)
    assert SuiteResult("s", False, (held, held), 1.0).all_hold
    assert not SuiteResult("s", False, (held, missed), 1.0).all_hold
    assert not SuiteResult("s", False, (), 1.0).all_hold


def test_unknown_suite_is_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no suite"):
        run_suite("no-such-suite", work=tmp_path / "work")
    assert not (tmp_path / "work").exists()


def test_data_are_found_by_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("URANIBORG_TESTDATA", str(tmp_path))
    assert default_data() == tmp_path


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_quick_form_of_first_light(tmp_path: Path) -> None:
    """The whole way: simulate, ingest, process, measure, print; real data are left out here on purpose."""
    report = tmp_path / "result.json"
    arguments = [
        "verify",
        "accept",
        "first-light",
        "--quick",
        "--data",
        str(tmp_path),
        "--work",
        str(tmp_path / "work"),
    ]
    result = CliRunner().invoke(cli, [*arguments, "--json", str(report)])
    found = {entry["name"]: entry for entry in json.loads(report.read_text("utf8"))["metrics"]}
    simulated = [entry for name, entry in found.items() if not name.startswith("real")]
    assert [entry["name"] for entry in simulated if not entry["holds"]] == []
    assert all(entry["value"] is None for name, entry in found.items() if name.startswith("real"))
    assert "set URANIBORG_TESTDATA" in found["real_fwhm"]["note"]
    assert "single_frame_seconds" not in found
    assert result.exit_code == 1  # not measured is not held
    assert "not measured" in result.output


@pytest.mark.slow
@pytest.mark.realdata
@pytest.mark.timeout(600)
def test_real_field_holds_its_bars(testdata: Path, tmp_path: Path) -> None:
    from uraniborg.acceptance.runner import REAL_FIELD
    from uraniborg.productions.first_light import process_field, read_field
    from uraniborg.productions.first_light_report import report_run

    result = process_field(read_field(testdata / REAL_FIELD), tmp_path / "repo")
    report = report_run(result, tmp_path / "report")
    assert result.run.ok
    assert not [entry["name"] for entry in report.content["metrics"] if not entry["holds"]]
    assert report.content["complete"] is True
