from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from uraniborg.catalog.storage.hats import HatsCatalog
from uraniborg.catalog.storage.load import HEALPIX, LoadPlan, load
from uraniborg.core.errors import UserError

PLAN = LoadPlan("t", ("ra", "dec"), "id", threshold=200)


def _file(path: Path, **columns: Any) -> Path:
    rng = np.random.default_rng(1)
    data = {"id": np.arange(1000), "ra": rng.uniform(0, 360, 1000), "dec": rng.uniform(-90, 90, 1000)} | columns
    pq.write_table(pa.table(data), path)
    return path


def test_rows_come_back_sorted_and_complete(loaded: Any) -> None:
    catalog = HatsCatalog(loaded.folder / "object")
    parts = [pq.read_table(file, partitioning=None) for file in catalog.files()]
    assert len(parts) > 10
    stored = pa.concat_tables(parts)
    for i, part in enumerate(parts):
        index = part[HEALPIX].to_numpy()
        assert (np.diff(index) >= 0).all()
        assert catalog.partitions.first[i] <= index[0]
        assert index[-1] < catalog.partitions.last[i]
    back = stored.drop_columns([HEALPIX]).sort_by("objectId")
    want = loaded.objects.sort_by("objectId")
    assert back["flux"].null_count == 1
    assert back.drop_columns(["flux"]).equals(want.drop_columns(["flux"]))


def test_margins_hold_what_is_near_the_border(loaded: Any) -> None:
    primary, margin = HatsCatalog(loaded.folder / "object"), HatsCatalog(loaded.folder / "object_margin")
    assert margin.rows > 0
    assert float(margin.properties["hats_margin_threshold"]) == 60.0
    for file, order, pixel in zip(margin.files(), margin.partitions.order, margin.partitions.pixel, strict=True):
        index = pq.read_table(file, columns=[HEALPIX], partitioning=None)[HEALPIX].to_numpy()
        assert ((index >> (2 * (29 - order))) != pixel).all()
        assert (primary.partitions.containing(index) >= 0).all()


def test_a_load_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _file(tmp_path / "a.parquet")
    real, done = load.__globals__["_write_sorted"], []

    def failing(*args: Any) -> None:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(args)
        real(*args)

    monkeypatch.setitem(load.__globals__, "_write_sorted", failing)
    with pytest.raises(KeyboardInterrupt):
        load([path], tmp_path / "t", PLAN, threads=1)
    assert not (tmp_path / "t" / "properties").exists()
    monkeypatch.setitem(load.__globals__, "_write_sorted", real)
    with pytest.raises(UserError, match="unfinished load of other"):
        load([path], tmp_path / "t", LoadPlan("t", ("ra", "dec"), "id", threshold=300))
    report = load([path], tmp_path / "t", PLAN, threads=1)
    assert (report.rows, report.skipped) == (1000, 3)
    with pytest.raises(UserError, match="exists already"):
        load([path], tmp_path / "t", PLAN)


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"dec": np.full(1000, 91.0)}, "1000 rows are not"),
        ({"id": np.zeros(1000, dtype=int)}, "repeat a key"),
        ({"id": np.linspace(0, 1, 1000)}, "must be a whole number"),
    ],
)
def test_bad_rows_are_refused(tmp_path: Path, columns: dict[str, Any], fault: str) -> None:
    with pytest.raises(UserError, match=fault):
        load([_file(tmp_path / "a.parquet", **columns)], tmp_path / "t", PLAN)


def test_files_must_have_the_same_columns(tmp_path: Path) -> None:
    files = [_file(tmp_path / "a.parquet"), _file(tmp_path / "b.parquet", x=np.ones(1000))]
    with pytest.raises(UserError, match="columns of batch 2 differ"):
        load(files, tmp_path / "t", PLAN)
    with pytest.raises(UserError, match="no column"):
        load(files[:1], tmp_path / "u", LoadPlan("t", ("RA", "dec")))
    with pytest.raises(UserError, match="is not a file"):
        load([tmp_path / "c.parquet"], tmp_path / "v", PLAN)
