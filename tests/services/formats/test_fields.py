from __future__ import annotations

import datetime

import pyarrow as pa
import pytest

from uraniborg.catalog.schema import Column
from uraniborg.services.formats.fields import field_of, fields_of, vo_type, vo_unit, writable


@pytest.mark.parametrize(
    ("arrow", "vo"),
    [(pa.bool_(), ("boolean", "", "")), (pa.int8(), ("short", "", "")), (pa.uint64(), ("long", "", "")),
     (pa.float32(), ("float", "", "")), (pa.string(), ("char", "*", "")),
     (pa.timestamp("us"), ("char", "*", "timestamp")),
     (pa.list_(pa.float64(), 2), ("double", "2", "point")), (pa.list_(pa.float64()), ("double", "*", "")),
     (pa.decimal128(38, 2), ("double", "", ""))],
)  # fmt: skip
def test_every_type_has_a_name_in_votable(arrow: pa.DataType, vo: tuple[str, str, str]) -> None:
    assert vo_type(arrow) == vo


def test_what_the_engine_knows_goes_before_the_metadata() -> None:
    field = pa.field("x", pa.float64(), metadata={"unit": "s", "ucd": "time"})
    assert field_of(field, Column("x", "number", "deg")).unit == "deg"
    assert field_of(field).ucd == "time"
    assert field_of(pa.field("p", pa.list_(pa.float64())), Column("p", "geometry")).xtype == "point"
    assert vo_unit("nJy / s") == "nJy/s"


def test_batches_become_writable() -> None:
    when = datetime.datetime(2026, 1, 2, 3, 4, 5, 600000)
    batch = pa.RecordBatch.from_pydict({"t": [when, None], "u": pa.array([1, 2], pa.uint16()), "b": [b"x", b"y"]})
    out = writable(batch, fields_of(batch.schema))
    assert out.column(0).to_pylist() == ["2026-01-02T03:04:05.600000", None]
    assert out.column(1).type == pa.int32()
    assert out.column(2).type == pa.string()
