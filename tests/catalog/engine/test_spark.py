"""The reference queries on Sail, and on any service of Spark Connect that `URANIBORG_SPARK_REMOTE` names."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from uraniborg.catalog.adql import AdqlError
from uraniborg.catalog.engine.spark import SparkEngine
from uraniborg.catalog.measure.more_queries import IN_ORDER, SUITE
from uraniborg.catalog.measure.reference import arrow_tables, differences
from uraniborg.catalog.schema import Table
from uraniborg.catalog.storage import HatsSource, LoadPlan, ParquetSource, load
from uraniborg.core.errors import StoreError, UserError

HAS_SPARK = importlib.util.find_spec("pyspark") is not None
HAS_SAIL = importlib.util.find_spec("pysail") is not None
with_spark = pytest.mark.skipif(not HAS_SPARK, reason="the extra 'spark' (pyspark-client) is not installed")


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    folder: Path = tmp_path_factory.mktemp("spark")
    objects, sources = arrow_tables()
    pq.write_table(objects, folder / "object.parquet")
    pq.write_table(sources, folder / "source.parquet")
    load([folder / "object.parquet"], folder / "object", LoadPlan("Object", ("ra", "dec"), "objectId", threshold=100))
    source = ParquetSource(folder / "source.parquet", Table("Source", (), "dr", None, None, "sourceId"))
    return [HatsSource(folder / "object", schema="dr"), source]


@pytest.fixture(scope="module", params=["sail", "remote"])
def engine(request: pytest.FixtureRequest, sources: list[Any]) -> Iterator[SparkEngine]:
    remote, server = os.environ.get("URANIBORG_SPARK_REMOTE", ""), None
    if request.param == "sail":
        if not HAS_SAIL:
            pytest.skip("Sail (pysail) is not installed")
        from pysail.spark import SparkConnectServer

        server = SparkConnectServer(ip="127.0.0.1", port=0)
        server.start(background=True)
        remote = "sc://{}:{}".format(*server.listening_address)
    elif not remote:
        pytest.skip("URANIBORG_SPARK_REMOTE names no service of Spark Connect")
    made = SparkEngine(sources, remote)
    yield made
    made.close()
    if server is not None:
        server.stop()


@with_spark
@pytest.mark.service
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("query", [*SUITE, *IN_ORDER])
def test_answers_are_those_of_the_suite(engine: SparkEngine, query: str) -> None:
    wanted = SUITE.get(query, IN_ORDER.get(query, []))
    assert not differences(engine.query(query).table, wanted, in_order=query in IN_ORDER)


@with_spark
@pytest.mark.service
@pytest.mark.filterwarnings("ignore")
def test_limits_and_faults(engine: SparkEngine) -> None:
    assert engine.query("SELECT objectId FROM Object", max_rows=5).overflow
    with pytest.raises(AdqlError, match="did you mean"):
        engine.query("SELECT objectIt FROM Object")


def test_without_a_service_the_fault_says_so(sources: list[Any]) -> None:
    kind, fault = (StoreError, "see that it runs") if HAS_SPARK else (UserError, r"uraniborg\[spark\]")
    with pytest.raises(kind, match=fault):
        SparkEngine(sources, "sc://127.0.0.1:1/;use_ssl=false").query("SELECT objectId FROM Object")
