from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from uraniborg.cli.catalog import catalog
from uraniborg.core.errors import UserError


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(1)
    data = pa.table({"id": np.arange(500), "ra": rng.uniform(0, 360, 500), "dec": rng.uniform(-90, 90, 500)})
    pq.write_table(data, tmp_path / "a.parquet")
    args = ["load", str(tmp_path / "t"), str(tmp_path / "a.parquet"), "--name", "t", "--position", "ra", "dec"]
    result = CliRunner().invoke(catalog, [*args, "--key", "id", "--threshold", "100"], catch_exceptions=False)
    assert "500 rows in" in result.output
    return tmp_path / "t"


def test_a_query_prints_or_writes_rows(table: Path, tmp_path: Path) -> None:
    query = "SELECT id FROM t WHERE id IN (3, 4) ORDER BY id"
    result = CliRunner().invoke(catalog, ["query", query, "-t", str(table)], catch_exceptions=False)
    assert result.output.splitlines() == ['"id"', "3", "4"]
    out = tmp_path / "o.parquet"
    CliRunner().invoke(catalog, ["query", query, "-t", str(table), "-o", str(out)], catch_exceptions=False)
    assert pq.read_table(out)["id"].to_pylist() == [3, 4]
    shown = CliRunner().invoke(catalog, ["query", query, "-t", str(table), "--sql"], catch_exceptions=False)
    assert "read_parquet" in shown.output
    cut = CliRunner().invoke(catalog, ["query", "SELECT * FROM t", "-t", str(table), "--max-rows", "2"])
    assert "only the first 2 rows" in cut.output


def test_faults_are_errors_of_the_user(table: Path) -> None:
    with pytest.raises(UserError, match="did you mean id"):
        CliRunner().invoke(catalog, ["query", "SELECT idd FROM t", "-t", str(table)], catch_exceptions=False)
    with pytest.raises(UserError, match="endings are"):
        CliRunner().invoke(
            catalog, ["query", "SELECT id FROM t", "-t", str(table), "-o", "x.xls"], catch_exceptions=False
        )


def test_rows_are_added_and_old_snapshots_forgotten(tmp_path: Path) -> None:
    for name, first in (("a", 0), ("b", 100)):
        ids = range(first, first + 100)
        table = pa.table({"id": list(ids), "ra": [float(i) for i in ids], "dec": [0.0] * 100})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    run = CliRunner().invoke
    root = str(tmp_path / "t")
    options = ["--name", "t", "--position", "ra", "dec", "--key", "id"]
    assert run(catalog, ["load", root, str(tmp_path / "a.parquet"), *options]).exit_code == 0
    result = run(catalog, ["append", root, str(tmp_path / "b.parquet"), "--forget"])
    assert "200 rows" in result.output
    assert "1 old snapshots deleted" in result.output
    assert "200" in run(catalog, ["query", "-t", root, "SELECT COUNT(*) AS n FROM t"]).output
    assert isinstance(run(catalog, ["append", root]).exception, UserError)
