from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from uraniborg.catalog.adql import AdqlError
from uraniborg.catalog.adql.check import check
from uraniborg.catalog.engine.plan import Planner, column_names
from uraniborg.catalog.engine.sources import ArrowSource
from uraniborg.catalog.schema import Table


@pytest.fixture(scope="module")
def planner() -> Planner:
    n = 50_000
    rng = np.random.default_rng(1)
    data = pa.table({"id": np.arange(n), "ra": rng.uniform(0, 360, n), "dec": rng.uniform(-80, 80, n), "x": np.ones(n)})
    return Planner([ArrowSource(data, Table("t", (), "", ("ra", "dec"), None, "id"))])


def test_all_pairs_are_heavy_and_cells_are_not(planner: Planner) -> None:
    pairs = planner.plan("SELECT COUNT(*) AS n FROM t a, t b WHERE a.x * b.x > 3")
    near = planner.plan("SELECT COUNT(*) AS n FROM t a, t b WHERE DISTANCE(a.ra, a.dec, b.ra, b.dec) < 0.001")
    equal = planner.plan("SELECT COUNT(*) AS n FROM t a JOIN t b ON a.id = b.id")
    assert pairs.translation.compares_all
    assert pairs.estimate.kind == "heavy"
    assert not near.translation.compares_all
    assert (near.estimate.kind, equal.estimate.kind) == ("interactive", "interactive")
    assert pairs.estimate.rows == 100_000


def test_a_limit_asks_for_one_row_more(planner: Planner) -> None:
    plan = planner.plan("SELECT id FROM t")
    assert plan.limited(None) == plan.translation.sql
    assert plan.limited(7).endswith("LIMIT 8")


def test_columns_and_faults(planner: Planner) -> None:
    tree = check("SELECT a.id FROM t a WHERE a.ra > (SELECT MAX(b.dec) FROM t b)", planner.tables).query
    assert column_names(tree) == {"id", "ra", "dec"}
    with pytest.raises(AdqlError, match="did you mean"):
        planner.plan("SELECT idd FROM t")
