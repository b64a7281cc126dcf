"""Answers as Parquet and as an Arrow stream, with units and descriptions in the metadata of the fields."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from uraniborg.services.formats.writer import Ending, Writer

__all__ = ("ArrowWriter", "ParquetWriter")

_ROW_GROUP = 131_072


class _Sink:
    """A file that gives away what was written to it."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: object) -> int:
        part = bytes(data)  # type: ignore[call-overload]
        self._parts.append(part)
        return len(part)

    def flush(self) -> None:
        """Do nothing."""

    def close(self) -> None:
        self.closed = True

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _described(writer: Writer) -> pa.Schema:
    """Return the schema with what is known of the columns."""
    fields = []
    for field, vo in zip(writer.schema, writer.fields, strict=True):
        meta = {"unit": vo.unit, "ucd": vo.ucd, "description": vo.description}
        fields.append(field.with_metadata({key: value for key, value in meta.items() if value}))
    return pa.schema(fields)


class ParquetWriter(Writer):
    """Parquet, row group by row group."""

    def begin(self) -> bytes:
        """Return the first bytes of the file."""
        self._sink = _Sink()
        schema = _described(self)
        texts = [f.name for f in schema if pa.types.is_string(f.type) or pa.types.is_boolean(f.type)]
        self._schema = schema
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0
        self._writer = pq.ParquetWriter(
            pa.PythonFile(self._sink, mode="w"), schema, compression="snappy", use_dictionary=texts or False,
            write_statistics=False,
        )  # fmt: skip
        return self._sink.taken()

    def batch(self, batch: pa.RecordBatch) -> bytes:
        """Return a row group, or nothing while one is gathered."""
        self._waiting.append(pa.RecordBatch.from_arrays(batch.columns, schema=self._schema))
        self._rows += batch.num_rows
        return self._flush() if self._rows >= _ROW_GROUP else b""

    def _flush(self) -> bytes:
        if self._waiting:
            self._writer.write_table(pa.Table.from_batches(self._waiting, self._schema))
        self._waiting, self._rows = [], 0
        return self._sink.taken()

    def end(self, ending: Ending) -> Iterator[bytes]:
        """Yield the last rows and the footer; a broken answer has no footer, so that nobody takes it for whole."""
        if ending.error:
            return
        yield self._flush()
        self._writer.add_key_value_metadata({"QUERY_STATUS": "OVERFLOW" if ending.overflow else "OK"})
        self._writer.close()
        yield self._sink.taken()


class ArrowWriter(Writer):
    """Arrow IPC stream."""

    def begin(self) -> bytes:
        """Return the schema."""
        self._sink = _Sink()
        self._schema = _described(self)
        self._writer = pa.ipc.new_stream(pa.PythonFile(self._sink, mode="w"), self._schema)
        return self._sink.taken()

    def batch(self, batch: pa.RecordBatch) -> bytes:
        """Return a batch."""
        self._writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=self._schema))
        return self._sink.taken()

    def end(self, ending: Ending) -> Iterator[bytes]:
        """Yield the mark of the end, with a last empty batch that says whether rows were cut; none after an error."""
        if ending.error:
            return
        if ending.overflow:
            empty = pa.RecordBatch.from_pylist([], schema=self._schema)
            self._writer.write_batch(empty, custom_metadata={"QUERY_STATUS": "OVERFLOW"})
        self._writer.close()
        yield self._sink.taken()
