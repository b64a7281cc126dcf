from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from uraniborg.catalog.pools.results import PENDING, DiskBudget, ResultBuffer


def _buffer(folder: Path, disk: int, memory: int = 100) -> tuple[ResultBuffer, DiskBudget]:
    budget = DiskBudget(disk)
    return ResultBuffer(folder, memory, budget, lambda: None), budget


def test_pieces_keep_their_order_through_memory_and_file(tmp_path: Path) -> None:
    buffer, budget = _buffer(tmp_path, 10_000)
    pieces = [bytes([i]) * 40 for i in range(20)]
    for piece in pieces[:10]:
        buffer.put(piece)
    assert budget._left < 10_000
    found = [buffer.get() for _ in range(10)]
    for piece in pieces[10:]:
        buffer.put(piece)
    buffer.end()
    while (piece := buffer.get()) is not None:
        found.append(piece)
    assert [bytes(piece) for piece in found] == pieces  # type: ignore[arg-type]
    assert budget._left == 10_000


def test_the_writer_waits_when_all_is_full(tmp_path: Path) -> None:
    buffer, _ = _buffer(tmp_path, 50)
    done = []
    writer = threading.Thread(target=lambda: [(buffer.put(b"x" * 40), done.append(i)) for i in range(10)])
    writer.start()
    time.sleep(0.1)
    assert len(done) < 5
    for _ in range(10):
        assert buffer.get(2.0) == b"x" * 40
    writer.join(5)
    assert len(done) == 10
    assert buffer.get(0.01) is PENDING


def test_what_nobody_reads_is_forgotten(tmp_path: Path) -> None:
    buffer, budget = _buffer(tmp_path, 1000)
    for _ in range(5):
        buffer.put(b"x" * 90)
    assert buffer.restart()
    assert budget._left == 1000
    buffer.put(b"y")
    assert buffer.get() == b"y"
    assert not buffer.restart()
    buffer.drop()
    buffer.put(b"z" * 5000)
    assert buffer.get() is None


def test_an_error_comes_instead_of_the_rest(tmp_path: Path) -> None:
    buffer, _ = _buffer(tmp_path, 0)
    buffer.put(b"x")
    buffer.end(RuntimeError("lost"))
    with pytest.raises(RuntimeError, match="lost"):
        buffer.get()
