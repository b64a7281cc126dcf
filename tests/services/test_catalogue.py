from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from uraniborg.core.errors import UserError
from uraniborg.services.catalogue import find_tables, tap_schema_tables, write_tap_schema


def test_tables_of_a_folder_without_margins_and_indices(catalogue: Path) -> None:
    star, visit = find_tables(catalogue, "sky")
    assert (star.full_name, star.rows, star.position, star.key) == ("sky.Star", 20_000, ("ra", "dec"), "objectId")
    assert {f.name: f.ucd for f in star.fields}["ra"] == "pos.eq.ra;meta.main"
    assert visit.refers == (("objectId", "sky.Star", "objectId"),)
    assert not visit.indexed("ra")
    assert visit.indexed("objectId")


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="uraniborg catalog load"):
        find_tables(tmp_path, "sky")


def test_tap_schema_describes_everything_and_itself(catalogue: Path, tmp_path: Path) -> None:
    tables = find_tables(catalogue, "sky")
    sources = write_tap_schema(tables, tmp_path)
    assert [s.table.full_name for s in sources] == [f"tap_schema.{t.name}" for t in tap_schema_tables()]
    columns = pq.read_table(tmp_path / "columns.parquet").to_pylist()
    assert len(columns) == sum(len(t.fields) for t in (*tables, *tap_schema_tables()))
    assert {"table_name": "tap_schema.columns", "column_name": '"size"'}.items() <= next(
        c for c in columns if c["column_name"] == '"size"'
    ).items()
    assert len(pq.read_table(tmp_path / "keys.parquet")) == len(pq.read_table(tmp_path / "key_columns.parquet")) == 6
