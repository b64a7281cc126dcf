from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from uraniborg.catalog.engine import DuckDBEngine
from uraniborg.catalog.storage import HatsCatalog, HatsSource, LoadPlan, load
from uraniborg.catalog.storage.append import append, forget_snapshots, plan_of, snapshots
from uraniborg.catalog.storage.partitions import margin_order, margin_rows
from uraniborg.core.errors import UserError


def _sky(seed: int, n: int, start: int) -> pa.Table:
    rng = np.random.default_rng(seed)
    lon = np.concatenate([rng.uniform(0, 180, n // 2), rng.normal(40, 2, n - n // 2)])
    lat = np.concatenate([rng.uniform(-60, 60, n // 2), rng.normal(10, 2, n - n // 2)])
    return pa.table({"id": np.arange(start, start + n), "ra": lon, "dec": lat, "name": [f"x{i}" for i in range(n)]})


FIRST, SECOND = _sky(1, 6000, 0), _sky(2, 5000, 10_000)
THIRD = pa.table({"id": [50_000], "ra": [300.0], "dec": [-80.0], "name": ["far"]})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, table in (("a", FIRST), ("b", SECOND), ("c", THIRD)):
        pq.write_table(table, tmp_path / f"{name}.parquet")
    load([tmp_path / "a.parquet"], tmp_path / "cat", LoadPlan("t", ("ra", "dec"), "id", threshold=800, margin=100.0))
    return tmp_path / "cat"


def _ids(root: Path, where: str = "id >= 0") -> list[int]:
    engine = DuckDBEngine([HatsSource(root)], threads=1)
    found: list[int] = engine.query(f"SELECT id FROM t WHERE {where} ORDER BY id").table["id"].to_pylist()
    engine.close()
    return found


def test_a_catalogue_that_grew_is_the_one_loaded_at_once(root: Path, tmp_path: Path) -> None:
    before = HatsSource(root)
    report = append([tmp_path / "b.parquet", tmp_path / "c.parquet"], root)
    assert report.rows == 11_001
    whole = LoadPlan("t", ("ra", "dec"), "id", threshold=800, margin=100.0)
    load([tmp_path / f"{x}.parquet" for x in "abc"], tmp_path / "once", whole)
    assert _ids(root) == _ids(tmp_path / "once")
    for where in ("id = 10007", "id = 50000", "1 = CONTAINS(POINT(ra, dec), CIRCLE(40, 10, 1))"):
        assert _ids(root, where) == _ids(tmp_path / "once", where) != []
    grown = HatsCatalog(root.resolve())
    assert max(pq.read_metadata(file).num_rows for file in grown.files()) <= 800
    first, last = grown.partitions.first, grown.partitions.last
    assert (first[1:] >= last[:-1]).all()
    # the old snapshot is still there for who has it open
    engine = DuckDBEngine([before], threads=1)
    assert engine.query("SELECT COUNT(*) AS n FROM t").table["n"].to_pylist() == [11_001 - 5001]
    engine.close()


def test_margins_are_complete_after_an_append(root: Path, tmp_path: Path) -> None:
    append([tmp_path / "b.parquet"], root)
    grown, margin = HatsCatalog(root.resolve()), HatsCatalog(root.with_name("cat_margin").resolve())
    rows = [pq.read_table(file, partitioning=None) for file in grown.files()]
    index = np.concatenate([table["_healpix_29"].to_numpy() for table in rows])
    wanted = margin_rows(index, grown.partitions, order=margin_order(100.0))
    assert margin.rows == len(wanted) > 0


def test_snapshots_share_what_did_not_change_and_are_forgotten(root: Path, tmp_path: Path) -> None:
    append([tmp_path / "c.parquet"], root)
    assert root.is_symlink()
    assert [path.name for path in snapshots(root)] == ["cat.v000001", "cat.v000002"]
    shared = [file for file in HatsCatalog(root.resolve()).files() if file.stat().st_nlink > 1]
    assert len(shared) == len(HatsCatalog(root.with_name("cat.v000001")).files())
    append([tmp_path / "b.parquet"], root)
    assert [path.name for path in forget_snapshots(root)] == ["cat.v000001", "cat.v000002"]
    assert len(_ids(root)) == 11_001
    assert plan_of(root) == LoadPlan("t", ("ra", "dec"), "id", threshold=800, margin=100.0)


def test_what_fails_leaves_everything_as_it_was(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(UserError, match="keys must be unique"):
        append([tmp_path / "a.parquet"], root)
    pq.write_table(FIRST.drop_columns(["name"]), tmp_path / "b.parquet")
    with pytest.raises(UserError, match="the columns are"):
        append([tmp_path / "b.parquet"], root)

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("uraniborg.catalog.storage.append.write_properties", crash)
    with pytest.raises(KeyboardInterrupt):
        append([tmp_path / "c.parquet"], root)
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert _ids(root) == list(range(6000))
