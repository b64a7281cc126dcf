"""One running service: its tables, its pools, its jobs and its users, and what belongs to one caller."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
import time
from pathlib import Path
from typing import IO

from fastapi import Request

from uraniborg.catalog.pools import Limits, PoolPlan, QueryHandle, QueryPools
from uraniborg.catalog.storage import HatsSource
from uraniborg.catalog.userdb import UserTables
from uraniborg.core.errors import UserError
from uraniborg.services.catalogue import ServedTable, find_tables, tap_schema_tables, write_tap_schema
from uraniborg.services.config import ServiceConfig
from uraniborg.services.described import Describer
from uraniborg.services.errors import ForbiddenError
from uraniborg.services.identity import ANONYMOUS, Users
from uraniborg.services.tap.jobs import JobStore
from uraniborg.services.tap.runner import JobRunner
from uraniborg.services.uploads import UploadReader

__all__ = ("Service", "service_of")


class Service:
    """What the doors delegate to.

    Parameters
    ----------
    config : ServiceConfig
        Settings.
    plan : PoolPlan, optional
        Processes that answer queries.

    Raises
    ------
    UserError
        If there is no catalogue, or another service uses the same state.
    """

    def __init__(self, config: ServiceConfig, plan: PoolPlan | None = None) -> None:
        self.config = config
        self.released: tuple[ServedTable, ...] = find_tables(config.catalog, config.schema)
        config.state.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(config.state)
        scratch = config.state / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        self.users = Users(config.state / "users.json", anonymous=config.anonymous)
        self.mydb = UserTables(config.state / "mydb", quota=config.quota)
        sources = [HatsSource(t.root, schema=t.schema) for t in self.released if t.root is not None]
        described = write_tap_schema(self.released, config.state / "tap_schema")
        self.pools = QueryPools([*sources, *described], scratch, plan=plan, user_tables=self.mydb)
        self.scratch = scratch / "received"
        self.scratch.mkdir(parents=True, exist_ok=True)
        self.reader = UploadReader()
        self.jobs = JobStore(config.state / "jobs")
        self.describer = Describer(self.tables)
        self.runner = JobRunner(self.jobs, self.pools, reader=self.reader, describer=self.describer, config=config)
        self.since = time.time()

    @property
    def tables(self) -> tuple[ServedTable, ...]:
        """All tables that everybody may ask, TAP_SCHEMA first."""
        return (*tap_schema_tables(), *self.released)

    @property
    def cones(self) -> tuple[ServedTable, ...]:
        """Tables with positions."""
        return tuple(table for table in self.released if table.position is not None)

    def start(self) -> None:
        """Start processes and jobs; called in the event loop."""
        self.pools.start()
        self.runner.start()

    async def stop(self) -> None:
        """Stop everything; jobs that run are kept for the next start."""
        await self.runner.stop()
        self.pools.close()
        await asyncio.to_thread(self.reader.close)
        self.jobs.close()
        self._lock.close()

    def user(self, request: Request) -> str:
        """Return who asks."""
        return self.users.who(request.headers.get("authorization"))

    def named_user(self, request: Request) -> str:
        """Return who asks, if he has a name.

        Raises
        ------
        ForbiddenError
            If he has none.
        """
        user = self.user(request)
        if user == ANONYMOUS:
            raise ForbiddenError("tables of your own need a name: ask the operator for a token and send it")
        return user

    def submit(self, query: str, user: str, rows: int, uploads: dict[str, Path] | None = None) -> QueryHandle:
        """Send a query whose caller waits for the answer."""
        limits = Limits(seconds=self.config.sync_seconds, waiting=self.config.waiting_jobs)
        return self.pools.submit(query, user=user, limits=limits, maxrec=rows, uploads=uploads or {})


def service_of(request: Request) -> Service:
    """Return the service that a request came to."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service


def _lock(state: Path) -> IO[str]:
    file = (state / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise UserError(f"another service runs on {state}; stop it, or give this one another --state") from None
    return file
