import io
from datetime import timedelta

import fastavro
import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from uraniborg.alerts.packet import table_records
from uraniborg.alerts.rows import encode_long, encode_rows
from uraniborg.alerts.schema import AlertSchema, latest_schema
from uraniborg.core.errors import UserError

SCHEMA = AlertSchema(
    fastavro.parse_schema(
        {
            "type": "record",
            "name": "t.row",
            "fields": [
                {"name": "number", "type": "long"},
                {"name": "small", "type": ["null", "int"], "default": None},
                {"name": "ssObjectId", "type": ["null", "long"], "default": None},
                {"name": "flux", "type": ["null", "float"], "default": None},
                {"name": "ra", "type": "double"},
                {"name": "dec", "type": ["null", "double"], "default": None},
                {"name": "flag", "type": "boolean"},
                {"name": "band", "type": ["null", "string"], "default": None},
                {"name": "absent", "type": ["null", "string"], "default": None},
            ],
        }
    ),
    "1.0",
)
LONG = st.integers(-(2**63), 2**63 - 1)
REAL = st.floats(allow_nan=True, allow_infinity=True)
SINGLE = st.floats(width=32, allow_nan=True, allow_infinity=True)
FINITE = st.floats(allow_nan=False)
TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
ROW = st.tuples(LONG, st.integers(-(2**31), 2**31 - 1), LONG, SINGLE, FINITE, REAL, st.booleans(), TEXT)
NAMES = ("number", "small", "ssObjectId", "flux", "ra", "dec", "flag", "band")
TYPES = (np.int64, np.int32, np.int64, np.float32, float, float, bool, str)


def by_fastavro(record: dict, definition: dict) -> bytes:
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, definition, record)
    return buffer.getvalue()


@settings(max_examples=200, deadline=timedelta(seconds=60))
@given(st.lists(ROW, min_size=1, max_size=6))
def test_rows_are_the_bytes_of_fastavro(rows: list[tuple]) -> None:
    columns = {
        name: np.array([row[k] for row in rows], dtype=kind)
        for k, (name, kind) in enumerate(zip(NAMES, TYPES, strict=True))
    }
    encoded = encode_rows(Table(columns), "row", schema=SCHEMA)
    assert len(encoded) == len(rows)
    for index, record in enumerate(table_records(Table(columns), "row", schema=SCHEMA)):
        assert bytes(encoded.span(index, index + 1)) == by_fastavro(record, SCHEMA.definition)


@given(LONG)
def test_integers_are_those_of_avro(value: int) -> None:
    assert encode_long(value) == by_fastavro(value, fastavro.parse_schema("long"))


def test_rows_of_the_science_data_model(tables) -> None:
    schema = latest_schema()
    definition = next(f["type"] for f in schema.definition["fields"] if f["name"] == "diaSource")
    encoded = encode_rows(tables["history"], "diaSource")
    records = table_records(tables["history"], "diaSource")
    for index, record in enumerate(records):
        found = fastavro.schemaless_reader(io.BytesIO(bytes(encoded.span(index, index + 1))), definition, None)
        assert found == record
    assert bytes(encoded.span(1, 3)) == bytes(encoded.span(1, 2)) + bytes(encoded.span(2, 3))


def test_faults_are_told_together(tables) -> None:
    table = tables["sources"].copy()
    table.remove_columns(["ra", "visit"])
    table["midpointMjdTai"][1] = np.nan
    with pytest.raises(UserError, match="3 fault") as caught:
        encode_rows(table, "diaSource")
    assert "no column 'ra'" in str(caught.value)
    assert "'midpointMjdTai' is missing in 1 of 2" in str(caught.value)
    assert len(encode_rows(tables["sources"][:0], "diaSource")) == 0
