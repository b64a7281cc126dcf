from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from uraniborg.cli.run import run
from uraniborg.core.errors import UserError
from uraniborg.execution.tiny_repo import make_tiny_repo, write_tiny_pipeline


def test_run_and_resume(tmp_path: Path) -> None:
    repo = make_tiny_repo(tmp_path / "repo", n_exposures=1, n_detectors=2)
    extra = f"detectors: [1]\ncure: {tmp_path / 'cure'}"
    pipeline = write_tiny_pipeline(tmp_path / "tiny.yaml", extra=extra)
    report = tmp_path / "report.json"
    arguments = [pipeline, "-b", repo, "-i", "tiny/raw", "-o", "u/cli", "-d", "instrument='Tiny'"]
    arguments += ["-c", "one:increment=2", "--report", str(report)]
    done = CliRunner().invoke(run, arguments)
    assert done.exit_code == 1, done.output
    assert "What failed" in done.stderr
    assert "trouble was asked for at n=103" in done.stderr
    assert json.loads(report.read_text())["n_blocked"] == 1
    (tmp_path / "cure").touch()
    done = CliRunner().invoke(run, [*arguments, "--resume", "-j", "2"])
    assert done.exit_code == 0, done.output
    assert json.loads(report.read_text())["skipped"] == {"one": 2, "two": 1}


def test_wrong_use_raises_one_error_for_the_entry_point_to_print(tmp_path: Path) -> None:
    repo = make_tiny_repo(tmp_path / "repo", n_exposures=1, n_detectors=1)
    done = CliRunner().invoke(run, [str(tmp_path / "absent.yaml"), "-b", repo, "-i", "tiny/raw", "-o", "u/cli"])
    assert isinstance(done.exception, UserError)
    assert "absent.yaml" in str(done.exception)
    assert CliRunner().invoke(run, ["x.yaml"]).exit_code == 2
