from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

from uraniborg.services.formats.columnar import ArrowWriter, ParquetWriter
from uraniborg.services.formats.writer import Ending


def test_parquet_and_arrow_read_back_with_units(rows: pa.Table, write: Callable[..., bytes]) -> None:
    schema = rows.schema.set(2, pa.field("x", pa.float64(), metadata={"unit": "deg"}))
    rows = rows.cast(schema)
    parquet = pq.ParquetFile(pa.BufferReader(write(ParquetWriter, rows, Ending(overflow=True))))
    assert parquet.read().equals(rows)
    assert parquet.schema_arrow.field("x").metadata[b"unit"] == b"deg"
    assert parquet.metadata.metadata[b"QUERY_STATUS"] == b"OVERFLOW"
    with pa.ipc.open_stream(write(ArrowWriter, rows, Ending(overflow=True))) as reader:
        parts = list(reader.iter_batches_with_custom_metadata())
    assert pa.Table.from_batches([p.batch for p in parts]).equals(rows)
    assert parts[-1].custom_metadata[b"QUERY_STATUS"] == b"OVERFLOW"
