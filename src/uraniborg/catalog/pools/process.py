"""The parent's side of a worker process: start it, give it a query, stop it, and notice its end."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from uraniborg.catalog.worker import frames

__all__ = ("Listener", "WorkerProcess", "WorkerSetup")


@dataclass(frozen=True, slots=True)
class WorkerSetup:
    """What a worker may use.

    Parameters
    ----------
    folders : sequence of str
        Folders that it can read.
    scratch : Path
        Folder for what does not fit into its memory.
    memory, spill : str
        Most memory and disk.
    threads : int
        Threads of a query.
    nice : int
        How much it gives way to others.
    """

    folders: Sequence[str]
    scratch: Path
    memory: str
    spill: str
    threads: int
    nice: int


class Listener(Protocol):
    """Who is told what a worker says; all calls come from one thread of the worker."""

    def ready(self, worker: WorkerProcess) -> None:
        """It can take a query."""

    def message(self, worker: WorkerProcess, kind: bytes, body: bytearray) -> None:
        """It says something about its query."""

    def lost(self, worker: WorkerProcess) -> None:
        """It is dead."""


class WorkerProcess:
    """One process.

    Parameters
    ----------
    setup : WorkerSetup
        What it may use.
    pool : str
        Whose it is.
    listener : Listener
        Who is told.

    Attributes
    ----------
    was_ready : bool
        Whether it has started well.
    errors : str
        The last that it wrote to its standard error, once it is dead.
    """

    def __init__(self, setup: WorkerSetup, pool: str, listener: Listener) -> None:
        self.pool = pool
        self.was_ready = False
        self.errors = ""
        self._listener = listener
        self._spill = tempfile.mkdtemp(dir=setup.scratch, prefix="spill-")
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        here, there = socket.socketpair()
        for end in (here, there):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        config = {
            "threads": setup.threads,
            "memory_limit": setup.memory,
            "temp_directory": self._spill,
            "max_temp_directory_size": setup.spill,
        }
        told = {"config": config, "folders": list(setup.folders), "nice": setup.nice}
        command = [sys.executable, "-m", "uraniborg.catalog.worker.serve", str(there.fileno()), json.dumps(told)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self._process = subprocess.Popen(
            command, pass_fds=[there.fileno()], env=environment, stdin=subprocess.DEVNULL, stderr=self._errors
        )
        there.close()
        self._channel = here
        self._sending = threading.Lock()
        self._thread = threading.Thread(target=self._listen, daemon=True, name=f"query-worker-{self.pid}")

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def run(self, request: dict[str, Any]) -> None:
        """Give it a query; a dead worker is noticed by the one who listens."""
        self._send(frames.RUN, request)

    def cancel(self, id_: str) -> None:
        """Ask it to stop a query."""
        self._send(frames.CANCEL, {"id": id_})

    def _send(self, kind: bytes, body: dict[str, Any]) -> None:
        try:
            with self._sending:
                frames.send(self._channel, kind, body)
        except OSError:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        if self._process.poll() is None:
            self._process.kill()

    def _last_words(self) -> str:
        with self._errors:
            self._errors.seek(max(0, self._errors.seek(0, os.SEEK_END) - 2000))
            return self._errors.read().decode(errors="replace").strip()

    def _listen(self) -> None:
        while (frame := frames.receive(self._channel)) is not None:
            if frame[0] == frames.READY:
                self.was_ready = True
                self._listener.ready(self)
            else:
                self._listener.message(self, *frame)
        self.kill()
        self._process.wait()
        self._channel.close()
        shutil.rmtree(self._spill, ignore_errors=True)
        self.errors = self._last_words()
        self._listener.lost(self)

    def close(self) -> None:
        """End it and wait until all is cleaned up."""
        self.kill()
        if self._thread.is_alive() and threading.current_thread() is not self._thread:
            self._thread.join(10)
