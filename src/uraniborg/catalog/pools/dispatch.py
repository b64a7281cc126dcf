"""The interactive and the heavy pool: queue, run, watch, stop, and replace workers that die."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.ipc

from uraniborg.catalog.adql.errors import AdqlError
from uraniborg.catalog.pools.errors import (
    QueryCancelledError,
    QueryRefusedError,
    QueryTimeoutError,
    WorkerLostError,
)
from uraniborg.catalog.pools.fair import FairQueue
from uraniborg.catalog.pools.handle import ENDED, Job
from uraniborg.catalog.pools.limits import PoolPlan
from uraniborg.catalog.pools.process import WorkerProcess, WorkerSetup
from uraniborg.catalog.worker import frames
from uraniborg.core.errors import StoreError

__all__ = ("Dispatcher",)

_GRACE = 3.0
_TRIES = 2
_DEAD_STARTS = 3
_TICK = 0.05


class Dispatcher:
    """Two pools of workers.

    Parameters
    ----------
    plan : PoolPlan
        How many, and what they may take.
    folders : sequence of str
        Folders that they can read.
    scratch : Path
        Folder for what does not fit into their memory.
    """

    def __init__(self, plan: PoolPlan, folders: Sequence[str], scratch: Path) -> None:
        self._plan, self._folders, self._scratch = plan, folders, scratch
        self._lock = threading.RLock()
        self._queues: dict[str, FairQueue[Job]] = {"interactive": FairQueue(), "heavy": FairQueue()}
        self._workers: set[WorkerProcess] = set()
        self._idle: dict[str, list[WorkerProcess]] = {"interactive": [], "heavy": []}
        self._running: dict[WorkerProcess, Job] = {}
        self._dead_starts = 0
        self._broken: StoreError | None = None
        self._closed = threading.Event()
        self._monitor = threading.Thread(target=self._watch, daemon=True, name="query-monitor")

    def start(self) -> None:
        """Start the processes."""
        for pool, number in (("interactive", self._plan.interactive), ("heavy", self._plan.heavy)):
            for _ in range(number):
                self._spawn(pool)
        self._monitor.start()

    def close(self) -> None:
        """Cancel all queries and end all processes."""
        self._closed.set()
        with self._lock:
            jobs = list(self._running.values())
            for queue in self._queues.values():
                while (job := queue.pop(lambda _: True)) is not None:
                    jobs.append(job)
            workers = list(self._workers)
        for job in jobs:
            self._end(job, "cancelled", QueryCancelledError("the service is closing; send the query again later"))
        for worker in workers:
            worker.close()
        if self._monitor.is_alive():
            self._monitor.join(5)

    def _spawn(self, pool: str) -> None:
        heavy = pool == "heavy"
        setup = WorkerSetup(
            self._folders,
            self._scratch,
            self._plan.heavy_memory if heavy else self._plan.interactive_memory,
            self._plan.spill,
            self._plan.heavy_threads if heavy else self._plan.interactive_threads,
            10 if heavy else 0,
        )
        worker = WorkerProcess(setup, pool, self)
        with self._lock:
            self._workers.add(worker)
        worker.start()

    def submit(self, job: Job) -> None:
        """Put a query into its queue.

        Raises
        ------
        StoreError
            If there is no worker to answer it.
        """
        if not self._plan.heavy or not self._plan.interactive:
            job.kind = "interactive" if self._plan.interactive else "heavy"
        with self._lock:
            if self._broken is not None or self._closed.is_set():
                error = self._broken or StoreError("the query service is closed")
                self._end(job, "failed", error)
                raise error
            self._queues[job.kind].push(job.user, job)
        self._dispatch()

    def cancel(self, job: Job) -> None:
        """Stop a query, at any moment."""
        self._stop(job, QueryCancelledError("the query was cancelled"))

    def position(self, job: Job) -> int:
        """Return how many queries of the same user are before one."""
        with self._lock:
            return self._queues[job.kind].place(job.user, job)

    def waiting_of(self, user: str) -> int:
        """Return how many queries of a user wait."""
        with self._lock:
            return sum(queue.waiting(user) for queue in self._queues.values())

    def status(self) -> list[dict[str, Any]]:
        """Return what runs: user, kind, seconds, process."""
        with self._lock:
            now = time.time()
            return [
                {"id": j.id, "user": j.user, "kind": j.kind, "seconds": now - (j.started or now), "pid": w.pid}
                for w, j in self._running.items()
            ]

    def waiting(self) -> dict[str, int]:
        """Return how many queries wait in each pool."""
        with self._lock:
            return {name: len(queue) for name, queue in self._queues.items()}

    def processes(self) -> dict[str, list[int]]:
        """Return the numbers of the processes of each pool."""
        with self._lock:
            return {pool: sorted(w.pid for w in self._workers if w.pool == pool) for pool in self._queues}

    def _dispatch(self) -> None:
        with self._lock:
            for pool, idle in self._idle.items():
                while idle and not self._closed.is_set():
                    running: dict[str, int] = {}
                    for other in self._running.values():
                        if other.kind == pool:
                            running[other.user] = running.get(other.user, 0) + 1
                    job = self._queues[pool].pop(lambda user, n=running: n.get(user, 0) < self._most(user))  # type: ignore[misc]
                    if job is None:
                        break
                    self._begin(idle.pop(), job)

    def _most(self, user: str) -> int:
        job = next((j for q in self._queues.values() for j in q.of(user)), None)
        return job.limits.running if job is not None else 0

    def _begin(self, worker: WorkerProcess, job: Job) -> None:
        job.state, job.started, job.attempts = "running", time.time(), job.attempts + 1
        job.fraction, job.rows_so_far = 0.0, 0
        self._running[worker] = job
        request = {
            "id": job.id,
            "sql": job.plan.limited(job.rows),
            "names": [column.name for column in job.plan.checked.columns],
            "rows": job.rows,
            "bytes": job.limits.bytes,
            "seed": job.plan.translation.seed,
        }
        worker.run(request)
        job.changed()

    def ready(self, worker: WorkerProcess) -> None:
        """Take a worker that can take a query."""
        with self._lock:
            self._dead_starts = 0
            self._idle[worker.pool].append(worker)
        self._dispatch()

    def message(self, worker: WorkerProcess, kind: bytes, body: bytearray) -> None:
        """Take what a worker says about its query."""
        with self._lock:
            job = self._running.get(worker)
        if job is None:
            return
        if kind == frames.BATCH:
            if job.stop_reason is None:
                assert job.schema is not None
                job.rows_so_far += pa.ipc.read_record_batch(pa.py_buffer(body), job.schema).num_rows
                job.buffer.put(body)
        elif kind == frames.SCHEMA:
            job.schema = pa.ipc.read_schema(pa.py_buffer(bytes(body)))
            job.known.set()
        elif kind == frames.PROGRESS:
            job.fraction = max(job.fraction or 0.0, float(frames.words(body)["fraction"]))
        elif kind in (frames.END, frames.FAULT):
            self._free(worker, job)
            self._conclude(job, kind, frames.words(body))
            self._dispatch()

    def _free(self, worker: WorkerProcess, job: Job) -> None:
        with self._lock:
            del self._running[worker]
            self._idle[worker.pool].append(worker)
            self._queues[worker.pool].charge(job.user, time.time() - (job.started or time.time()))

    def _conclude(self, job: Job, kind: bytes, told: dict[str, Any]) -> None:
        if job.stop_reason is not None:
            self._end(
                job, "cancelled" if isinstance(job.stop_reason, QueryCancelledError) else "failed", job.stop_reason
            )
        elif kind == frames.END:
            if told["rows"] != job.rows_so_far:
                fault = f"{job.rows_so_far} of {told['rows']} rows arrived; send the query again"
                self._end(job, "failed", WorkerLostError(fault))
                return
            job.overflow = bool(told["overflow"])
            self._end(job, "completed", None)
        elif told["kind"] == "query":
            self._end(job, "failed", AdqlError(told["text"], job.query, job.plan.checked.query.at))
        elif told["kind"] == "memory":
            hint = "ask for fewer rows or columns, or less sky"
            self._end(
                job, "failed", QueryRefusedError(f"the query needs more than it may have: {told['text']}; {hint}")
            )
        else:
            self._end(job, "failed", StoreError(f"the query engine failed: {told['text']}"))

    def _end(self, job: Job, state: str, error: Exception | None) -> None:
        with self._lock:
            if job.state in ENDED:
                return
            job.error, job.ended, job.state = error, time.time(), state
        job.buffer.end(error)
        for clean in job.cleanup:
            clean()
        job.known.set()
        job.done.set()
        job.changed()

    def _stop(self, job: Job, reason: Exception) -> None:
        with self._lock:
            if job.state in ENDED or job.stop_reason is not None:
                return
            job.stop_reason, job.stop_time = reason, time.time()
            worker = next((w for w, j in self._running.items() if j is job), None)
            if worker is None:
                self._queues[job.kind].remove(job.user, job)
        state = "cancelled" if isinstance(reason, QueryCancelledError) else "failed"
        if worker is not None:
            worker.cancel(job.id)
        job.buffer.drop() if worker is not None else None
        self._end(job, state, reason)

    def lost(self, worker: WorkerProcess) -> None:
        """Replace a dead worker; its query runs again if nothing of its answer was given out."""
        with self._lock:
            self._workers.discard(worker)
            if worker in self._idle[worker.pool]:
                self._idle[worker.pool].remove(worker)
            job = self._running.pop(worker, None)
            self._dead_starts += 0 if worker.was_ready else 1
        if self._closed.is_set():
            return
        if job is not None and job.state not in ENDED:
            if job.attempts < _TRIES and job.buffer.restart():
                job.state, job.fraction = "queued", None
                with self._lock:
                    self._queues[worker.pool].push(job.user, job, first=True)
            else:
                again = "part of its answer was given out" if job.attempts < _TRIES else "it was tried twice"
                fault = f"the process that answered the query died ({again}); send the query again"
                self._end(job, "failed", WorkerLostError(fault))
        if self._dead_starts >= _DEAD_STARTS:
            self._give_up(worker.errors)
        else:
            self._spawn(worker.pool)

    def _give_up(self, errors: str) -> None:
        with self._lock:
            self._broken = StoreError(f"the query processes do not start: {errors or 'they wrote no error'}")
            jobs = []
            for queue in self._queues.values():
                while (job := queue.pop(lambda _: True)) is not None:
                    jobs.append(job)
        for job in jobs:
            self._end(job, "failed", self._broken)

    def _watch(self) -> None:
        while not self._closed.wait(_TICK):
            now = time.time()
            with self._lock:
                running = list(self._running.items())
            for worker, job in running:
                age = now - (job.started or now)
                if job.stop_time is not None and now - job.stop_time > _GRACE:
                    worker.kill()
                elif job.limits.seconds is not None and age > job.limits.seconds:
                    limit = job.limits.seconds
                    self._stop(
                        job,
                        QueryTimeoutError(f"the query took longer than {limit} s; ask for less sky or fewer columns"),
                    )
                elif worker.pool == "interactive" and self._plan.heavy and age > self._plan.interactive_seconds:
                    self._demote(worker, job)

    def _demote(self, worker: WorkerProcess, job: Job) -> None:
        """Start a query of the interactive pool anew in the heavy one."""
        with self._lock:
            if self._running.get(worker) is not job or job.state != "running" or not job.buffer.restart():
                return
            # the old worker answers to a job that is nobody's from now on
            ghost = Job(job.user, job.query, job.plan, "interactive", job.limits, job.rows, job.buffer, id=job.id)
            ghost.state, ghost.started = "cancelled", job.started
            ghost.stop_reason, ghost.stop_time = QueryCancelledError("moved"), time.time()
            self._running[worker] = ghost
            job.kind, job.state, job.fraction = "heavy", "queued", None
            self._queues["heavy"].push(job.user, job)
        worker.cancel(job.id)
        job.changed()
        self._dispatch()
