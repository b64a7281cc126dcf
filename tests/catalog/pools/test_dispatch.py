from __future__ import annotations

import os
import signal
import time

import pytest

from uraniborg.catalog.pools import Limits, QueryCancelledError, QueryPools, QueryTimeoutError, WorkerLostError

SLOW = "SELECT COUNT(*) AS n FROM t a, t b WHERE SIN(a.x) * COS(b.x) > 2"


def _until(condition: object, seconds: float = 20.0) -> None:
    end = time.time() + seconds
    while not condition():  # type: ignore[operator]
        assert time.time() < end, "waited too long"
        time.sleep(0.01)


def _pid(pools: QueryPools, id_: str) -> int:
    _until(lambda: any(item["id"] == id_ for item in pools.status()))
    return next(int(item["pid"]) for item in pools.status() if item["id"] == id_)


def test_cancel_while_waiting_running_and_reading(pools: QueryPools) -> None:
    first = pools.submit(SLOW, user="ann", limits=Limits(running=1))
    second = pools.submit(SLOW, user="ann", limits=Limits(running=1))
    _pid(pools, first.id)
    second.cancel()
    assert second.state == "cancelled"
    first.cancel()
    with pytest.raises(QueryCancelledError):
        first.table()
    _until(lambda: not pools.status())
    reading = pools.submit("SELECT * FROM t", user="ann", kind="heavy")
    batches = reading.batches()
    next(batches)
    reading.cancel()
    with pytest.raises(QueryCancelledError):
        list(batches)
    assert pools.submit("SELECT COUNT(*) AS n FROM t", user="ann", kind="heavy").table()["n"].to_pylist() == [300_000]


def test_a_query_is_stopped_after_its_time(pools: QueryPools) -> None:
    handle = pools.submit(SLOW, user="ann", limits=Limits(seconds=0.3))
    with pytest.raises(QueryTimeoutError, match=r"longer than 0\.3 s"):
        handle.table()
    assert handle.state == "failed"


def test_a_killed_worker_is_replaced_and_its_query_runs_again(pools: QueryPools) -> None:
    quick = "SELECT COUNT(*) AS n FROM t a, t b WHERE a.id < 300 AND SIN(a.x) * COS(b.x) > 2"
    handle = pools.submit(quick, user="ann", kind="heavy")
    before = _pid(pools, handle.id)
    os.kill(before, signal.SIGKILL)
    assert handle.table()["n"].to_pylist() == [0]
    assert _pid_of_heavy(pools) != before


def _pid_of_heavy(pools: QueryPools) -> int:
    _until(lambda: pools.processes()["heavy"])
    return pools.processes()["heavy"][0]


def test_killed_twice_or_after_rows_were_given_out_is_a_clear_fault(pools: QueryPools) -> None:
    handle = pools.submit(SLOW, user="ann")
    first = _pid(pools, handle.id)
    os.kill(first, signal.SIGKILL)
    _until(lambda: any(item["id"] == handle.id and item["pid"] != first for item in pools.status()))
    os.kill(_pid(pools, handle.id), signal.SIGKILL)
    with pytest.raises(WorkerLostError, match="tried twice"):
        handle.table()
    # more than fits into the buffers, so that the worker is still sending when it is killed
    pools._disk._left, left = 0, pools._disk._left
    try:
        big = pools.submit("SELECT a.* FROM t a, t b WHERE b.id < 10", user="ann", kind="heavy")
        batches = big.batches()
        rows = next(batches).num_rows
        os.kill(_pid(pools, big.id), signal.SIGKILL)
        with pytest.raises(WorkerLostError, match="given out"):
            rows += sum(batch.num_rows for batch in batches)
        assert rows < 3_000_000
    finally:
        pools._disk._left = left
    assert pools.submit("SELECT COUNT(*) AS n FROM t", user="ann", kind="heavy").table()["n"].to_pylist() == [300_000]


def test_a_slow_query_of_the_interactive_pool_moves(pools: QueryPools, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = pools._dispatcher._plan
    object.__setattr__(plan, "interactive_seconds", 0.3)
    try:
        handle = pools.submit(SLOW, user="ann", kind="interactive")
        _until(lambda: handle.kind == "heavy" and handle.state == "running")
        quick = pools.submit("SELECT COUNT(*) AS n FROM t", user="ann").table()
        assert quick["n"].to_pylist() == [300_000]
        handle.cancel()
    finally:
        object.__setattr__(plan, "interactive_seconds", 10.0)


def test_one_user_with_many_queries_does_not_keep_out_another(pools: QueryPools) -> None:
    many = [pools.submit("SELECT SUM(x) AS s FROM t", user="many", limits=Limits(running=8)) for _ in range(40)]
    other = pools.submit("SELECT SUM(x) AS s FROM t", user="other")
    other.table()
    left = sum(handle.state == "queued" for handle in many)
    assert left > 20
    assert len({handle.table()["s"].to_pylist()[0] for handle in many}) == 1
