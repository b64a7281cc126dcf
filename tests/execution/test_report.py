from __future__ import annotations

import io
import json
import uuid
from pathlib import Path

from rich.console import Console

from uraniborg.execution.report import FailedQuantum, RunReport, print_report


def example(**changes: object) -> RunReport:
    failure = FailedQuantum(
        quantum_id=uuid.UUID(int=7),
        task="measure",
        data_id={"instrument": "DECam", "visit": 42, "detector": 9},
        type_name="uraniborg.core.errors.AlgorithmError",
        message="no stars [x] " + "y" * 600,
        traceback="...",
        blocked=(uuid.UUID(int=8), uuid.UUID(int=9)),
        blocked_tasks={"calibrate": 1, "coadd": 1},
    )
    values = {
        "run": "u/me/1",
        "output": "u/me",
        "n_quanta": 10,
        "succeeded": {"measure": 5},
        "skipped": {"measure": 2},
        "failures": (failure,),
        "quantum_seconds": {"measure": 12.0},
        "quantum_cpu_seconds": {"measure": 6.0},
    }
    return RunReport(**(values | changes))  # type: ignore[arg-type]


def printed(report: RunReport) -> str:
    stream = io.StringIO()
    print_report(report, Console(file=stream, width=150))
    return stream.getvalue()


def test_table_says_what_failed_why_and_what_it_blocked() -> None:
    text = printed(example())
    for words in (
        "measure",
        "visit=42",
        "AlgorithmError: no stars [x]",
        "1 calibrate, 1 coadd",
        "7 of 10 quanta done",
        "1 failed, 2 blocked",
        "2.000",
        "1.000",
    ):
        assert words in text
    assert "y" * 500 not in text


def test_exit_status() -> None:
    assert example().exit_status == 1
    assert example(failures=()).exit_status == 0
    assert example(failures=(), not_reached=1).exit_status == 1
    assert example(interrupted=True).exit_status == 130
    assert "What failed" not in printed(example(failures=()))
    assert "interrupted" in printed(example(interrupted=True, not_reached=3))


def test_json_has_everything(tmp_path: Path) -> None:
    example().write_json(tmp_path / "report.json")
    values = json.loads((tmp_path / "report.json").read_text())
    assert values["failures"][0]["quantum_id"] == str(uuid.UUID(int=7))
    assert values["failures"][0]["blocked"] == [str(uuid.UUID(int=8)), str(uuid.UUID(int=9))]
    assert values["failures"][0]["data_id"] == {"instrument": "DECam", "visit": 42, "detector": 9}
    assert values["n_blocked"] == 2
    assert values["exit_status"] == 1
    assert not values["ok"]
