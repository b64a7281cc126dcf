from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from uraniborg.catalog.adql import AdqlError
from uraniborg.catalog.engine.duckdb import DuckDBEngine, QueryTimeoutError
from uraniborg.catalog.engine.sources import ArrowSource
from uraniborg.catalog.schema import Table


@pytest.fixture
def engine() -> DuckDBEngine:
    n = 20_000
    data = pa.table({"id": np.arange(n), "x": np.linspace(0, 1, n), "s": ["a"] * n})
    return DuckDBEngine([ArrowSource(data, Table("t", ()))], threads=1)


def test_rows_beyond_the_limit_are_marked(engine: DuckDBEngine) -> None:
    assert engine.query("SELECT id FROM t", max_rows=10).overflow
    assert engine.query("SELECT id FROM t", max_rows=10).table.num_rows == 10
    assert not engine.query("SELECT TOP 10 id FROM t", max_rows=10).overflow


def test_a_long_query_is_stopped_and_the_engine_goes_on(engine: DuckDBEngine) -> None:
    with pytest.raises(QueryTimeoutError, match="longer than"):
        engine.query("SELECT SUM(a.x * b.x) FROM t a, t b WHERE SIN(a.x) < COS(b.x)", timeout=0.1)
    assert engine.query("SELECT COUNT(*) AS n FROM t").table["n"].to_pylist() == [20_000]


def test_what_only_shows_with_data_is_a_fault_of_the_query(engine: DuckDBEngine) -> None:
    with pytest.raises(AdqlError, match="Conversion"):
        engine.query("SELECT CAST(s AS INTEGER) FROM t")


def test_output_columns_keep_names_even_twice(engine: DuckDBEngine) -> None:
    answer = engine.query("SELECT TOP 1 id, id, SUM(id) AS s FROM t GROUP BY id ORDER BY id")
    assert answer.table.column_names == ["id", "id", "s"]
    assert answer.table.schema.field(2).type == pa.int64()


def test_random_numbers_repeat_with_a_seed(engine: DuckDBEngine) -> None:
    first, second = (engine.query("SELECT TOP 5 RAND(3) AS r FROM t").table["r"].to_pylist() for _ in range(2))
    assert first == second
    assert all(0 <= x < 1 for x in first)


def test_the_engine_reads_no_file_that_is_not_of_a_table(engine: DuckDBEngine, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("a\n1\n")
    import duckdb

    with pytest.raises(duckdb.PermissionException):
        engine._connection.execute(f"SELECT * FROM read_csv('{tmp_path}/secret.csv')")
    with pytest.raises(duckdb.Error):
        engine._connection.execute("SET enable_external_access = true")
