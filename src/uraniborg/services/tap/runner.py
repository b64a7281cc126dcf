"""Runs the jobs of the store: a fair choice of the next one, results as files, and a way to watch and stop each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, replace
from pathlib import Path

from uraniborg.catalog.pools import Limits, QueryHandle, QueryPools
from uraniborg.core.errors import UraniborgError
from uraniborg.services.answers import encoded
from uraniborg.services.config import ServiceConfig
from uraniborg.services.described import Describer
from uraniborg.services.parameters import Parameters
from uraniborg.services.tap.jobs import ACTIVE, Job, JobStore
from uraniborg.services.tap.requests import TapRequest, read_request, take_uploads
from uraniborg.services.uploads import UploadReader

__all__ = ("JobRunner",)

_LOG = logging.getLogger(__name__)
_AT_A_TIME = 16
_SWEEP = 30.0


@dataclass(slots=True)
class _Running:
    job: Job
    task: asyncio.Task[None]
    handle: QueryHandle | None = None


class JobRunner:
    """Runs jobs until it is stopped.

    Parameters
    ----------
    store : JobStore
        The jobs.
    pools : QueryPools
        Where queries are answered.
    reader : UploadReader
        Reads uploads.
    describer : Describer
        Knows the columns.
    config : ServiceConfig
        Limits.
    """

    def __init__(
        self, store: JobStore, pools: QueryPools, *, reader: UploadReader, describer: Describer, config: ServiceConfig
    ) -> None:
        self._store, self._pools, self._reader, self._config = store, pools, reader, config
        self._describer = describer
        self._running: dict[str, _Running] = {}
        self._watchers: dict[str, set[asyncio.Event]] = {}
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Queue again what a crash interrupted, and begin."""
        lost = self._store.recover()
        if lost:
            _LOG.info("%d jobs that were running run again", lost)
        self._tasks = [asyncio.create_task(self._choose()), asyncio.create_task(self._sweep())]
        self._wake.set()

    async def stop(self) -> None:
        """Stop; jobs that run are run again after the next start."""
        for task in self._tasks + [item.task for item in self._running.values()]:
            task.cancel()
        for item in list(self._running.values()):
            if item.handle is not None:
                item.handle.cancel()
        await asyncio.gather(*self._tasks, *(i.task for i in self._running.values()), return_exceptions=True)

    def queue(self, job: Job) -> None:
        """Let a pending job run."""
        if self._store.update(job, only_in=("PENDING",), phase="QUEUED"):
            self._changed(job.id)
            self._wake.set()

    def abort(self, job: Job) -> None:
        """Stop a job, whatever it does."""
        if self._store.update(job, only_in=("PENDING", *ACTIVE), phase="ABORTED", ended=time.time()):
            running = self._running.get(job.id)
            if running is not None:
                if running.handle is not None:
                    running.handle.cancel()
                running.task.cancel()
            self._changed(job.id)

    def delete(self, job: Job) -> None:
        """Stop and delete a job."""
        self.abort(job)
        self._store.delete(job.id)
        self._changed(job.id)

    def handle(self, job_id: str) -> QueryHandle | None:
        """Return the query of a job that runs."""
        running = self._running.get(job_id)
        return running.handle if running is not None else None

    async def wait(self, job: Job, seconds: float) -> None:
        """Wait until a job changes its phase, at most some time."""
        event = asyncio.Event()
        watchers = self._watchers.setdefault(job.id, set())
        watchers.add(event)
        try:
            if self._store.get(job.id).phase == job.phase:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), seconds)
        finally:
            watchers.discard(event)
            if not watchers:
                self._watchers.pop(job.id, None)

    def _changed(self, job_id: str) -> None:
        for event in self._watchers.get(job_id, ()):
            event.set()

    async def _choose(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while len(self._running) < _AT_A_TIME:
                counts = Counter(item.job.owner for item in self._running.values())
                job = self._store.next_queued(running=dict(counts), most=self._config.running_jobs)
                if job is None:
                    break
                if self._store.update(job, only_in=("QUEUED",), phase="EXECUTING", started=time.time()):
                    self._running[job.id] = _Running(job, asyncio.create_task(self._run(job)))
                    self._changed(job.id)

    async def _run(self, job: Job) -> None:
        try:
            changes = await self._answer(job)
            self._store.update(job, only_in=("EXECUTING",), phase="COMPLETED", ended=time.time(), **changes)
        except asyncio.CancelledError:
            pass
        except UraniborgError as error:
            self._fail(job, str(error))
        except Exception as error:
            _LOG.exception("job %s", job.id)
            self._fail(job, f"the service failed: {type(error).__name__}; tell its operator the job {job.id}")
        finally:
            self._running.pop(job.id, None)
            self._changed(job.id)
            self._wake.set()

    def _fail(self, job: Job, message: str) -> None:
        self._store.update(job, only_in=("EXECUTING",), phase="ERROR", ended=time.time(), error=message)

    async def _answer(self, job: Job) -> dict[str, object]:
        wanted = read_request(Parameters({name: [value] for name, value in job.parameters.items()}), self._config)
        folder = self._store.files(job.id)
        folder.mkdir(parents=True, exist_ok=True)
        files = {key[7:]: folder / value for key, value in job.parameters.items() if key.startswith("_UPLOAD")}
        uploads = await take_uploads(files, self._reader, self._config.upload_rows)
        limits = Limits(seconds=job.duration or None, waiting=2 * self._config.running_jobs + 100)
        handle = self._pools.submit(wanted.query, user=job.owner, limits=limits, maxrec=wanted.rows, uploads=uploads)
        running = self._running.get(job.id)
        if running is not None:
            running.handle = handle
        name = f"result.{wanted.format.ending}"
        wanted = replace(wanted, format=replace(wanted.format, describe=self._describer.also(uploads)))
        size = await _to_file(handle, wanted, folder / name)
        return {
            "result": name,
            "media_type": wanted.format.media_type,
            "size": size,
            "rows": handle.progress.rows,
            "overflow": handle.overflow,
        }

    async def _sweep(self) -> None:
        while True:
            for job_id in self._store.expired():
                self.delete(self._store.get(job_id))
            await asyncio.sleep(_SWEEP)


async def _to_file(handle: QueryHandle, wanted: TapRequest, path: Path) -> int:
    part = path.with_suffix(path.suffix + ".part")
    size = 0
    try:
        with part.open("wb") as file:
            pieces = encoded(handle, wanted.format, query=wanted.query, limit_is_zero=wanted.rows == 0)
            async with aclosing(pieces) as rest:
                async for piece in rest:
                    size += file.write(piece)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return size
