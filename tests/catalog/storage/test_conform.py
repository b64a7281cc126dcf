from __future__ import annotations

import pyarrow as pa
import pytest

from uraniborg.catalog.storage.conform import conform_batch
from uraniborg.core.errors import UserError
from uraniborg.model.tables import declared_columns, declared_tables

NAME = next(n for n in sorted(declared_tables()) if any(str(c.unit) == "nJy" for c in declared_columns(n).values()))


def _batch() -> pa.Table:
    columns = {}
    for name, column in declared_columns(NAME).items():
        columns[name] = pa.array(["a"] if column.dtype.kind == "U" else [True] if column.dtype.kind == "b" else [1])
    return pa.table(columns)


def test_units_convert_and_types_are_as_declared() -> None:
    name = next(n for n, c in declared_columns(NAME).items() if str(c.unit) == "nJy")
    batch = _batch()
    place = batch.column_names.index(name)
    field = pa.field(name, pa.float64(), metadata={"unit": "uJy"})
    batch = batch.set_column(place, field, pa.array([2.0]))
    result = conform_batch(batch, NAME, origin="x")
    assert result[name].to_pylist() == [2000.0]
    assert result.schema.field(name).metadata[b"unit"] == b"nJy"
    assert result.column_names == list(declared_columns(NAME))


def test_all_faults_are_reported_at_once() -> None:
    batch = _batch()
    first = batch.column_names[0]
    batch = batch.drop_columns([first]).append_column("extra", pa.array([1]))
    with pytest.raises(UserError, match="2 fault") as caught:
        conform_batch(batch, NAME, origin="x")
    assert first in str(caught.value)
    assert "extra" in str(caught.value)


def test_without_declaration_nothing_changes() -> None:
    assert conform_batch(_batch(), None, origin="x").equals(_batch())
