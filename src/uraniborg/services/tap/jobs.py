"""Jobs on disk: what was acknowledged is there after any crash (UWS 1.1).

One SQLite file in WAL mode; a row is committed before the caller hears of the job. Results are files beside it.
"""

from __future__ import annotations

import json
import secrets
import shutil
import sqlite3
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from uraniborg.services.errors import UnknownThingError

__all__ = ("ACTIVE", "ENDED", "Job", "JobStore")

ACTIVE = ("QUEUED", "EXECUTING")
ENDED = ("COMPLETED", "ERROR", "ABORTED")


@dataclass(frozen=True, slots=True)
class Job:
    """A job; times are seconds since 1970, `parameters` has the names in capitals."""

    id: str
    owner: str
    phase: str
    parameters: dict[str, str]
    created: float
    destruction: float
    duration: float
    run_id: str = ""
    started: float | None = None
    ended: float | None = None
    quote: float | None = None
    error: str = ""
    result: str = ""
    media_type: str = ""
    size: int = 0
    rows: int = 0
    overflow: bool = False


_COLUMNS = tuple(Job.__dataclass_fields__)


class JobStore:
    """The jobs of a service.

    Parameters
    ----------
    folder : Path
        Folder of the database and of the results.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self._lock = threading.Lock()
        self._db = sqlite3.connect(folder / "jobs.sqlite", check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute(f"CREATE TABLE IF NOT EXISTS jobs ({', '.join(_COLUMNS)}, PRIMARY KEY (id)) WITHOUT ROWID")
        self._db.execute("CREATE INDEX IF NOT EXISTS by_owner ON jobs (owner, created)")
        self._db.execute("CREATE INDEX IF NOT EXISTS by_phase ON jobs (phase, created)")

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    def files(self, job_id: str) -> Path:
        """Return the folder of the files of a job."""
        return self.folder / job_id[:2] / job_id

    def create(self, owner: str, parameters: dict[str, str], *, duration: float, days: float, run_id: str = "") -> Job:
        """Make a job in phase PENDING; it is on disk when this returns."""
        now = time.time()
        job = Job(secrets.token_hex(12), owner, "PENDING", parameters, now, now + days * 86_400, duration, run_id)
        marks = ", ".join("?" * len(_COLUMNS))
        self._run(f"INSERT INTO jobs VALUES ({marks})", _row(job))
        return job

    def get(self, job_id: str, owner: str | None = None) -> Job:
        """Return a job.

        Raises
        ------
        UnknownThingError
            If there is none, or it is not the owner's: one cannot tell which.
        """
        rows = self._run("SELECT * FROM jobs WHERE id = ?", (job_id,))
        if not rows or (owner is not None and rows[0][1] != owner):
            raise UnknownThingError(f"there is no job {job_id[:40]!r}; it may have been deleted or have expired")
        return _job(rows[0])

    def update(self, job: Job, *, only_in: Iterable[str] = (), **changes: object) -> bool:
        """Change a job if it is in one of some phases (or in any); return whether it was."""
        phases = tuple(only_in)
        new = dict(zip(_COLUMNS, _row(replace(job, **changes)), strict=True))  # type: ignore[arg-type]
        sets = ", ".join(f"{name} = ?" for name in changes)
        where = f" AND phase IN ({', '.join('?' * len(phases))})" if phases else ""
        values = (*(new[name] for name in changes), job.id, *phases)
        return self._change(f"UPDATE jobs SET {sets} WHERE id = ?{where}", values) > 0

    def owned_by(
        self, owner: str, *, phases: Iterable[str] = (), after: float | None = None, last: int | None = None
    ) -> list[Job]:
        """Return jobs of an owner, the newest first."""
        wanted = tuple(phases)
        sql, values = "SELECT * FROM jobs WHERE owner = ?", [owner]
        if wanted:
            sql += f" AND phase IN ({', '.join('?' * len(wanted))})"
            values += wanted
        if after is not None:
            sql += f" AND created > {float(after)!r}"
        sql += " ORDER BY created DESC" + (f" LIMIT {int(last)}" if last is not None else "")
        return [_job(row) for row in self._run(sql, tuple(values))]

    def count(self, owner: str, phases: Iterable[str] = ()) -> int:
        """Return the number of jobs of an owner, in some phases or in any."""
        wanted = tuple(phases)
        where = f" AND phase IN ({', '.join('?' * len(wanted))})" if wanted else ""
        return int(self._run(f"SELECT count(*) FROM jobs WHERE owner = ?{where}", (owner, *wanted))[0][0])

    def next_queued(self, *, running: dict[str, int], most: int) -> Job | None:
        """Return the queued job to run next: the oldest of the owner who has fewest jobs running."""
        rows = self._run("SELECT owner, min(created) FROM jobs WHERE phase = 'QUEUED' GROUP BY owner", ())
        free = [(running.get(owner, 0), created, owner) for owner, created in rows if running.get(owner, 0) < most]
        if not free:
            return None
        sql = "SELECT * FROM jobs WHERE phase = 'QUEUED' AND owner = ? ORDER BY created LIMIT 1"
        found = self._run(sql, (min(free)[2],))
        return _job(found[0]) if found else None

    def recover(self) -> int:
        """Queue the jobs again that ran when the service ended; queries only read, so nothing happens twice."""
        return self._change("UPDATE jobs SET phase = 'QUEUED', started = NULL WHERE phase = 'EXECUTING'", ())

    def delete(self, job_id: str) -> None:
        """Delete a job and its files."""
        self._change("DELETE FROM jobs WHERE id = ?", (job_id,))
        shutil.rmtree(self.files(job_id), ignore_errors=True)

    def expired(self) -> list[str]:
        """Return the jobs whose time is over."""
        return [row[0] for row in self._run("SELECT id FROM jobs WHERE destruction < ?", (time.time(),))]

    def _run(self, sql: str, values: tuple[object, ...]) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._db.execute(sql, values).fetchall()

    def _change(self, sql: str, values: tuple[object, ...]) -> int:
        with self._lock:
            return self._db.execute(sql, values).rowcount


def _row(job: Job) -> tuple[object, ...]:
    values = {name: getattr(job, name) for name in _COLUMNS}
    return tuple(json.dumps(value) if name == "parameters" else value for name, value in values.items())


def _job(row: tuple[Any, ...]) -> Job:
    values = dict(zip(_COLUMNS, row, strict=True))
    return Job(**(values | {"parameters": json.loads(values["parameters"]), "overflow": bool(values["overflow"])}))
