"""A catalogue of any size and a real server on it, as the measurements of the suite ``catalogue-tap`` want them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from uraniborg.catalog.measure.patch import write_objects
from uraniborg.catalog.storage import LoadPlan, load
from uraniborg.core.errors import StoreError

__all__ = ("Catalogue", "Server", "make_catalogue", "serving")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A table ``release.Object`` of a patch around (150, 2.2) degrees, 200 000 objects in a square degree.

    Attributes
    ----------
    folder : Path
        Folder that is served.
    files : list of Path
        What was loaded.
    rows : int
        Rows.
    load_seconds, load_cpu : float [s]
        What the load took, wall clock and CPU; margins and index included.
    """

    folder: Path
    files: list[Path] = field(repr=False)
    rows: int
    load_seconds: float
    load_cpu: float

    def cone(self, i: int) -> str:
        """Return the query of one cone of 1 arcmin; every i is another place of the patch."""
        half = 0.45 * (self.rows / 200_000.0) ** 0.5
        ra = 150.0 + half * (2.0 * ((i * 0.6180339887) % 1.0) - 1.0)
        dec = 2.2 + half * (2.0 * ((i * 0.7548776662) % 1.0) - 1.0)
        return (
            "SELECT objectId, coord_ra, coord_dec, r_psfFlux FROM release.Object "
            f"WHERE CONTAINS(POINT(coord_ra, coord_dec), CIRCLE({ra:.6f}, {dec:.6f}, 0.016666667)) = 1"
        )


def make_catalogue(folder: Path, rows: int, *, threads: int) -> Catalogue:
    """Write and load a table of so many rows."""
    files = write_objects(folder / "in", rows)
    root = folder / "hats"
    shutil.rmtree(root, ignore_errors=True)
    start, cpu = time.perf_counter(), time.process_time()
    plan = LoadPlan("Object", ("coord_ra", "coord_dec"), "objectId", margin=5.0)
    load(files, root / "object", plan, threads=threads)
    return Catalogue(root, list(files), rows, time.perf_counter() - start, time.process_time() - cpu)


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    process: subprocess.Popen[str]
    url: str
    tokens: dict[str, str]

    @property
    def pid(self) -> int:
        """Its process."""
        return self.process.pid

    def workers(self) -> list[psutil.Process]:
        """Return the processes that answer queries."""
        return [c for c in psutil.Process(self.pid).children() if "worker" in " ".join(c.cmdline())]

    def memory(self) -> float:
        """Return the largest memory of the server since `forget_memory` [MiB]."""
        found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{self.pid}/status").read_text())
        return int(found[1]) / 1024 if found else float("nan")

    def all_memory(self) -> float:
        """Return the memory of the server and its workers now [MiB], shared pages once."""
        total = 0
        for process in (psutil.Process(self.pid), *self.workers()):
            total += process.memory_full_info().uss
        return total / 2**20

    def forget_memory(self) -> None:
        """Begin to watch the largest memory anew."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")


@contextmanager
def serving(folder: Path, state: Path, *, users: tuple[str, ...] = ("alice", "bob")) -> Iterator[Server]:
    """Start ``uraniborg serve`` on a folder and end it afterwards.

    Raises
    ------
    StoreError
        If it does not start.
    """
    command = [
        sys.executable,
        "-m",
        "uraniborg.cli.main",
        "serve",
        "-b",
        str(folder),
        "--state",
        str(state),
        "--port",
        "0",
    ]
    tokens = {}
    for user in users:
        made = subprocess.run([*command, "--new-user", user], capture_output=True, text=True, check=True)
        tokens[user] = made.stdout.strip()
    state.mkdir(parents=True, exist_ok=True)
    with (state / "log").open("a") as log:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+?(?=/ )", line)
        if not found:
            raise StoreError(f"the server did not start; its log is {state / 'log'}")
        yield Server(process, found[0], tokens)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
