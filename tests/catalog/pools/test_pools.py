from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from uraniborg.catalog.adql import AdqlError
from uraniborg.catalog.pools import Limits, PoolPlan, QueryPools, QueryRefusedError
from uraniborg.catalog.storage import ParquetSource
from uraniborg.catalog.userdb import UserTables

SLOW = "SELECT COUNT(*) AS n FROM t a, t b WHERE SIN(a.x) * COS(b.x) > 2"


def test_queries_are_classified_and_answered(pools: QueryPools) -> None:
    quick = pools.submit("SELECT COUNT(*) AS n, SUM(id) AS s FROM t", user="ann")
    assert quick.kind == "interactive"
    assert quick.table().to_pylist() == [{"n": 300_000, "s": 300_000 * 299_999 // 2}]
    assert [c.name for c in quick.columns] == ["n", "s"]
    assert pools.estimate(SLOW, user="ann").kind == "heavy"
    heavy = pools.submit("SELECT MAX(id) AS m FROM t", user="ann", kind="heavy")
    assert (heavy.kind, heavy.table()["m"].to_pylist()) == ("heavy", [299_999])
    assert heavy.estimate.rows == 300_000


def test_limits_of_rows_and_bytes(pools: QueryPools) -> None:
    cut = pools.submit("SELECT id FROM t ORDER BY id", user="ann", maxrec=100_001)
    assert cut.table()["id"].to_pylist() == list(range(100_001))
    assert cut.overflow
    whole = pools.submit("SELECT TOP 5 id FROM t", user="ann", maxrec=5)
    assert whole.table().num_rows == 5
    assert not whole.overflow
    with pytest.raises(QueryRefusedError, match="larger than 1000 bytes"):
        pools.submit("SELECT * FROM t", user="ann", limits=Limits(bytes=1000)).table()


@pytest.mark.slow
def test_memory_of_a_query_is_bounded(pools: QueryPools, tmp_path: Path) -> None:
    query = "SELECT a.id, b.id AS j, a.x * b.x AS y FROM t a, t b WHERE a.id < 30 ORDER BY a.x * b.x"
    small = PoolPlan(0, 1, heavy_memory="30MB", heavy_threads=1, spill="1MB")
    with QueryPools(pools.sources("nobody"), tmp_path, plan=small) as tight:
        with pytest.raises(QueryRefusedError, match="more than it may have"):
            tight.submit(query, user="ann").table()
        assert tight.submit("SELECT TOP 1 id FROM t", user="ann").table().num_rows == 1


def test_uploads_are_seen_by_one_query_only(pools: QueryPools) -> None:
    data = pa.table({"k": [1, 5], "nan": [1.0, float("nan")]})
    query = "SELECT u.k, t.id, u.nan FROM TAP_UPLOAD.mine u JOIN t ON t.id = u.k ORDER BY u.k"
    found = pools.submit(query, user="ann", uploads={"mine": data}).table().to_pylist()
    assert found == [{"k": 1, "id": 1, "nan": 1.0}, {"k": 5, "id": 5, "nan": None}]
    with pytest.raises(AdqlError, match=r"no table TAP_UPLOAD\.mine"):
        pools.submit(query, user="ann")
    assert not list(pools._uploads.iterdir())


def test_nobody_sees_the_tables_of_others(pools: QueryPools, mydb: UserTables) -> None:
    mydb.create("ann", "secret", pa.table({"v": [42]}))
    assert pools.submit("SELECT v FROM mydb.secret", user="ann").table()["v"].to_pylist() == [42]
    for query in ("SELECT v FROM mydb.secret", "SELECT v FROM secret", "SELECT v FROM user_ann.secret"):
        with pytest.raises(AdqlError, match="there is no table"):
            pools.submit(query, user="eve")
    mydb.share("ann", "secret", {"bob"})
    assert pools.submit("SELECT v FROM user_ann.secret", user="bob").table()["v"].to_pylist() == [42]
    assert "user_ann.secret" in {table.full_name for table in pools.tables("bob")}
    assert "user_ann.secret" not in {table.full_name for table in pools.tables("eve")}
    joined = "SELECT t.id FROM t JOIN user_ann.secret s ON t.id = s.v"
    assert pools.submit(joined, user="bob").table()["id"].to_pylist() == [42]
    mydb.drop("ann", "secret")


def test_faults_of_a_query_are_told_at_once(pools: QueryPools) -> None:
    with pytest.raises(AdqlError, match="did you mean") as caught:
        pools.submit("SELECT idd FROM t", user="ann")
    assert caught.value.column == 8
    with pytest.raises(AdqlError, match="Conversion"):
        pools.submit("SELECT CAST(s AS INTEGER) AS n FROM t", user="ann").table()


def test_too_many_waiting_queries_are_refused(pools: QueryPools) -> None:
    limits = Limits(running=1, waiting=3)
    handles = [pools.submit(SLOW, user="greedy", limits=limits)]
    while handles[0].state == "queued":
        time.sleep(0.01)
    handles += [pools.submit(SLOW, user="greedy", limits=limits) for _ in range(3)]
    with pytest.raises(QueryRefusedError, match="wait already"):
        pools.submit(SLOW, user="greedy", limits=limits)
    assert pools.waiting()["heavy"] == 3
    assert handles[-1].progress.position_in_queue == 2
    for handle in handles:
        handle.cancel()
    assert pools.waiting()["heavy"] == 0


def test_tables_come_and_go(pools: QueryPools, numbers: ParquetSource) -> None:
    pools.add(numbers.in_schema("dr2"))
    assert pools.submit("SELECT COUNT(*) AS n FROM dr2.t", user="ann").table()["n"].to_pylist() == [300_000]
    pools.remove("dr2.t")
    with pytest.raises(AdqlError):
        pools.submit("SELECT COUNT(*) AS n FROM dr2.t", user="ann")


def test_a_pool_that_cannot_start_says_why(numbers: Any, tmp_path: Path) -> None:
    plan = PoolPlan(1, 0, interactive_memory="no memory")
    with QueryPools([numbers], tmp_path, plan=plan) as broken, pytest.raises(Exception, match="do not start"):
        broken.submit("SELECT id FROM t", user="ann").table()
