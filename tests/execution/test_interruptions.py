"""Runs that are stopped by Ctrl-C or killed, and continued."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lsst.daf.butler import Butler

from uraniborg.testing.registries import leave_half_written


def alive(marker: str) -> list[str]:
    """Command lines of living processes of pools whose lock or graph lies under ``marker``."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                environment = (entry / "environ").read_bytes()
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if marker.encode() in environment:
                found.append(command)
    return found


def start(tiny: Any, extra: str, more: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    environment = os.environ | {"URANIBORG_TEST_MARK": str(tiny.folder)}
    arguments = tiny.arguments(extra, ["-j", "2", *more])
    return subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_leaves_no_orphans_registers_what_finished_and_can_be_continued(tiny: Any) -> None:
    extra = "delay: 0.4"
    process = start(tiny, extra)
    top = Path(tiny.repo) / "u"
    wait_for(lambda: len(list(top.rglob("two_metadata*.json"))) >= 2)
    os.kill(process.pid, signal.SIGINT)
    errors = process.communicate(timeout=60)[1]
    assert process.returncode == 130, errors
    assert "interrupted" in errors
    assert not alive(str(tiny.folder))
    (run,) = {f"u/tiny/{path.name}" for path in (top / "tiny").iterdir()}
    assert tiny.files(run) == tiny.registered_files(run)
    assert 1 <= len(tiny.values("two_metadata", run)) < 6  # the second may not have been told in time
    resumed = tiny.run(extra, jobs=2, resume=True)
    assert resumed.ok
    assert resumed.skipped["two"] >= 1
    tiny.check_complete(run)


def test_a_registry_left_half_written_is_mended_by_whoever_continues(tiny: Any) -> None:
    first = tiny.run()
    leave_half_written(Path(tiny.repo) / "gen3.sqlite3")
    resumed = tiny.run(resume=True)
    assert resumed.ok
    assert resumed.run == first.run
    tiny.check_complete(resumed.run)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(
    "moment",
    ["run_graph*.qg", "one_log*.json", "two_metadata*.json", "tiny_sum*.yaml"],
)
def test_kill_of_the_main_process_at_any_moment_can_be_continued(tiny: Any, moment: str) -> None:
    extra = "delay: 0.05"
    process = start(tiny, extra)
    wait_for(lambda: any((Path(tiny.repo) / "u").rglob(moment)))
    process.kill()
    process.communicate(timeout=60)
    # At once, with workers of the killed run perhaps still dying.
    resumed = tiny.run(extra, jobs=2, resume=True)
    assert resumed.ok
    assert not [command for command in alive(str(tiny.folder)) if "nursery" in command]
    tiny.check_complete(resumed.run)
    with Butler.from_config(tiny.repo) as butler:
        runs = [name for name in butler.collections.get_info("u/tiny").children if name != "tiny/raw"]
    assert runs == [resumed.run]
