from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

CHILD = "from uraniborg.execution.nursery import main; main({fd}, {parent})"


def start(parent: int) -> tuple[subprocess.Popen[bytes], Connection]:
    ours, theirs = socket.socketpair()
    with theirs:
        code = CHILD.format(fd=theirs.fileno(), parent=parent)
        process = subprocess.Popen([sys.executable, "-c", code], pass_fds=[theirs.fileno()])
    return process, Connection(ours.detach())


def test_it_tells_why_it_cannot_read_a_graph_and_ends(tmp_path: Path) -> None:
    process, control = start(os.getpid())
    control.send(("load", str(tmp_path / "absent.qg"), "nowhere"))
    word, text = control.recv()
    assert word == "broken"
    assert "absent.qg" in text
    assert process.wait(20) == 0
    control.close()


def test_it_does_not_outlive_whoever_started_it() -> None:
    process, control = start(parent=1)  # not the parent: as if that had died before this process was ready
    assert process.wait(20) == 1
    control.close()


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel tells of the parent's death on Linux only")
def test_it_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = (
        "import os, socket, subprocess, sys, time\n"
        "ours, theirs = socket.socketpair()\n"
        f"child = {CHILD!r}.format(fd=theirs.fileno(), parent=os.getpid())\n"
        "process = subprocess.Popen([sys.executable, '-c', child], pass_fds=[theirs.fileno(), ours.fileno()])\n"
        "print(process.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    status = Path(f"/proc/{pid}/status")
    # The child holds both ends of its connection, so only the signal can end it.
    time.sleep(1.0)
    parent.kill()
    parent.communicate()
    for _ in range(100):
        if not status.exists() or "Z (zombie)" in status.read_text():
            break
        time.sleep(0.05)
    else:
        pytest.fail("the nursery outlived its parent")
