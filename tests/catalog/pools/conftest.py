"""Pools over one small table, started once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from uraniborg.catalog.pools import PoolPlan, QueryPools
from uraniborg.catalog.schema import Table
from uraniborg.catalog.storage import ParquetSource
from uraniborg.catalog.userdb import UserTables

ROWS = 300_000


@pytest.fixture(scope="session")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> ParquetSource:
    file = tmp_path_factory.mktemp("numbers") / "t.parquet"
    rng = np.random.default_rng(1)
    pq.write_table(pa.table({"id": np.arange(ROWS), "x": rng.normal(0, 1, ROWS), "s": ["a"] * ROWS}), file)
    return ParquetSource(file, Table("t", (), "dr"))


@pytest.fixture(scope="session")
def mydb(tmp_path_factory: pytest.TempPathFactory) -> UserTables:
    return UserTables(tmp_path_factory.mktemp("mydb"))


@pytest.fixture(scope="session")
def pools(numbers: ParquetSource, mydb: UserTables, tmp_path_factory: pytest.TempPathFactory) -> Iterator[QueryPools]:
    plan = PoolPlan(1, 1, interactive_memory="300MB", heavy_memory="300MB", heavy_threads=1, result_memory=1 << 20)
    with QueryPools([numbers], tmp_path_factory.mktemp("scratch"), plan=plan, user_tables=mydb) as made:
        yield made
