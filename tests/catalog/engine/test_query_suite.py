"""The reference queries, on every engine that is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq
import pytest

from uraniborg.catalog.engine.duckdb import DuckDBEngine
from uraniborg.catalog.engine.sources import ArrowSource
from uraniborg.catalog.measure.more_queries import IN_ORDER, SUITE
from uraniborg.catalog.measure.reference import arrow_tables, differences
from uraniborg.catalog.schema import Table
from uraniborg.catalog.storage import HatsSource, LoadPlan, ParquetSource, load


@pytest.fixture(scope="module", params=["memory", "hats"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DuckDBEngine]:
    objects, sources = arrow_tables()
    parts: list[Any]
    if request.param == "memory":
        parts = [
            ArrowSource(objects, Table("Object", (), "dr", ("ra", "dec"), None, "objectId")),
            ArrowSource(sources, Table("Source", (), "dr", None, None, "sourceId")),
        ]
    else:
        folder = tmp_path_factory.mktemp("suite")
        pq.write_table(objects, folder / "object.parquet")
        pq.write_table(sources, folder / "source.parquet")
        load(
            [folder / "object.parquet"], folder / "object", LoadPlan("Object", ("ra", "dec"), "objectId", threshold=40)
        )
        source = ParquetSource(folder / "source.parquet", Table("Source", (), "dr", None, None, "sourceId"))
        parts = [HatsSource(folder / "object", schema="dr"), source]
    made = DuckDBEngine(parts, threads=1)
    yield made
    made.close()


def test_there_are_two_hundred_queries() -> None:
    assert len(SUITE) + len(IN_ORDER) >= 200


@pytest.mark.parametrize("query", SUITE)
def test_answer_in_any_order(engine: DuckDBEngine, query: str) -> None:
    assert not differences(engine.query(query).table, SUITE[query], in_order=False)


@pytest.mark.parametrize("query", IN_ORDER)
def test_answer_in_order(engine: DuckDBEngine, query: str) -> None:
    assert not differences(engine.query(query).table, IN_ORDER[query], in_order=True)
