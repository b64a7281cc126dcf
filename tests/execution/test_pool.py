from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from uraniborg.core.errors import StoreError
from uraniborg.execution.pool import Death, WorkerPool, _reason
from uraniborg.execution.worker import Order, Outcome


@pytest.fixture
def graph_file(tiny: Any) -> Iterator[tuple[Any, str]]:
    with tiny.prepared("delay: 0.3") as (_, graph):
        from uraniborg.execution.runner import _build, load_pipeline

        names = {"output": "u/x", "output_run": graph.header.output_run, "inputs": ["tiny/raw"], "extend_run": True}
        components = _build(load_pipeline(tiny.pipeline("delay: 0.3")), tiny.repo, "instrument='Tiny'", names)
        path = str(tiny.folder / "graph.qg")
        components.write(path)
        yield components.assemble(), path


def gather(pool: WorkerPool, done: Callable[[list[Outcome | Death]], bool]) -> list[Outcome | Death]:
    events: list[Outcome | Death] = []
    deadline = time.monotonic() + 60.0
    while not done(events):
        assert time.monotonic() < deadline
        events += pool.collect(0.2)
    return events


def test_workers_persist_die_and_are_replaced_and_so_is_their_parent(tiny: Any, graph_file: tuple[Any, str]) -> None:
    graph, path = graph_file
    orders = [Order(quantum_id) for quantum_id in graph.quanta_by_task["one"].values()]
    pool = WorkerPool(jobs=2, graph_file=path, repository=tiny.repo)
    try:
        assert pool.n_idle == 2
        for order in orders[:2]:
            pool.submit(order)
        with pytest.raises(LookupError):
            pool.submit(orders[2])
        first = gather(pool, lambda events: len(events) == 2)
        assert all(isinstance(event, Outcome) and event.fault is None for event in first)
        pids = set(pool.pids)
        assert len(pids) == 2

        two = next(
            i
            for d, i in graph.quanta_by_task["two"].items()
            if graph.quantum_only_xgraph.has_edge(first[0].quantum_id, i)
        )  # type: ignore[union-attr]
        pool.submit(Order(two))
        os.kill(sorted(pids)[0], signal.SIGKILL)
        os.kill(sorted(pids)[1], signal.SIGKILL)
        (death,) = gather(pool, lambda events: len(events) == 1)
        assert isinstance(death, Death)
        assert death.order.quantum_id == two
        assert "SIGKILL" in death.reason
        while pids & set(pool.pids):  # the idle one is replaced without a word, as soon as its death is noticed
            assert not pool.collect(0.1)
        pool.submit(orders[2])
        (outcome,) = gather(pool, lambda events: len(events) == 1)
        assert isinstance(outcome, Outcome)
        assert outcome.fault is None
        assert not set(pool.pids) & pids

        os.kill(pool._process.pid, signal.SIGKILL)
        pool.submit(orders[3])
        (death,) = gather(pool, lambda events: len(events) == 1)
        assert isinstance(death, Death)
        assert "parent of the worker processes died" in death.reason
        pool.submit(orders[4])
        (outcome,) = gather(pool, lambda events: len(events) == 1)
        assert isinstance(outcome, Outcome)
        assert outcome.fault is None
        pids = {pool._process.pid, *pool.pids}
    finally:
        pool.close()
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_a_graph_that_cannot_be_read_is_told(tiny: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.qg").write_bytes(b"this is no graph")
    pool = WorkerPool(jobs=1, graph_file=str(tmp_path / "bad.qg"), repository=tiny.repo)
    try:
        with pytest.raises(StoreError, match="could not be started"):
            gather(pool, lambda events: False)
    finally:
        pool.close()


def test_workers_that_keep_dying_end_the_run(tiny: Any, graph_file: tuple[Any, str], tmp_path: Path) -> None:
    # Each worker trips over the missing repository while it is being set up.
    pool = WorkerPool(jobs=1, graph_file=graph_file[1], repository=str(tmp_path / "nowhere"))
    try:
        with pytest.raises(StoreError, match="died in a row"):
            gather(pool, lambda events: False)
    finally:
        pool.close()


def test_reasons() -> None:
    assert "killed by SIGSEGV" in _reason(7, -11)
    assert "memory" in _reason(7, -9)
    assert "memory" not in _reason(7, -11)
    assert "exited with status 3" in _reason(7, 3)
