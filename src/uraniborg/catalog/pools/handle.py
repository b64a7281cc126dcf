"""A query that was sent: watch it, read its answer, stop it."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from uraniborg.catalog.engine.plan import Estimate, Plan
from uraniborg.catalog.pools.results import PENDING, ResultBuffer
from uraniborg.catalog.schema import Column

if TYPE_CHECKING:
    from uraniborg.catalog.pools.limits import Limits

__all__ = ("Job", "Progress", "QueryHandle")

ENDED = ("completed", "failed", "cancelled")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a query is.

    Parameters
    ----------
    fraction : float or None
        Part of the work that is done, from 0 to 1; None while it waits.
    rows : int
        Rows of the answer so far.
    seconds : float [s]
        Time that it has been running.
    position_in_queue : int
        Queries of the same user before it.
    """

    fraction: float | None
    rows: int
    seconds: float
    position_in_queue: int


@dataclass(eq=False)
class Job:
    """What the pools know about a query; its user sees a `QueryHandle`."""

    user: str
    query: str
    plan: Plan
    kind: str
    limits: Limits
    rows: int | None
    buffer: ResultBuffer
    cleanup: list[Callable[[], None]] = field(default_factory=list)
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: str = "queued"
    error: Exception | None = None
    schema: pa.Schema | None = None
    fraction: float | None = None
    rows_so_far: int = 0
    attempts: int = 0
    overflow: bool = False
    stop_reason: Exception | None = None
    stop_time: float | None = None
    submitted: float = field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None
    watchers: list[Callable[[], None]] = field(default_factory=list)
    known: threading.Event = field(default_factory=threading.Event)
    done: threading.Event = field(default_factory=threading.Event)

    def changed(self) -> None:
        """Tell those who watch."""
        for watcher in list(self.watchers):
            watcher()


class QueryHandle:
    """What the one who sent a query holds; safe for threads.

    Parameters
    ----------
    job : Job
        The query.
    cancel, position : callable
        Stop it; say how many are before it.
    """

    def __init__(self, job: Job, cancel: Callable[[Job], None], position: Callable[[Job], int]) -> None:
        self._job = job
        self._cancel = cancel
        self._position = position

    @property
    def id(self) -> str:
        """A name that no other query has."""
        return self._job.id

    @property
    def user(self) -> str:
        """Who sent it."""
        return self._job.user

    @property
    def kind(self) -> str:
        """``interactive`` or ``heavy``."""
        return self._job.kind

    @property
    def estimate(self) -> Estimate:
        """What it was expected to cost."""
        return self._job.plan.estimate

    @property
    def columns(self) -> tuple[Column, ...]:
        """What the columns of the answer are."""
        return self._job.plan.checked.columns

    @property
    def state(self) -> str:
        """``queued``, ``running``, ``completed``, ``failed`` or ``cancelled``."""
        return self._job.state

    @property
    def error(self) -> Exception | None:
        """Why it failed."""
        return self._job.error

    @property
    def overflow(self) -> bool:
        """Whether rows beyond the limit were left out; valid after the end."""
        return self._job.overflow

    @property
    def times(self) -> tuple[float, float | None, float | None]:
        """When it was sent, started and ended [s since 1970]."""
        return self._job.submitted, self._job.started, self._job.ended

    @property
    def progress(self) -> Progress:
        """How far it is."""
        job = self._job
        seconds = 0.0 if job.started is None else (job.ended or time.time()) - job.started
        position = self._position(job) if job.state == "queued" else 0
        return Progress(1.0 if job.state == "completed" else job.fraction, job.rows_so_far, seconds, position)

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call a function, in any thread, whenever the state changes or rows arrive."""
        self._job.watchers.append(callback)
        callback()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all is made (not read); return whether it is."""
        return self._job.done.wait(timeout)

    def cancel(self) -> None:
        """Stop it; returns at once."""
        self._cancel(self._job)

    def schema(self, timeout: float | None = None) -> pa.Schema:
        """Return the types of the answer as soon as they are known.

        Raises
        ------
        TimeoutError
            If that takes longer than a time [s].
        Exception
            If the query failed before.
        """
        if not self._job.known.wait(timeout):
            raise TimeoutError(f"no answer within {timeout} s")
        if self._job.schema is None:
            assert self._job.error is not None
            raise self._job.error
        return self._job.schema

    def _batch(self, piece: Any) -> pa.RecordBatch:
        return pa.ipc.read_record_batch(pa.py_buffer(piece), self._job.schema)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the answer, once; what is not read to the end is cancelled.

        Raises
        ------
        UserError or StoreError
            As the query ended.
        """
        try:
            while (piece := self._job.buffer.get()) is not None:
                yield self._batch(piece)
        finally:
            self._finish_reading()

    async def stream(self) -> AsyncGenerator[pa.RecordBatch]:
        """Yield the answer to asyncio."""
        loop, event = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(event.set)

        self.on_change(wake)
        try:
            while (piece := self._job.buffer.poll()) is not None:
                if piece is PENDING:
                    await event.wait()
                    event.clear()
                else:
                    yield self._batch(piece)
        finally:
            self._job.watchers.remove(wake)
            self._finish_reading()

    def _finish_reading(self) -> None:
        if self._job.state not in ENDED:
            self._cancel(self._job)
        self._job.buffer.drop()

    def table(self) -> pa.Table:
        """Return the whole answer."""
        batches = list(self.batches())
        return pa.Table.from_batches(batches, schema=self.schema())
