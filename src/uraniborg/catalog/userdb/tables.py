"""MYDB: each user's own tables as Parquet files below one folder, seen as ``mydb.name``, and shared ones.

A table that bob shares is ``user_bob.name`` to those he shares it with. What a table is stands in one small file
that is replaced at once, so a crash leaves the old table or the new one, never a mixture.
"""

from __future__ import annotations

import json
import re
import shutil
import threading
import time
import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from uraniborg.catalog.engine.sources import Source, nan_to_null
from uraniborg.catalog.schema import Table
from uraniborg.catalog.storage.readers import read_batches
from uraniborg.catalog.storage.source import ParquetSource
from uraniborg.core.errors import UserError

__all__ = ("UserTable", "UserTables")

EVERYBODY = "*"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_USER = re.compile(r"[^\x00-\x1f/]{1,100}")


@dataclass(frozen=True, slots=True)
class UserTable:
    """What is known of one table.

    Parameters
    ----------
    owner, name : str
        Whose it is, and its name.
    rows, bytes : int
        Rows, and bytes on the disk.
    created, expires : float [s since 1970]
        When it was made and when it is forgotten; never if ``expires`` is None.
    shared : tuple of str
        Users who may read it; ``*`` is everybody.
    file : str
        Name of its file.
    """

    owner: str
    name: str
    rows: int
    bytes: int
    created: float
    expires: float | None
    shared: tuple[str, ...] = ()
    file: str = ""

    def readable_by(self, user: str) -> bool:
        """Return whether a user may read it."""
        return user == self.owner or user in self.shared or EVERYBODY in self.shared


type _Listed = list[UserTable]
type _Sources = list[Source]


