"""Queries of many users: what each may see, what it costs, and in which pool it runs."""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

import pyarrow as pa
import pyarrow.parquet as pq

from uraniborg.catalog.engine.plan import Estimate, Planner
from uraniborg.catalog.engine.sources import Source, nan_to_null
from uraniborg.catalog.pools.dispatch import Dispatcher
from uraniborg.catalog.pools.errors import QueryRefusedError
from uraniborg.catalog.pools.handle import Job, QueryHandle
from uraniborg.catalog.pools.limits import Limits, PoolPlan
from uraniborg.catalog.pools.results import DiskBudget, ResultBuffer
from uraniborg.catalog.schema import Table, Tables
from uraniborg.catalog.storage.source import ParquetSource

__all__ = ("QueryPools", "UserSources")


class UserSources(Protocol):
    """Who knows the tables of users."""

    def sources(self, user: str) -> list[Source]:
        """Return the tables that a user may read besides the released ones."""
        ...

    def folders(self) -> list[str]:
        """Return the folders that they are in."""
        ...


class QueryPools:
    """Answers ADQL of many users in worker processes.

    Parameters
    ----------
    sources : iterable of Source
        Released tables, for everybody.
    scratch : Path
        Folder for uploads, answers on their way, and what does not fit into memory; emptied at the end.
    plan : PoolPlan
        How many processes, and what they may take.
    limits : Limits
        What a user may take if nothing else is said.
    user_tables : UserSources, optional
        Tables of users.
    """

    def __init__(
        self,
        sources: Iterable[Source],
        scratch: Path,
        *,
        plan: PoolPlan | None = None,
        limits: Limits | None = None,
        user_tables: UserSources | None = None,
    ) -> None:
        self._sources = {source.table.full_name: source for source in sources}
        self._plan = plan or PoolPlan()
        self._limits = limits or Limits()
        self._user_tables = user_tables
        scratch.mkdir(parents=True, exist_ok=True)
        self._scratch = Path(tempfile.mkdtemp(dir=scratch.resolve(), prefix="pools-"))
        self._disk = DiskBudget(self._plan.result_disk)
        self._lock = threading.Lock()
        folders = [folder for source in self._sources.values() for folder in source.folders()]
        folders += user_tables.folders() if user_tables is not None else []
        self._uploads = self._scratch / "uploads"
        self._uploads.mkdir()
        self._dispatcher = Dispatcher(self._plan, [*dict.fromkeys(folders), f"{self._uploads}/"], self._scratch)

    def start(self) -> Self:
        """Start the processes; queries may be sent before they are up."""
        self._dispatcher.start()
        return self

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Cancel all queries and end all processes."""
        self._dispatcher.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def tables(self, user: str) -> Tables:
        """Return the tables that a user may ask."""
        return Tables(source.table for source in self._visible(user))

    def sources(self, user: str) -> list[Source]:
        """Return where the tables are that a user may ask."""
        return self._visible(user)

    def _visible(self, user: str) -> list[Source]:
        own = self._user_tables.sources(user) if self._user_tables is not None else []
        with self._lock:
            return [*self._sources.values(), *own]

    def add(self, source: Source) -> None:
        """Add a released table whose files lie in a folder that was given at the start."""
        with self._lock:
            self._sources[source.table.full_name] = source

    def remove(self, full_name: str) -> None:
        """Take a released table away; queries that run go on."""
        with self._lock:
            self._sources.pop(full_name, None)

    def estimate(self, query: str, *, user: str, uploads: Mapping[str, pa.Table | Path] | None = None) -> Estimate:
        """Return what a query would cost, without running it.

        Raises
        ------
        AdqlError
            If it cannot be answered as written.
        """
        cleanup: list[Callable[[], None]] = []
        try:
            return Planner([*self._visible(user), *self._uploaded(uploads or {}, cleanup)]).plan(query).estimate
        finally:
            for clean in cleanup:
                clean()

    def submit(
        self,
        query: str,
        *,
        user: str,
        limits: Limits | None = None,
        maxrec: int | None = None,
        uploads: Mapping[str, pa.Table | Path] | None = None,
        kind: str | None = None,
    ) -> QueryHandle:
        """Send a query; returns before it runs.

        Parameters
        ----------
        query : str
            ADQL 2.1.
        user : str
            Who asks.
        limits : Limits, optional
            What he may take.
        maxrec : int, optional
            Most rows of the answer.
        uploads : mapping of str to pyarrow.Table or Path, optional
            Tables that this query sees as ``TAP_UPLOAD.name``; files are Parquet.
        kind : str, optional
            ``interactive`` or ``heavy``, instead of what the estimate says.

        Raises
        ------
        AdqlError
            If it cannot be answered as written.
        QueryRefusedError
            If too many queries of the user wait.
        """
        limits = limits or self._limits
        waiting = self._dispatcher.waiting_of(user)
        if waiting >= limits.waiting:
            raise QueryRefusedError(f"{waiting} queries of {user} wait already, {limits.waiting} may; wait for some")
        cleanup: list[Callable[[], None]] = []
        try:
            plan = Planner([*self._visible(user), *self._uploaded(uploads or {}, cleanup)]).plan(query)
        except BaseException:
            for clean in cleanup:
                clean()
            raise
        rows = min((n for n in (maxrec, limits.rows) if n is not None), default=None)
        holder: list[Job] = []
        buffer = ResultBuffer(self._scratch, self._plan.result_memory, self._disk, lambda: holder[0].changed())
        job = Job(user, query, plan, kind or plan.estimate.kind, limits, rows, buffer, cleanup)
        holder.append(job)
        self._dispatcher.submit(job)
        return QueryHandle(job, self._dispatcher.cancel, self._dispatcher.position)

    def _uploaded(self, uploads: Mapping[str, pa.Table | Path], cleanup: list[Callable[[], None]]) -> list[Source]:
        found: list[Source] = []
        for name, data in uploads.items():
            if isinstance(data, pa.Table):
                data = nan_to_null(data)
            folder = Path(tempfile.mkdtemp(dir=self._uploads))
            cleanup.append(lambda folder=folder: shutil.rmtree(folder, ignore_errors=True))  # type: ignore[misc]
            file = folder / "upload.parquet"
            if isinstance(data, Path):
                shutil.copyfile(data, file)
            else:
                pq.write_table(data, file, compression="none")
            found.append(ParquetSource(file, Table(name, (), "TAP_UPLOAD")))
        return found

    def status(self) -> list[dict[str, Any]]:
        """Return what runs: user, kind, seconds, process."""
        return self._dispatcher.status()

    def waiting(self) -> dict[str, int]:
        """Return how many queries wait in each pool."""
        return self._dispatcher.waiting()

    def processes(self) -> dict[str, list[int]]:
        """Return the numbers of the processes of each pool."""
        return self._dispatcher.processes()
