from __future__ import annotations

from pathlib import Path

import pytest

from uraniborg.archive.repository import create_repository
from uraniborg.core.errors import UserError
from uraniborg.productions.calib import CalibrationBuild, Outcome
from uraniborg.productions.calib_report import describe_build, find_instrument
from uraniborg.verify.calib import Check


def test_the_table_names_the_number_that_failed() -> None:
    checks = (
        Check("bias.mean", 1.0, "<= 5 sigma", "mean", True),
        Check("bias.growth", 0.05, "<= 0.025", "growth", False),
    )
    outcomes = [
        Outcome(
            "bias", {"instrument": "SimCam", "detector": 3}, "refused", checks, "bias.growth is 0.05, asked <= 0.025"
        ),
        Outcome("dark", {}, "kept"),
    ]
    text = describe_build(CalibrationBuild("SimCam", "SimCam/calib", outcomes, {"bias": 2.0}))
    failed = [line for line in text.splitlines() if "FAIL" in line]
    assert len(failed) == 1
    assert "bias.growth" in failed[0]
    assert text.splitlines()[-1] == "1 kept, 1 refused in SimCam/calib, 2.0 s"


def test_a_repository_without_instruments_says_so(tmp_path: Path) -> None:
    create_repository(tmp_path / "repo").close()
    with pytest.raises(UserError, match="no instruments"):
        find_instrument(tmp_path / "repo", None)
