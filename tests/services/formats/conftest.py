"""Rows with everything that is hard to write."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from uraniborg.services.formats.fields import fields_of
from uraniborg.services.formats.writer import Ending, Writer


@pytest.fixture
def rows() -> pa.Table:
    return pa.table(
        {
            "id": pa.array([1, 2**53 + 1, None], pa.int64()),
            "short": pa.array([-3, None, 7], pa.int16()),
            "x": pa.array([1.5, float("inf"), None], pa.float64()),
            "f": pa.array([0.1, None, -2.5], pa.float32()),
            "text": ['a<b>&"c"', None, "line\nbreak, comma"],
            "ok": pa.array([True, None, False]),
            "last": pa.array(["", "zz", "\x01"]),
        }
    )


@pytest.fixture
def write() -> Callable[..., bytes]:
    def make(kind: type[Writer], table: pa.Table, ending: Ending | None = None, size: int = 2) -> bytes:
        writer = kind(fields_of(table.schema), table.schema, "SELECT 1 < 2")
        try:
            parts = [writer.begin(), *(writer.batch(b) for b in table.to_batches(max_chunksize=size))]
            return b"".join([*parts, *writer.end(ending or Ending())])
        finally:
            writer.close()

    return make
