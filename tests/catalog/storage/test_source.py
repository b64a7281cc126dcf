from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from uraniborg.catalog.engine.duckdb import DuckDBEngine
from uraniborg.catalog.storage.source import HatsSource


@pytest.fixture(scope="module")
def engine(loaded: Any) -> Iterator[DuckDBEngine]:
    made = DuckDBEngine([HatsSource(loaded.folder / "object", schema="dr"), HatsSource(loaded.folder / "source")])
    yield made
    made.close()


def _separation(loaded: Any, lon: float, lat: float) -> np.ndarray:
    a, d = np.radians(loaded.objects["ra"].to_numpy()), np.radians(loaded.objects["dec"].to_numpy())
    b, e = np.radians([lon, lat])
    h = np.sin((e - d) / 2) ** 2 + np.cos(d) * np.cos(e) * np.sin((b - a) / 2) ** 2
    return np.degrees(2 * np.arcsin(np.sqrt(np.minimum(h, 1))))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(-5, 365), st.floats(-90, 90), st.floats(-2, 1.5).map(lambda x: 10**x))
def test_cones_over_partitions(engine: DuckDBEngine, loaded: Any, lon: float, lat: float, radius: float) -> None:
    separation = _separation(loaded, lon, lat)
    sure = dict(zip(loaded.objects["objectId"].to_pylist(), np.abs(separation - radius) > 1e-6, strict=True))
    want = {
        i for i, s in zip(loaded.objects["objectId"].to_pylist(), separation, strict=True) if s <= radius and sure[i]
    }
    query = f"SELECT objectId FROM dr.Object WHERE 1 = CONTAINS(POINT(ra, dec), CIRCLE({lon!r}, {lat!r}, {radius!r}))"
    assert {i for i in engine.query(query).table["objectId"].to_pylist() if sure[i]} == want


def test_a_cone_reads_few_files(engine: DuckDBEngine, loaded: Any) -> None:
    few = engine.sql("SELECT flux FROM Object WHERE DISTANCE(ra, dec, 0, 0) < 0.1")
    every = engine.sql("SELECT flux FROM Object")
    assert few.count(".parquet") < every.count(".parquet") / 3


def test_by_identifier(engine: DuckDBEngine, loaded: Any) -> None:
    row = loaded.objects.slice(77, 1).to_pylist()[0]
    query = f"SELECT * FROM Object WHERE objectId = {row['objectId']}"
    assert engine.query(query).table.to_pylist() == [row]
    assert engine.sql(query).count(".parquet") == 1
    assert engine.query("SELECT * FROM Object WHERE objectId = 1").table.num_rows == 0
    assert engine.query("SELECT * FROM Object WHERE objectId IN (0, 1, 5)").table.num_rows == 2


def test_sources_lie_where_their_object_lies(engine: DuckDBEngine, loaded: Any) -> None:
    key = loaded.objects["objectId"][5].as_py()
    want = sorted(r["sourceId"] for r in loaded.sources.to_pylist() if r["objectId"] == key)
    query = f"SELECT sourceId FROM Source WHERE objectId = {key} ORDER BY sourceId"
    assert engine.query(query).table["sourceId"].to_pylist() == want
    assert engine.sql(query).count(".parquet") == 1
    lost = engine.query("SELECT sourceId FROM Source WHERE objectId = -1")
    assert lost.table.num_rows == 10


def test_positions_of_sources_are_exact_without_pruning(engine: DuckDBEngine, loaded: Any) -> None:
    ra, dec = loaded.sources["ra"][20].as_py(), loaded.sources["dec"][20].as_py()
    query = f"SELECT sourceId FROM Source WHERE DISTANCE(ra, dec, {ra!r}, {dec!r}) < 1e-9"
    assert 20 in engine.query(query).table["sourceId"].to_pylist()


def test_join_of_both(engine: DuckDBEngine, loaded: Any) -> None:
    found = engine.query("SELECT COUNT(*) AS n FROM Object NATURAL JOIN Source").table["n"].to_pylist()
    keys = {(r["objectId"], r["ra"], r["dec"]) for r in loaded.objects.to_pylist()}
    assert found == [sum((s["objectId"], s["ra"], s["dec"]) in keys for s in loaded.sources.to_pylist())]
    joined = engine.query("SELECT COUNT(*) AS n FROM Object o JOIN Source s ON o.objectId = s.objectId")
    assert joined.table["n"].to_pylist() == [29_990]