class UserTables:
    """The tables of all users.

    Parameters
    ----------
    root : Path
        Folder for them.
    quota : int [byte]
        Most that a user may have on the disk.
    days : float [day]
        After what time a table is forgotten if nothing else is said.
    """

    def __init__(self, root: Path, *, quota: int = 10 << 30, days: float | None = 30.0) -> None:
        self._root = root.resolve()
        self._root.mkdir(parents=True, exist_ok=True)
        self._quota, self._days = quota, days
        self._lock = threading.RLock()
        self._tables: dict[tuple[str, str], UserTable] = {}
        self._sources: dict[tuple[str, str], ParquetSource] = {}
        for file in sorted(self._root.glob("*/*/table.json")):
            known = json.loads(file.read_text("utf8"))
            table = UserTable(**known | {"shared": tuple(known["shared"])})
            self._tables[table.owner, table.name.lower()] = table
        self._sweep()

    def _sweep(self) -> None:
        """Delete what interrupted work has left."""
        kept = {str(self._folder(t.owner, t.name) / t.file) for t in self._tables.values()}
        for file in self._root.glob("*/*/*.parquet"):
            if str(file) not in kept:
                file.unlink()

    def folders(self) -> list[str]:
        """Return the folder that all tables are in."""
        return [f"{self._root}/"]

    def _folder(self, owner: str, name: str) -> Path:
        return self._root / quote(owner, safe="").replace(".", "%2E") / name.lower()

    def create(
        self,
        user: str,
        name: str,
        rows: pa.Table | pa.RecordBatchReader | Path,
        *,
        expires: float | None = None,
        overwrite: bool = False,
    ) -> UserTable:
        """Make a table.

        Parameters
        ----------
        user, name : str
            Whose it is, and its name.
        rows : pyarrow.Table, pyarrow.RecordBatchReader or Path
            Its rows; files are Parquet, Arrow, CSV, FITS or VOTable.
        expires : float, optional [s since 1970]
            When it is forgotten.
        overwrite : bool
            Whether it may replace one of the same name.

        Raises
        ------
        UserError
            If the name is not possible or taken, the rows cannot be read, or they do not fit into the quota.
        """
        if not _NAME.fullmatch(name):
            raise UserError(f"{name!r} cannot be the name of a table; write letters, digits and _, a letter first")
        if not _USER.fullmatch(user):
            raise UserError(f"{user!r} cannot be the name of a user; write up to 100 characters without '/'")
        with self._lock:
            before = self._tables.get((user, name.lower()))
            if before is not None and not overwrite:
                raise UserError(f"you have a table {before.name} already; drop it first or choose another name")
            left = self._quota - self.usage(user) + (before.bytes if before is not None else 0)
        folder = self._folder(user, name)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{uuid.uuid4().hex}.parquet"
        try:
            number = _write(_batches(rows), file, left, self._quota)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        now = time.time()
        if expires is None and self._days is not None:
            expires = now + self._days * 86400
        table = UserTable(user, name, number, file.stat().st_size, now, expires, (), file.name)
        with self._lock:
            if self.usage(user) - (before.bytes if before is not None else 0) + table.bytes > self._quota:
                file.unlink()
                raise UserError(_over(self._quota))
            self._store(table)
        if before is not None:
            (folder / before.file).unlink(missing_ok=True)
        return table

    def _store(self, table: UserTable) -> None:
        folder = self._folder(table.owner, table.name)
        new = folder / "table.json.new"
        new.write_text(json.dumps(asdict(table)), "utf8")
        new.replace(folder / "table.json")
        self._tables[table.owner, table.name.lower()] = table
        self._sources.pop((table.owner, table.name.lower()), None)

    def named(self, user: str, name: str) -> UserTable:
        """Return a user's own table.

        Raises
        ------
        UserError
            If there is none of this name.
        """
        with self._lock:
            table = self._tables.get((user, name.lower()))
        if table is None:
            names = ", ".join(item.name for item in self.list(user)) or "none"
            raise UserError(f"you have no table {name!r}; your tables are: {names}")
        return table

    def drop(self, user: str, name: str) -> None:
        """Delete a table; queries that read it now may fail."""
        with self._lock:
            table = self.named(user, name)
            del self._tables[user, name.lower()]
            self._sources.pop((user, name.lower()), None)
            shutil.rmtree(self._folder(table.owner, table.name), ignore_errors=True)

    def share(self, user: str, name: str, with_: Collection[str]) -> UserTable:
        """Let other users read a table; ``{"*"}`` is everybody, an empty set nobody."""
        with self._lock:
            table = replace(self.named(user, name), shared=tuple(sorted(set(with_))))
            self._store(table)
            return table

    def keep_until(self, user: str, name: str, expires: float | None) -> UserTable:
        """Change when a table is forgotten."""
        with self._lock:
            table = replace(self.named(user, name), expires=expires)
            self._store(table)
            return table

    def list(self, user: str) -> _Listed:
        """Return the tables that a user has made."""
        with self._lock:
            return sorted((t for t in self._tables.values() if t.owner == user), key=lambda t: t.name.lower())

    def usage(self, user: str) -> int:
        """Return how many bytes a user has on the disk."""
        with self._lock:
            return sum(table.bytes for table in self._tables.values() if table.owner == user)

    def expire(self, now: float | None = None) -> _Listed:
        """Delete the tables whose time is over; return them."""
        now = time.time() if now is None else now
        with self._lock:
            gone = [t for t in self._tables.values() if t.expires is not None and t.expires <= now]
            for table in gone:
                self.drop(table.owner, table.name)
        return gone

    def sources(self, user: str) -> _Sources:
        """Return the tables that a user may read: his own as ``mydb``, those of others as ``user_<owner>``."""
        now = time.time()
        with self._lock:
            seen = [t for t in self._tables.values() if t.readable_by(user) and (t.expires is None or t.expires > now)]
            return [self._source(table, user) for table in seen]

    def _source(self, table: UserTable, user: str) -> Source:
        key = (table.owner, table.name.lower())
        if key not in self._sources:
            file = self._folder(table.owner, table.name) / table.file
            self._sources[key] = ParquetSource(file, Table(table.name, (), "mydb"))
        own = table.owner == user
        return self._sources[key] if own else self._sources[key].in_schema(f"user_{table.owner}")


def _over(quota: int) -> str:
    return f"your tables would be larger than your quota of {quota / 1e9:.3g} GB; drop some first"


def _batches(rows: Any) -> Iterator[pa.Table]:
    if isinstance(rows, Path):
        yield from read_batches(rows)
    elif isinstance(rows, pa.Table):
        yield rows
    else:
        for batch in rows:
            yield pa.Table.from_batches([batch], schema=rows.schema)


def _write(tables: Iterable[pa.Table], file: Path, left: int, quota: int) -> int:
    """Write rows as they come; return how many."""
    writer, number = None, 0
    try:
        for table in tables:
            repeated = sorted({n for n in table.column_names if table.column_names.count(n) > 1})
            if repeated:
                raise UserError(f"columns {repeated} are there twice; give them different names with AS")
            if writer is None:
                writer = pq.ParquetWriter(file, table.schema, compression="zstd")
            elif table.schema.names != writer.schema.names:
                raise UserError(f"the columns change from {writer.schema.names} to {table.schema.names}")
            writer.write_table(nan_to_null(table).cast(writer.schema), row_group_size=100_000)
            number += table.num_rows
            if file.stat().st_size > left:
                raise UserError(_over(quota))
    finally:
        if writer is not None:
            writer.close()
    if writer is None:
        raise UserError("there are no columns to store")
    return number
