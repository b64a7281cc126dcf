from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from astropy.table import Table

from uraniborg.core.errors import UserError
from uraniborg.sim.config import SimConfig
from uraniborg.sim.files import read_table
from uraniborg.sim.work import SURVEY, Unit, begin, do_units, finish, whole_file

CONFIG = SimConfig(name="test")
DONE: list[int] = []


def _count(folder: Path, number: int) -> dict[str, Table]:
    DONE.append(number)
    with whole_file(folder / f"{number}.txt") as path:
        path.write_text(str(number))
    if number == 99:
        raise RuntimeError("killed")
    return {"numbers": Table({"n": [number]}), "empty": Table({"n": [0]})[:0]}


def _die(folder: Path, number: int) -> dict[str, Table]:
    os.kill(os.getpid(), signal.SIGKILL)
    return _count(folder, number)


def _units(root: Path, *numbers: int) -> list[Unit]:
    return [Unit(f"unit-{n}", _count, (root, n), (n,)) for n in numbers]


def test_work_is_done_once_and_tables_are_in_order(tmp_path: Path) -> None:
    DONE.clear()
    assert begin(tmp_path / "new", CONFIG, what="night")
    root = tmp_path / "new"
    do_units(root, _units(root, 3, 1), jobs=1, description="test")
    assert begin(root, CONFIG, what="night")
    units = _units(root, 3, 2, 1)
    do_units(root, units, jobs=1, description="test")
    finish(root, units, CONFIG, what="night")
    assert DONE == [3, 1, 2]
    assert list(read_table(root / "truth" / "numbers.parquet")["n"]) == [1, 2, 3]
    assert len(read_table(root / "truth" / "empty.parquet")) == 0
    assert sorted(path.name for path in root.iterdir()) == ["1.txt", "2.txt", "3.txt", SURVEY, "truth"]
    assert not begin(root, CONFIG, what="night")


def test_what_was_not_finished_is_done_again_and_its_remains_are_removed(tmp_path: Path) -> None:
    begin(tmp_path, CONFIG, what="night")
    with pytest.raises(RuntimeError, match="killed"):
        do_units(tmp_path, _units(tmp_path, 1, 99, 2), jobs=1, description="test")
    (tmp_path / "image.fits.77.part").write_text("half")
    (tmp_path / "truth" / "parts" / "unit-2.77.part").mkdir()
    assert begin(tmp_path, CONFIG, what="night")
    assert not list(tmp_path.rglob("*.part"))
    assert [path.name for path in (tmp_path / "truth" / "parts").iterdir()] == ["unit-1"]


def test_other_folders_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_text("x")
    with pytest.raises(UserError, match="not an empty folder"):
        begin(tmp_path / "a", CONFIG, what="night")
    begin(tmp_path / "b", CONFIG, what="night")
    with pytest.raises(UserError, match="something else than the night of this configuration"):
        begin(tmp_path / "b", CONFIG.model_copy(update={"seed": 3}), what="night")
    with pytest.raises(UserError, match="something else than the calibrations"):
        begin(tmp_path / "b", CONFIG, what="calibrations")


@pytest.mark.slow
def test_a_killed_worker_is_told_with_the_remedy(tmp_path: Path) -> None:
    begin(tmp_path, CONFIG, what="night")
    units = [Unit(f"u{n}", _die, (tmp_path, n), (n,)) for n in range(3)]
    with pytest.raises(UserError, match="run the same command again"):
        do_units(tmp_path, units, jobs=2, description="test")


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


TO_BE_KILLED = """
name: killed
description: A survey to be killed.
sky: {n_transients: 0, n_variables: 0}
camera: {width: 96, height: 64, columns: 2}
observing: {nights: [0.0, 1.0, 2.0], dither: 2.0}
raw: true
electronics: {columns: 2, rows: 1}
calibration: {biases: 10, darks: 2, flat_levels: [1000.0]}
"""


@pytest.mark.slow
def test_a_night_that_is_killed_goes_on_and_gives_the_same_files(tmp_path: Path) -> None:
    config = tmp_path / "killed.yaml"
    config.write_text(TO_BE_KILLED)
    command = [sys.executable, "-m", "uraniborg.cli.main", "sim", "night", "--config", str(config), "--out"]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True)
    kills = 0
    for wanted in (2, 12):
        process = subprocess.Popen([*command, str(tmp_path / "killed"), "-j", "2"], stderr=subprocess.DEVNULL)
        parts = tmp_path / "killed" / "truth" / "parts"
        while process.poll() is None and not (parts.is_dir() and len(os.listdir(parts)) >= wanted):
            time.sleep(0.005)
        kills += process.poll() is None
        process.kill()
        process.wait()
    assert kills == 2
    time.sleep(1.5)  # the workers see that their parent is gone
    done = subprocess.run([*command, str(tmp_path / "killed")], check=True, capture_output=True, text=True)
    assert "exposures" in done.stdout
    assert _digests(tmp_path / "killed") == _digests(tmp_path / "whole")
