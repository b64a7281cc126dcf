from __future__ import annotations

import socket
import threading
from typing import Any

import pyarrow as pa
import pytest

from uraniborg.catalog.worker import frames
from uraniborg.catalog.worker.serve import Worker, fault_of, stored_types


def test_types_of_answers_are_plain() -> None:
    exact, cut = pa.decimal128(38, 0), pa.decimal128(5, 2)
    given = pa.schema([("a", exact), ("b", cut), ("c", pa.string_view()), ("d", pa.null())])
    want = pa.schema([("w", pa.int64()), ("x", pa.float64()), ("y", pa.string()), ("z", pa.int32())])
    assert stored_types(given, ["w", "x", "y", "z"]).equals(want)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("INTERRUPT Error: Interrupted!", "stopped"),
        ("Conversion Error: Could not convert", "query"),
        ("Out of Memory Error: no", "memory"),
        ("IO Error: disk", "engine"),
    ],
)
def test_faults_have_kinds(text: str, kind: str) -> None:
    assert fault_of(OSError(f"{text}\nmore"))[0] == kind
    assert fault_of(OSError(text))[1] == text
    assert fault_of(pa.ArrowInvalid("x"))[0] == "query"


@pytest.fixture
def channel() -> Any:
    here, there = socket.socketpair()
    worker = Worker(there, {"config": {"threads": 1, "memory_limit": "200MB"}, "folders": []})
    thread = threading.Thread(target=worker.serve, daemon=True)
    thread.start()
    ready = frames.receive(here)
    assert ready is not None
    assert ready[0] == frames.READY
    yield here
    here.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    here.close()
    there.close()


def _ask(channel: socket.socket, sql: str, names: list[str], **limits: Any) -> tuple[list[Any], dict[str, Any]]:
    request = {"id": "1", "sql": sql, "names": names, "rows": None, "bytes": None, "seed": None} | limits
    frames.send(channel, frames.RUN, request)
    schema, rows = None, []
    while True:
        frame = frames.receive(channel)
        assert frame is not None
        if frame[0] == frames.SCHEMA:
            schema = pa.ipc.read_schema(pa.py_buffer(bytes(frame[1])))
        elif frame[0] == frames.BATCH:
            rows += pa.ipc.read_record_batch(pa.py_buffer(frame[1]), schema).to_pylist()
        elif frame[0] in (frames.END, frames.FAULT):
            return rows, frames.words(frame[1])


def test_answers_limits_and_faults(channel: socket.socket) -> None:
    assert _ask(channel, "SELECT SUM(range) FROM range(10)", ["s"]) == ([{"s": 45}], {"rows": 1, "overflow": False})
    rows, end = _ask(channel, "SELECT range AS r FROM range(100000)", ["r"], rows=40_000)
    assert (len(rows), rows[-1], end) == (40_000, {"r": 39_999}, {"rows": 40_000, "overflow": True})
    assert _ask(channel, "SELECT range FROM range(100000)", ["r"], bytes=1000)[1]["kind"] == "memory"
    assert _ask(channel, "SELECT CAST('a' || range AS INTEGER) FROM range(3)", ["r"])[1]["kind"] == "query"
    assert _ask(channel, "SELECT * FROM read_csv('/etc/passwd')", ["r"])[1]["kind"] == "engine"
    huge = f"SELECT SUM(CAST({2**62} AS HUGEINT)) FROM range(10)"
    assert _ask(channel, huge, ["s"])[1]["text"].endswith("write SUM(CAST(column AS DOUBLE PRECISION))")
