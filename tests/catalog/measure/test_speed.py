from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from uraniborg.catalog.engine.duckdb import DuckDBEngine
from uraniborg.catalog.measure import patch
from uraniborg.catalog.measure.speed import measure_near, measure_reference_queries, true_pairs, wrong_answers
from uraniborg.catalog.schema import Table
from uraniborg.catalog.storage import HatsSource, LoadPlan, ParquetSource, load


def test_near_neighbours_over_partitions_equal_the_tree(tmp_path: Path) -> None:
    rows, radius = 60_000, 4.0 / 3600
    files = patch.write_objects(tmp_path / "in", rows)
    reference = patch.write_reference(tmp_path / "ref.parquet", 5000, rows)
    plan = LoadPlan("Object", ("coord_ra", "coord_dec"), "objectId", threshold=4000, margin=10.0)
    assert load(files, tmp_path / "object", plan).partitions > 10
    sources: list[Any] = [HatsSource(tmp_path / "object"), ParquetSource(reference, Table("ref", ()))]
    engine = DuckDBEngine(sources, threads=1)
    positions = ["coord_ra", "coord_dec"]
    (wall, cpu), found = measure_near(engine, ("ref", "Object"), ("ra, dec", "coord_ra, coord_dec"), radius)
    assert found == true_pairs(([reference], files), (["ra", "dec"], positions), radius) > 3000
    assert wall > 0
    assert cpu > 0
    _, twice = measure_near(engine, ("Object", "Object"), ("coord_ra, coord_dec", "coord_ra, coord_dec"), radius)
    assert twice == true_pairs((files, files), (positions, positions), radius)
    engine.close()


def test_the_suite_is_right_and_a_wrong_engine_is_found() -> None:
    number, wrong = measure_reference_queries()
    assert number >= 200
    assert not wrong
    assert len(wrong_answers(lambda query: pa.table({"x": [1]}))) > 270
