"""The embedded engine: ADQL answered by DuckDB, which can read the folders of its tables and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from uraniborg.catalog.adql.errors import AdqlError
from uraniborg.catalog.engine.plan import Estimate, Planner
from uraniborg.catalog.engine.sources import Source
from uraniborg.catalog.schema import Column, Tables
from uraniborg.core.errors import StoreError, UserError

__all__ = ("Answer", "DuckDBEngine", "QueryTimeoutError")


class QueryTimeoutError(UserError):
    """A query took longer than it may."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows, what their columns are, and whether rows beyond the limit were left out."""

    table: pa.Table
    columns: tuple[Column, ...]
    overflow: bool


class DuckDBEngine:
    """Answers queries about tables.

    Parameters
    ----------
    sources : iterable of Source
        The tables.
    threads : int, optional
        Threads of the engine; all cores if not given.
    memory : str
        Most memory that a query may take before it spills or fails, e.g. ``"4GB"``.
    """

    def __init__(self, sources: Iterable[Source], *, threads: int | None = None, memory: str = "4GB") -> None:
        self._planner = Planner(sources)
        config: dict[str, str | bool | int | float | list[str]] = {"memory_limit": memory}
        if threads is not None:
            config["threads"] = threads
        self._connection = duckdb.connect(":memory:", config=config)
        folders: list[str] = []
        for source in self._planner.sources.values():
            source.attach(self._connection)
            folders += source.folders()
        quoted = ", ".join("'" + folder.replace("'", "''") + "'" for folder in folders)
        self._connection.execute(f"SET allowed_directories = [{quoted}]")
        for setting in ("enable_external_access = false", "parquet_metadata_cache = true", "lock_configuration = true"):
            self._connection.execute(f"SET {setting}")

    @property
    def tables(self) -> Tables:
        """What can be asked."""
        return self._planner.tables

    def sql(self, query: str) -> str:
        """Return the SQL that answers a query, for a look at what the engine does."""
        return self._planner.plan(query).translation.sql

    def estimate(self, query: str) -> Estimate:
        """Return what a query is expected to cost."""
        return self._planner.plan(query).estimate

    def query(self, query: str, *, max_rows: int | None = None, timeout: float | None = None) -> Answer:
        """Answer a query.

        Parameters
        ----------
        query : str
            ADQL 2.1.
        max_rows : int, optional
            Most rows in the answer.
        timeout : float, optional [s]
            Longest time.

        Raises
        ------
        AdqlError
            If the query cannot be answered as written.
        QueryTimeoutError
            If it takes too long.
        StoreError
            If the engine fails.
        """
        plan = self._planner.plan(query)
        checked, sql = plan.checked, plan.limited(max_rows)
        cursor = self._connection.cursor()
        timer = threading.Timer(timeout, cursor.interrupt) if timeout is not None else None
        if timer is not None:
            timer.start()
        try:
            if plan.translation.seed is not None:
                cursor.execute(f"SELECT setseed({plan.translation.seed!r})").fetchall()
            table = cursor.sql(sql).to_arrow_table()
        except duckdb.InterruptException:
            raise QueryTimeoutError(
                f"the query took longer than {timeout} s; ask for less sky or fewer columns"
            ) from None
        except (duckdb.BinderException, duckdb.ConversionException, duckdb.OutOfRangeException) as error:
            reason = str(error).splitlines()[0]
            raise AdqlError(reason, query, checked.query.at) from None
        except duckdb.Error as error:
            raise StoreError(f"the query engine failed: {str(error).splitlines()[0]}") from error
        finally:
            if timer is not None:
                timer.cancel()
            cursor.close()
        overflow = max_rows is not None and table.num_rows > max_rows
        names = [column.name for column in checked.columns]
        table = _plain(table.slice(0, max_rows) if overflow else table).rename_columns(names)
        return Answer(table, checked.columns, overflow)

    def close(self) -> None:
        """Give back what the engine holds."""
        self._connection.close()


def _plain(table: pa.Table) -> pa.Table:
    """Return a table whose wide integers (sums) are 64 bit wide, or doubles where that is too narrow."""
    for i, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            try:
                column = table.column(i).cast(pa.int64())
            except pa.ArrowInvalid:
                column = table.column(i).cast(pa.float64())
            table = table.set_column(i, field.name, column)
    return table
