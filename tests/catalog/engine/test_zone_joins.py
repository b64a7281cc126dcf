from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from scipy.spatial import cKDTree

from uraniborg.catalog.engine.duckdb import DuckDBEngine
from uraniborg.catalog.engine.shapes import unit_vectors
from uraniborg.catalog.engine.sources import ArrowSource
from uraniborg.catalog.schema import Table

RADIUS = 0.02
Pairs = set[tuple[int, int]]


def _sky(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lon = np.concatenate([rng.uniform(0, 360, n), rng.normal(0, 0.3, n) % 360])
    lat = np.concatenate([90 - np.abs(rng.normal(0, 0.3, n)), rng.normal(-30, 0.3, n)])
    return lon, lat


A, B = _sky(1, 600), _sky(2, 900)


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """Near pairs by a KD-tree of unit vectors."""
    first, second = cKDTree(unit_vectors(*A)), cKDTree(unit_vectors(*B))
    found = first.query_ball_tree(second, 2 * np.sin(np.radians(RADIUS) / 2))
    return {(i, j) for i, near in enumerate(found) for j in near}


@pytest.fixture(scope="module")
def engine() -> Iterator[DuckDBEngine]:
    sources = []
    for name, (lon, lat) in (("a", A), ("b", B)):
        data = pa.table({"id": np.arange(len(lon)), "ra": lon, "dec": lat})
        sources.append(ArrowSource(data, Table(name, (), "", ("ra", "dec"), None, "id")))
    made = DuckDBEngine(sources, threads=1)
    yield made
    made.close()


def _ask(engine: DuckDBEngine, query: str) -> list[tuple[int | None, ...]]:
    query = query.replace("NEAR", f"DISTANCE(a.ra, a.dec, b.ra, b.dec) <= {RADIUS}")
    assert "_zone_cell" in engine.sql(query)
    assert not engine._planner.plan(query).translation.compares_all
    return list(zip(*(column.to_pylist() for column in engine.query(query).table.columns), strict=True))


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a.id, b.id AS j FROM a, b WHERE NEAR",
        "SELECT a.id, b.id AS j FROM b JOIN a ON NEAR",
        f"SELECT a.id, b.id AS j FROM a JOIN b ON 1 = CONTAINS(POINT(b.ra, b.dec), CIRCLE(a.ra, a.dec, {RADIUS}))",
        "WITH q AS (SELECT * FROM b) SELECT a.id, b.id AS j FROM a JOIN q AS b ON NEAR",
        "SELECT a.id, b.id AS j FROM a JOIN (SELECT id, ra, dec FROM b) AS b ON NEAR AND a.id >= 0",
        "SELECT a.id, b.id AS j FROM a JOIN a AS c ON a.id = c.id, b WHERE NEAR",
        "SELECT a.id, b.id AS j FROM a, b LEFT JOIN a AS c ON b.id = c.id + 100000 WHERE NEAR",
    ],
)
def test_joins_equal_the_tree(engine: DuckDBEngine, pairs: Pairs, query: str) -> None:
    found = _ask(engine, query)
    assert len(found) == len(set(found)) == len(pairs) > 500
    assert set(found) == pairs


def test_outer_joins_keep_the_lonely_rows_once(engine: DuckDBEngine, pairs: Pairs) -> None:
    some_a, some_b = {i for i, _ in pairs}, {j for _, j in pairs}
    left = _ask(engine, "SELECT a.id, b.id AS j FROM a LEFT JOIN b ON NEAR")
    assert Counter(left) == Counter([*pairs, *((i, None) for i in range(len(A[0])) if i not in some_a)])
    right = _ask(engine, "SELECT a.id, b.id AS j FROM a RIGHT JOIN b ON NEAR")
    assert Counter(right) == Counter([*pairs, *((None, j) for j in range(len(B[0])) if j not in some_b)])


def test_queries_inside_queries(engine: DuckDBEngine, pairs: Pairs) -> None:
    some = {i for i, _ in pairs}
    inside = _ask(engine, "SELECT a.id FROM a WHERE EXISTS (SELECT 1 FROM b WHERE NEAR)")
    assert sorted(inside) == sorted((i,) for i in some)
    outside = _ask(engine, "SELECT a.id FROM a WHERE NOT EXISTS (SELECT 1 FROM b WHERE NEAR)")
    assert {i for (i,) in outside} == set(range(len(A[0]))) - some
    number = Counter(i for i, _ in pairs)
    counted = _ask(engine, "SELECT a.id, (SELECT COUNT(*) FROM b WHERE NEAR) AS n FROM a")
    assert all(number[i] == n for i, n in counted if i is not None)


def test_a_full_join_compares_all_and_says_so(engine: DuckDBEngine, pairs: Pairs) -> None:
    query = f"SELECT COUNT(*) AS n FROM a JOIN b ON a.ra * b.ra > 1 AND a.id < 10 WHERE b.id < {RADIUS}"
    assert engine._planner.plan(query).translation.compares_all
