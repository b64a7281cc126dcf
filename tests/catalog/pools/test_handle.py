from __future__ import annotations

import asyncio

import pytest

from uraniborg.catalog.pools import QueryCancelledError, QueryPools


def test_an_answer_is_told_as_it_is_made(pools: QueryPools) -> None:
    changes = []
    handle = pools.submit("SELECT id, x FROM t", user="ann")
    handle.on_change(lambda: changes.append(handle.state))
    assert handle.schema(20).names == ["id", "x"]
    assert sum(batch.num_rows for batch in handle.batches()) == 300_000
    assert handle.wait(5)
    assert (handle.state, handle.progress.fraction, handle.progress.rows) == ("completed", 1.0, 300_000)
    assert len(changes) > 3
    sent, started, ended = handle.times
    assert started is not None
    assert ended is not None
    assert sent <= started <= ended
    assert handle.progress.seconds == pytest.approx(ended - started)


def test_an_answer_that_is_not_read_to_the_end_is_cancelled(pools: QueryPools) -> None:
    handle = pools.submit("SELECT a.id, b.x FROM t a, t b WHERE b.id < 50", user="ann", kind="heavy")
    batches = handle.batches()
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert handle.state == "cancelled"


def test_many_answers_for_one_loop(pools: QueryPools) -> None:
    async def rows(i: int) -> int:
        handle = pools.submit(f"SELECT id FROM t WHERE id < {i * 1000}", user=f"user{i % 3}")
        return sum([batch.num_rows async for batch in handle.stream()])

    async def fault() -> None:
        handle = pools.submit("SELECT COUNT(*) AS n FROM t a, t b WHERE SIN(a.x) * COS(b.x) > 2", user="ann")
        asyncio.get_running_loop().call_later(0.1, handle.cancel)
        async for _ in handle.stream():
            pass

    async def every() -> list[int]:
        with pytest.raises(QueryCancelledError):
            await fault()
        return await asyncio.gather(*(rows(i) for i in range(20)))

    assert asyncio.run(every()) == [i * 1000 for i in range(20)]
