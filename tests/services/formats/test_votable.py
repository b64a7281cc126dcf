from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from astropy.io import votable
from hypothesis import given, settings
from hypothesis import strategies as st

from uraniborg.services.formats.fields import fields_of
from uraniborg.services.formats.votable import Binary2Writer, TabledataWriter, binary2_rows, error_document
from uraniborg.services.formats.writer import Ending
from uraniborg.services.reading import read_votable


@pytest.mark.parametrize("kind", [Binary2Writer, TabledataWriter])
def test_astropy_reads_the_same_values_and_nulls(kind: type, rows: pa.Table, write: Callable[..., bytes]) -> None:
    out = write(kind, rows, Ending(overflow=True))
    file = votable.parse(io.BytesIO(out), verify="exception")
    table = file.get_first_table().to_table()
    for name in ("id", "short", "x", "f", "ok"):
        values = [None if np.ma.is_masked(v) or v != v else v for v in table[name]]
        assert values == rows[name].to_pylist(), name
    assert table["text"][0] == 'a<b>&"c"'
    infos = [(info.name, info.value) for info in file.resources[0].infos]
    assert ("QUERY_STATUS", "OVERFLOW") in infos
    assert ("QUERY", "SELECT 1 < 2") in infos


@pytest.mark.parametrize("kind", [Binary2Writer, TabledataWriter])
def test_votlint_has_nothing_to_say(kind: type, rows: pa.Table, write: Callable[..., bytes], tmp_path: Path) -> None:
    if shutil.which("stilts") is None:
        pytest.skip("stilts is not installed")
    (tmp_path / "t.vot").write_bytes(write(kind, rows))
    found = subprocess.run(["stilts", "votlint", str(tmp_path / "t.vot")], capture_output=True, text=True, check=False)
    assert found.stdout + found.stderr == ""


_TEXT = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=9)
_ROW = st.tuples(
    st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
    st.one_of(st.none(), _TEXT),
    st.one_of(st.none(), st.floats(allow_nan=False)),
    st.one_of(st.none(), _TEXT),
    st.one_of(st.none(), st.booleans()),
)


@given(st.lists(_ROW, max_size=20))
@settings(max_examples=60, deadline=None)
def test_binary2_of_columns_equals_the_slow_way_row_by_row(data: list[tuple[object, ...]]) -> None:
    kinds = [pa.int64(), pa.string(), pa.float64(), pa.string(), pa.bool_()]
    columns = [pa.array([row[i] for row in data], kind) for i, kind in enumerate(kinds)]
    batch = pa.RecordBatch.from_arrays(columns, names=list("abcde"))
    slow = b""
    for a, b, c, d, e in data:
        mask = "".join("1" if v is None else "0" for v in (a, b, c, d, e)) + "000"
        slow += int(mask, 2).to_bytes(1, "big")
        slow += np.array(a or 0, ">i8").tobytes()
        slow += len(b or "").to_bytes(4, "big") + str(b or "").encode()
        slow += np.array(np.nan if c is None else c, ">f8").tobytes()
        slow += len(d or "").to_bytes(4, "big") + str(d or "").encode()
        slow += b"?" if e is None else b"T" if e else b"F"
    assert binary2_rows(batch) == slow


def test_points_and_text_beyond_ascii(write: Callable[..., bytes]) -> None:
    table = pa.table({"p": pa.array([[1.0, 2.0], None], pa.list_(pa.float64(), 2)), "t": ["é", "ok"]})
    assert fields_of(table.schema)[0].xtype == "point"
    for kind in (Binary2Writer, TabledataWriter):
        read = votable.parse(io.BytesIO(write(kind, table))).get_first_table().to_table()
        assert list(read["p"][0]) == [1.0, 2.0]
    one = write(Binary2Writer, table.select(["t"]))
    assert read_votable(one, most_rows=9)["t"].to_pylist() == ["?", "ok"]


def test_the_error_document_is_a_votable() -> None:
    file = votable.parse(io.BytesIO(error_document("no <such> table & more")))
    assert file.resources[0].infos[0].value == "ERROR"
    assert file.resources[0].infos[0].content == "no <such> table & more"
