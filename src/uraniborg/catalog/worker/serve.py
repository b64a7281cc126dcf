"""A worker process: runs one SQL query at a time in DuckDB and sends the answer as Arrow batches.

It is started by `uraniborg.catalog.pools.process`, can read the folders that it is given and nothing else, and ends
when its parent does.
"""

from __future__ import annotations

import json
import os
import queue
import select
import socket
import sys
import threading
from typing import Any

import duckdb
import pyarrow as pa

from uraniborg.catalog.worker import frames

__all__ = ("Worker", "fault_of", "main", "stored_types")

_BATCH_ROWS = 32_768
_TICK = 0.2


def stored_types(schema: pa.Schema, names: list[str]) -> pa.Schema:
    """Return the schema of an answer: sums (decimals) as 64-bit integers, other decimals as doubles, plain texts."""
    fields = []
    for field, name in zip(schema, names, strict=True):
        type_ = field.type
        if pa.types.is_decimal(type_):
            type_ = pa.int64() if type_.scale == 0 else pa.float64()
        elif pa.types.is_string_view(type_) or pa.types.is_large_string(type_):
            type_ = pa.string()
        elif pa.types.is_null(type_):
            type_ = pa.int32()
        fields.append(pa.field(name, type_))
    return pa.schema(fields)


def fault_of(error: Exception) -> tuple[str, str]:
    """Return what kind of fault an error of the engine is, and its first line.

    Kinds are ``stopped``, ``query`` (the query cannot be answered with these data), ``memory`` and ``engine``.
    """
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    starts = {
        "stopped": ("INTERRUPT",),
        "query": ("Binder Error", "Conversion Error", "Out of Range Error", "Invalid Input Error"),
        "memory": ("Out of Memory Error", "Failed to offload"),
    }
    if isinstance(error, pa.ArrowInvalid):
        return "query", f"{text}; write SUM(CAST(column AS DOUBLE PRECISION))"
    kind = next((kind for kind, begins in starts.items() if text.startswith(begins)), "engine")
    return kind, text


class Worker:
    """One connection and one channel to the parent.

    Parameters
    ----------
    channel : socket
        Where requests come from and answers go to.
    setup : dict
        Settings of DuckDB under ``config``, readable folders under ``folders``.
    """

    def __init__(self, channel: socket.socket, setup: dict[str, Any]) -> None:
        self._channel = channel
        self._sending = threading.Lock()
        self._requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._running: str | None = None
        self._stopped: set[str] = set()
        database = duckdb.connect(":memory:", config=setup["config"])
        self._connection = database.cursor()
        folders = ", ".join("'" + folder.replace("'", "''") + "'" for folder in setup["folders"])
        for setting in (
            f"allowed_directories = [{folders}]",
            "enable_external_access = false",
            "parquet_metadata_cache = true",
            "enable_progress_bar = true",
            "enable_progress_bar_print = false",
            "progress_bar_time = 0",
            "lock_configuration = true",
        ):
            self._connection.execute(f"SET {setting}")

    def serve(self) -> None:
        """Answer until the parent is gone."""
        threading.Thread(target=self._answer_all, daemon=True).start()
        frames.send(self._channel, frames.READY, {"pid": os.getpid()})
        while True:
            if self._running is None or select.select([self._channel], [], [], _TICK)[0]:
                frame = frames.receive(self._channel)
                if frame is None:
                    return
                message = frames.words(frame[1])
                if frame[0] == frames.RUN:
                    self._running = message["id"]
                    self._requests.put(message)
                else:
                    self._stopped.add(message["id"])
            if self._running in self._stopped:
                self._connection.interrupt()
            self._tell_progress()

    def _tell_progress(self) -> None:
        # never wait here: the channel may be full because the parent does not read, and a stop must still get through
        if self._running is not None and self._sending.acquire(blocking=False):
            try:
                if self._running is not None and select.select([], [self._channel], [], 0)[1]:
                    done = self._connection.query_progress()
                    frames.send(self._channel, frames.PROGRESS, {"fraction": max(0.0, done) / 100})
            finally:
                self._sending.release()

    def _send(self, kind: bytes, body: Any) -> None:
        with self._sending:
            frames.send(self._channel, kind, body)

    def _answer_all(self) -> None:
        try:
            while True:
                request = self._requests.get()
                try:
                    end = self._answer(request)
                    kind, body = frames.END, end
                except (duckdb.Error, OSError, pa.ArrowException, RuntimeError) as error:
                    if isinstance(error, BrokenPipeError):
                        raise
                    fault, text = fault_of(error)
                    kind, body = frames.FAULT, {"kind": fault, "text": text}
                with self._sending:
                    self._running = None
                    self._stopped.discard(request["id"])
                    frames.send(self._channel, kind, body)
        finally:
            os._exit(1)

    def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        most, most_bytes = request["rows"], request["bytes"]
        if request["seed"] is not None:
            self._connection.execute(f"SELECT setseed({float(request['seed'])!r})").fetchall()
        reader = self._connection.sql(request["sql"]).to_arrow_reader(_BATCH_ROWS)
        schema = stored_types(reader.schema, request["names"])
        self._send(frames.SCHEMA, schema.serialize())
        rows = size = 0
        for batch in reader:
            if request["id"] in self._stopped:
                raise OSError("INTERRUPT Error: stopped")
            if most is not None and rows + batch.num_rows > most:
                batch = batch.slice(0, most - rows)
                rows += batch.num_rows
                self._send_batch(batch, schema)
                return {"rows": rows, "overflow": True}
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if most_bytes is not None and size > most_bytes:
                raise OSError(f"Out of Memory Error: the answer is larger than {most_bytes} bytes")
            self._send_batch(batch, schema)
        return {"rows": rows, "overflow": False}

    def _send_batch(self, batch: pa.RecordBatch, schema: pa.Schema) -> None:
        if batch.num_rows:
            columns = [
                column if column.type == field.type else column.cast(field.type)
                for column, field in zip(batch.columns, schema, strict=True)
            ]
            self._send(frames.BATCH, pa.RecordBatch.from_arrays(columns, schema=schema).serialize())


def main(arguments: list[str]) -> None:
    """Serve on the socket whose number is the first argument; the settings are JSON in the second."""
    setup = json.loads(arguments[1])
    if setup["nice"]:
        os.nice(setup["nice"])
    pa.set_cpu_count(1)
    Worker(socket.socket(fileno=int(arguments[0])), setup).serve()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
