"""Answers as text: CSV, TSV and JSON."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import pyarrow as pa
import pyarrow.csv as pcsv

from uraniborg.services.formats.fields import writable
from uraniborg.services.formats.writer import Ending, Writer

__all__ = ("CsvWriter", "JsonWriter", "TsvWriter")


class CsvWriter(Writer):
    """Comma-separated values with one line of names (RFC 4180); missing values are empty."""

    delimiter = ","

    def begin(self) -> bytes:
        """Return the line of names."""
        names = (field.name for field in self.fields)
        quoted = ('"' + name.replace('"', '""') + '"' if set(name) & set('",\t\r\n') else name for name in names)
        return (self.delimiter.join(quoted) + "\n").encode()

    def batch(self, batch: pa.RecordBatch) -> bytes:
        """Return the rows of a batch."""
        sink = io.BytesIO()
        options = pcsv.WriteOptions(include_header=False, delimiter=self.delimiter, quoting_style="needed")
        pcsv.write_csv(_flat(writable(batch, self.fields)), sink, options)
        return sink.getvalue()

    def end(self, ending: Ending) -> Iterator[bytes]:
        """Yield a comment if the answer is not whole: text has no other place for it."""
        if ending.error:
            yield f"# ERROR: {ending.error}\n".encode()


class TsvWriter(CsvWriter):
    """The same with tabs."""

    delimiter = "\t"


def _flat(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a batch with lists as text, numbers between spaces."""
    for i, field in enumerate(batch.schema):
        if pa.types.is_list(field.type) or pa.types.is_fixed_size_list(field.type):
            cells = [None if v is None else " ".join(map(repr, v)) for v in batch.column(i).to_pylist()]
            batch = batch.set_column(i, field.name, pa.array(cells, pa.string()))
    return batch


class JsonWriter(Writer):
    """One object: ``metadata`` of the columns, ``data`` as rows, ``status``; missing values and NaN are null."""

    def begin(self) -> bytes:
        """Return the metadata."""
        self._first = True
        metadata = [{key: value for key, value in asdict(field).items() if value} for field in self.fields]
        return f'{{"metadata": {json.dumps(metadata)},\n"data": ['.encode()

    def batch(self, batch: pa.RecordBatch) -> bytes:
        """Return the rows of a batch."""
        columns = [_json_values(array) for array in writable(batch, self.fields).columns]
        rows = ",\n".join(json.dumps(row, allow_nan=False) for row in zip(*columns, strict=True))
        before = "\n" if self._first else ",\n"
        self._first = self._first and not rows
        return (before + rows).encode() if rows else b""

    def end(self, ending: Ending) -> Iterator[bytes]:
        """Yield the status: OK, OVERFLOW or ERROR."""
        status = "ERROR" if ending.error else "OVERFLOW" if ending.overflow else "OK"
        message = f', "message": {json.dumps(ending.error)}' if ending.error else ""
        yield f'\n],\n"status": "{status}"{message}}}\n'.encode()


def _json_values(array: pa.Array) -> list[Any]:
    values: list[Any] = array.to_pylist()
    if pa.types.is_floating(array.type):
        return [value if value is not None and math.isfinite(value) else None for value in values]
    return values
