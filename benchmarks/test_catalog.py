"""Load of a table and cones, identifiers and scans in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from uraniborg.catalog.engine import DuckDBEngine
from uraniborg.catalog.storage import HatsSource, LoadPlan, load

pytestmark = pytest.mark.slow
ROWS = 1_000_000
QUERIES = {
    "cone": "SELECT * FROM Object WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({ra!r}, {dec!r}, 0.0166666))",
    "polygon": "SELECT id FROM Object WHERE 1 = CONTAINS(POINT(ra, dec), BOX({ra!r}, {dec!r}, 1, 1))",
    "identifier": "SELECT * FROM Object WHERE id = {id}",
    "near": "SELECT COUNT(*) AS n FROM Object a JOIN Object b"
    " ON DISTANCE(a.ra, a.dec, b.ra, b.dec) < 0.001 AND a.id < b.id",
    "scan": "SELECT AVG(f0) AS a, MAX(f1) AS b, MIN(f2) AS c FROM Object",
}


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pa.Table]:
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(0, 360, ROWS), np.degrees(np.arcsin(rng.uniform(-1, 1, ROWS)))
    data = {"id": rng.permutation(ROWS), "ra": lon, "dec": lat} | {f"f{i}": rng.normal(0, 1, ROWS) for i in range(8)}
    path = tmp_path_factory.mktemp("catalog") / "in.parquet"
    pq.write_table(pa.table(data), path)
    return path, pa.table(data)


PLAN = LoadPlan("Object", ("ra", "dec"), "id", threshold=200_000, margin=5.0)


def test_load(benchmark: Any, rows: tuple[Path, pa.Table], tmp_path: Path) -> None:
    report = benchmark.pedantic(lambda: load([rows[0]], tmp_path / "object", PLAN), rounds=1)
    assert report.rows == ROWS


@pytest.fixture(scope="module")
def engine(rows: tuple[Path, pa.Table]) -> DuckDBEngine:
    load([rows[0]], rows[0].with_name("object"), PLAN)
    return DuckDBEngine([HatsSource(rows[0].with_name("object"))], threads=2)


@pytest.mark.parametrize("kind", QUERIES)
def test_query(benchmark: Any, engine: DuckDBEngine, rows: tuple[Path, pa.Table], kind: str) -> None:
    places = iter(range(0, ROWS, 997))

    def ask() -> int:
        row = rows[1].slice(next(places), 1).to_pylist()[0]
        return int(engine.query(QUERIES[kind].format(**row)).table.num_rows)

    assert benchmark(ask) > 0
