"""Distributed engines: ADQL answered through Spark Connect by Apache Spark or Sail, on the same files."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from uraniborg.catalog.adql.check import check
from uraniborg.catalog.adql.errors import AdqlError
from uraniborg.catalog.engine.duckdb import Answer, QueryTimeoutError
from uraniborg.catalog.engine.prune import Needed
from uraniborg.catalog.engine.sources import Source, range_condition
from uraniborg.catalog.engine.spark_sql import translate
from uraniborg.catalog.schema import Table, Tables
from uraniborg.core.errors import StoreError, UserError

__all__ = ("SparkEngine",)

_FAULTS_OF_QUERY = ("CAST_INVALID_INPUT", "ARITHMETIC_OVERFLOW", "CAST_OVERFLOW", "NUMERIC_VALUE_OUT_OF_RANGE")


class SparkEngine:
    """Answers queries by a service that speaks Spark Connect; needs the extra ``spark``.

    Parameters
    ----------
    sources : iterable of Source
        Tables in files that the service can read under the same paths.
    remote : str
        Where the service is, e.g. ``"sc://localhost:15002"``.

    Raises
    ------
    UserError
        If PySpark is not installed.
    StoreError
        If the service does not answer.
    """

    def __init__(self, sources: Iterable[Source], remote: str) -> None:
        try:
            session = importlib.import_module("pyspark.sql.connect.session").SparkSession
        except ImportError as error:
            raise UserError(f"PySpark is missing ({error}); pip install 'uraniborg[spark]'") from None
        self._sources = {source.table.full_name: source for source in sources}
        self.tables = Tables(source.table for source in self._sources.values())
        self._remote = remote
        self._views: dict[tuple[str, ...], str] = {}
        self._lock = threading.Lock()
        try:
            self._session: Any = session.builder.remote(remote).create()
        except Exception as error:
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> StoreError:
        text = str(error).strip().splitlines()
        reason = text[0][:300] if text else type(error).__name__
        return StoreError(f"the engine at {self._remote} failed: {reason}; see that it runs and send the query again")

    def _relation(self, table: Table, needed: Needed) -> tuple[str, int]:
        source = self._sources[table.full_name]
        located = source.locate(needed)
        scan = source.scan(located)
        view = self._view(scan.files)
        rows = source.size(located, frozenset()).rows
        if scan.ranges is None:
            return view, rows
        return f"(SELECT * FROM {view} WHERE {range_condition(scan.column, scan.ranges, quote='`')})", rows

    def _view(self, files: tuple[str, ...]) -> str:
        """Return the name of a view of some files."""
        with self._lock:
            if files not in self._views:
                name = f"uraniborg_{len(self._views)}"
                try:
                    self._session.read.parquet(*files).createOrReplaceTempView(name)
                except Exception as error:
                    raise self._lost(error) from error
                self._views[files] = name
            return self._views[files]

    def sql(self, query: str) -> str:
        """Return the SQL that answers a query, for a look at what the engine does."""
        return translate(check(query, self.tables), self.tables, self._relation).sql

    def query(self, query: str, *, max_rows: int | None = None, timeout: float | None = None) -> Answer:
        """Answer a query; parameters and errors as for `uraniborg.catalog.engine.DuckDBEngine.query`."""
        checked = check(query, self.tables)
        sql = translate(checked, self.tables, self._relation).sql
        late = threading.Event()
        tag = f"uraniborg-{id(checked)}"

        def stop() -> None:
            late.set()
            self._session.interruptTag(tag)

        timer = threading.Timer(timeout, stop) if timeout is not None else None
        self._session.addTag(tag)
        try:
            if timer is not None:
                timer.start()
            frame = self._session.sql(sql)
            table = _answer(frame if max_rows is None else frame.limit(max_rows + 1))
        except Exception as error:
            if late.is_set():
                fault = f"the query took longer than {timeout} s; ask for less sky or fewer columns"
                raise QueryTimeoutError(fault) from None
            if any(word in str(error) for word in _FAULTS_OF_QUERY):
                raise AdqlError(str(error).splitlines()[0], query, checked.query.at) from None
            raise self._lost(error) from error
        finally:
            if timer is not None:
                timer.cancel()
            self._session.removeTag(tag)
        overflow = max_rows is not None and table.num_rows > max_rows
        cut: pa.Table = table.slice(0, max_rows) if overflow else table
        return Answer(cut.rename_columns([column.name for column in checked.columns]), checked.columns, overflow)

    def close(self) -> None:
        """Leave the service."""
        self._session.stop()


def _answer(frame: Any) -> pa.Table:
    """Return the rows of a frame as they came; the types that Sail announces for CASE may be narrower than its rows."""
    try:
        return frame.toArrow()
    except pa.ArrowInvalid:
        return frame._to_table()[0]
