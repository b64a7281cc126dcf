from __future__ import annotations

import threading
from pathlib import Path

from uraniborg.catalog.pools.process import WorkerProcess, WorkerSetup
from uraniborg.catalog.worker import frames


class _Ear:
    def __init__(self) -> None:
        self.is_ready, self.is_lost, self.ended = threading.Event(), threading.Event(), threading.Event()
        self.said: list[bytes] = []

    def ready(self, worker: WorkerProcess) -> None:
        self.is_ready.set()

    def message(self, worker: WorkerProcess, kind: bytes, body: bytearray) -> None:
        self.said.append(kind)
        if kind in (frames.END, frames.FAULT):
            self.ended.set()

    def lost(self, worker: WorkerProcess) -> None:
        self.is_lost.set()


def test_a_process_answers_and_its_end_is_noticed(tmp_path: Path) -> None:
    ear = _Ear()
    worker = WorkerProcess(WorkerSetup([], tmp_path, "100MB", "1GB", 1, 0), "interactive", ear)
    worker.start()
    assert ear.is_ready.wait(30)
    assert worker.was_ready
    worker.run({"id": "1", "sql": "SELECT 1", "names": ["a"], "rows": None, "bytes": None, "seed": 0.5})
    assert ear.ended.wait(10)
    assert [kind for kind in ear.said if kind != frames.PROGRESS] == [frames.SCHEMA, frames.BATCH, frames.END]
    worker.kill()
    assert ear.is_lost.wait(10)
    worker.run({"id": "2"})
    worker.close()
    assert not list(tmp_path.iterdir())


def test_one_that_does_not_start_says_why(tmp_path: Path) -> None:
    ear = _Ear()
    worker = WorkerProcess(WorkerSetup([], tmp_path, "no memory", "1GB", 1, 0), "interactive", ear)
    worker.start()
    assert ear.is_lost.wait(30)
    assert not worker.was_ready
    assert "memory" in worker.errors
    worker.close()
