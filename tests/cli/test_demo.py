from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from uraniborg.cli.demo import demo
from uraniborg.core.errors import UserError
from uraniborg.productions.first_light import FirstLight


@pytest.mark.slow
def test_demo_continues_what_is_there_and_ends_with_a_table(mini_run: FirstLight, mini_folder: Path) -> None:
    assert mini_run.run.ok
    result = CliRunner().invoke(demo, ["--survey", "mini", "--out", str(mini_folder), "--jobs", "1"])
    assert result.exit_code == 0, result.output
    assert "promises hold; the run is complete" in result.stdout
    assert (mini_folder / "mini" / "report.html").is_file()
    assert (mini_folder / "mini" / "summary.json").is_file()


def test_a_folder_without_exposures_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(demo, ["--data", str(tmp_path), "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, UserError)
    assert "no exposures" in str(result.exception)
    assert not (tmp_path / "out").exists()
