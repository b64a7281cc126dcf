from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from uraniborg.acceptance import runner
from uraniborg.cli.main import cli
from uraniborg.core.errors import UserError
from uraniborg.verify.metrics import Measurement, load_suite


def test_suites_and_their_promises_are_listed() -> None:
    suites = CliRunner().invoke(cli, ["verify", "list"])
    assert suites.exit_code == 0
    assert "\nfirst-light  First light, from reduced pixels to alert packets\n" in suites.output
    promises = CliRunner().invoke(cli, ["verify", "list", "first-light"])
    assert "real_astrometry_rms" in promises.output
    assert "<= 40 mas" in promises.output


def test_an_unknown_suite_is_a_user_error() -> None:
    result = CliRunner().invoke(cli, ["verify", "accept", "no-such-suite"])
    assert isinstance(result.exception, UserError)


@pytest.mark.parametrize(
    ("value", "status", "word"), [(12.0, 0, "holds"), (99.0, 1, "missed"), (float("nan"), 1, "not measured")]
)
def test_table_json_and_exit_status(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, value: float, status: int, word: str
) -> None:
    """How results are shown does not depend on how they were made, so they are given here."""
    metric = load_suite("first-light")[0]
    given = runner.SuiteResult("first-light", False, (Measurement(metric, value, "of 9 exposures", 2.5),), 60.0)
    monkeypatch.setattr(runner, "run_suite", lambda *arguments, **options: given)
    path = tmp_path / "result.json"
    result = CliRunner().invoke(cli, ["verify", "accept", "first-light", "--json", str(path)])
    assert result.exit_code == status
    assert word in result.output
    assert "of 9 exposures" in result.output
    assert "<= 40 mas" in result.output
    content = json.loads(path.read_text("utf8"))
    assert content["all_hold"] is (status == 0)
    assert content["metrics"][0]["bar"] == [40.0]
