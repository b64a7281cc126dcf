from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Column, MaskedColumn, QTable, Table
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps
from lsst.daf.butler.formatters.parquet import arrow_to_astropy

from uraniborg.archive.formatters.tables import table_from_arrow, table_to_arrow
from uraniborg.core.errors import UserError
from uraniborg.testing.datasets import assert_tables_identical, make_table

_DTYPES = st.sampled_from(["?", "i1", "u2", "i4", "u8", "f4", "f8", "U5", "S3"])
_CELLS = nps.array_shapes(min_dims=0, max_dims=2, min_side=1, max_side=3)


@st.composite
def _columns(draw: st.DrawFn) -> Column:
    dtype = np.dtype(draw(_DTYPES))
    text = st.characters(codec="utf-8", exclude_characters="\x00")
    elements = {"U": st.text(text, max_size=5), "S": st.binary(max_size=3).map(lambda b: b.rstrip(b"\x00"))}
    values = draw(nps.arrays(dtype, (draw(st.integers(0, 4)), *draw(_CELLS)), elements=elements.get(dtype.kind)))
    if draw(st.booleans()):
        return MaskedColumn(values, name="x", mask=draw(nps.arrays("?", values.shape)), unit=draw(_units()))
    return Column(values, name="x", unit=draw(_units()), description=draw(st.sampled_from([None, "What it is."])))


def _units() -> st.SearchStrategy[str | None]:
    return st.sampled_from([None, "nJy", "deg", "mas / yr", "pix2"])


@settings(max_examples=150, deadline=None)
@given(_columns())
def test_any_column_comes_back(column: Column) -> None:
    table = Table([column], meta={"n": 1})
    assert_tables_identical(table, table_from_arrow(table_to_arrow(table)))


def test_everything_comes_back_from_a_file(tmp_path) -> None:
    table = make_table()
    pq.write_table(table_to_arrow(table), tmp_path / "t.parquet")
    assert_tables_identical(table, table_from_arrow(pq.read_table(tmp_path / "t.parquet")))


def test_columns_are_writeable_and_inputs_stay(tmp_path) -> None:
    table = make_table()
    for name in table.colnames:
        np.ma.getdata(table[name].data).flags.writeable = False
    found = table_from_arrow(table_to_arrow(table))
    found["coord_ra"][:] = 0
    found["moments"][:] = 0
    assert table["coord_ra"].min() > 0


def test_big_endian_columns_of_fits_files() -> None:
    table = Table({"x": np.arange(5, dtype=">f4"), "y": np.arange(10, dtype=">i2").reshape(5, 2)})
    found = table_from_arrow(table_to_arrow(table))
    np.testing.assert_array_equal(found["x"], table["x"])
    np.testing.assert_array_equal(found["y"], table["y"])
    assert found["x"].dtype.isnative


def test_daf_butler_reads_what_we_write() -> None:
    table = make_table()
    found = arrow_to_astropy(table_to_arrow(table))
    assert found.meta == table.meta
    for name in table.colnames:
        assert found[name].unit == table[name].unit
        assert found[name].dtype == table[name].dtype
        assert found[name].shape == table[name].shape


def test_tables_of_other_programs_are_read() -> None:
    arrow = pa.table({"id": [1, None, 3], "name": ["a", None, "long"], "flux": [1.0, None, 3.0]})
    found = table_from_arrow(arrow)
    assert found["id"].dtype == np.int64
    assert list(found["id"].mask) == [False, True, False]
    assert list(found["name"].filled("?")) == ["a", "?", "long"]
    assert found["flux"][2] == 3.0


def test_all_unfit_columns_are_named_at_once() -> None:
    table = Table({"good": [1], "z": np.array([1j])})
    table["when"] = Time([51544.0], format="mjd")
    table["what"] = Column([{"a": 1}], dtype=object)
    table["hollow"] = np.zeros((1, 0))
    with pytest.raises(UserError, match="4 fault") as caught:
        table_to_arrow(table)
    assert all(name in str(caught.value) for name in ("'z'", "'hollow'", "'when'", "'what'"))
    with pytest.raises(UserError, match="Quantity"):
        table_to_arrow(QTable({"q": np.arange(2.0)}, units={"q": "nJy"}))
