from __future__ import annotations

import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from uraniborg.catalog.userdb import UserTables
from uraniborg.core.errors import UserError

DATA = pa.table({"a": [1, 2, 3], "x": [0.5, float("nan"), None]})


def test_tables_are_made_listed_read_and_dropped(tmp_path: Path) -> None:
    tables = UserTables(tmp_path)
    made = tables.create("ann@x.org", "Mine", DATA)
    assert (made.rows, made.name, tables.usage("ann@x.org")) == (3, "Mine", made.bytes)
    with pytest.raises(UserError, match="already"):
        tables.create("ann@x.org", "mine", DATA)
    again = tables.create("ann@x.org", "mine", DATA.slice(0, 1), overwrite=True)
    assert [t.rows for t in tables.list("ann@x.org")] == [again.rows] == [1]
    assert len(list(tmp_path.rglob("*.parquet"))) == 1
    (source,) = UserTables(tmp_path).sources("ann@x.org")
    assert source.table.full_name == "mydb.mine"
    tables.drop("ann@x.org", "MINE")
    assert not tables.sources("ann@x.org")
    with pytest.raises(UserError, match="your tables are: none"):
        tables.drop("ann@x.org", "mine")


def test_missing_values_are_nulls_and_all_formats_load(tmp_path: Path) -> None:
    tables = UserTables(tmp_path / "db")
    (tmp_path / "t.csv").write_text("a,b\n1,x\n2,y\n")
    pq.write_table(DATA, tmp_path / "t.parquet")
    assert tables.create("ann", "c", tmp_path / "t.csv").rows == 2
    made = tables.create("ann", "p", tmp_path / "t.parquet")
    stored = pq.read_table(tables._folder("ann", "p") / made.file)
    assert stored["x"].null_count == 2
    reader = pa.RecordBatchReader.from_batches(DATA.schema, DATA.to_batches())
    assert tables.create("ann", "r", reader).rows == 3


def test_shares_and_strangers(tmp_path: Path) -> None:
    tables = UserTables(tmp_path)
    tables.create("ann", "t", DATA)
    assert not tables.sources("bob")
    tables.share("ann", "t", {"bob"})
    assert [s.table.full_name for s in tables.sources("bob")] == ["user_ann.t"]
    assert [s.table.full_name for s in UserTables(tmp_path).sources("bob")] == ["user_ann.t"]
    assert not tables.sources("eve")
    tables.share("ann", "t", {"*"})
    assert tables.sources("eve")
    tables.share("ann", "t", set())
    assert not tables.sources("bob")
    with pytest.raises(UserError, match="no table"):
        tables.share("eve", "t", {"eve"})


def test_quota_and_time(tmp_path: Path) -> None:
    big = pa.table({"a": list(range(200_000))})
    tables = UserTables(tmp_path, quota=50_000)
    with pytest.raises(UserError, match="quota"):
        tables.create("ann", "t", big)
    assert not list(tmp_path.rglob("*.parquet"))
    made = tables.create("ann", "t", DATA)
    assert made.expires is not None
    assert made.expires > time.time() + 29 * 86400
    tables.keep_until("ann", "t", time.time() - 1)
    assert not tables.sources("ann")
    assert [t.name for t in tables.expire()] == ["t"]
    assert tables.usage("ann") == 0


@pytest.mark.parametrize("name", ["../x", "1a", "a b", "", "a" * 70, "a;b"])
def test_names_that_are_not_possible(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be the name"):
        UserTables(tmp_path).create("ann", name, DATA)


def test_users_stay_in_their_own_folder(tmp_path: Path) -> None:
    tables = UserTables(tmp_path / "db")
    tables.create("..", "t", DATA)
    assert all(p.is_relative_to(tmp_path / "db") for p in tables._root.rglob("*"))
    assert [p.name for p in tmp_path.iterdir()] == ["db"]
    with pytest.raises(UserError, match="name of a user"):
        tables.create("a/b", "t", DATA)


def test_what_a_crash_leaves_is_swept(tmp_path: Path) -> None:
    tables = UserTables(tmp_path)
    made = tables.create("ann", "t", DATA)
    (tables._folder("ann", "t") / "half.parquet").write_bytes(b"x")
    UserTables(tmp_path)
    assert [p.name for p in tmp_path.rglob("*.parquet")] == [made.file]


def test_rows_that_cannot_be_stored(tmp_path: Path) -> None:
    tables = UserTables(tmp_path)
    with pytest.raises(UserError, match="there twice"):
        tables.create("ann", "t", pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"]))
    with pytest.raises(UserError, match="no columns"):
        tables.create("ann", "t", pa.RecordBatchReader.from_batches(DATA.schema, []))
