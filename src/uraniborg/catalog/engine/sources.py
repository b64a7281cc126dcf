"""Where the rows of a table are, as an engine sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from uraniborg.catalog.engine.prune import Needed
from uraniborg.catalog.engine.ranges import healpix_index
from uraniborg.catalog.schema import Column, Table
from uraniborg.core.errors import UserError

__all__ = (
    "ArrowSource",
    "Scan",
    "Size",
    "Source",
    "column_kind",
    "columns_of_schema",
    "nan_to_null",
    "range_condition",
)


@dataclass(frozen=True, slots=True)
class Size:
    """How much of a table has to be read: rows, bytes as stored, partitions."""

    rows: int
    bytes: int
    partitions: int = 1


@dataclass(frozen=True, slots=True)
class Scan:
    """Parquet files to read, and the ranges of a HEALPix column that the rows have to be in, (n, 2), if any."""

    files: tuple[str, ...]
    column: str = ""
    ranges: NDArray[np.int64] | None = None


class Source(Protocol):
    """A table that an engine can read."""

    @property
    def table(self) -> Table:
        """What the table looks like."""
        ...

    def attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make the table known to a connection."""
        ...

    def locate(self, needed: Needed) -> Needed:
        """Return the same need with what the table's index of identifiers knows."""
        ...

    def size(self, needed: Needed, columns: frozenset[str]) -> Size:
        """Return how much has to be read for the needed rows of some columns."""
        ...

    def relation(self, needed: Needed) -> str:
        """Return what stands in FROM to read the needed rows, once located (more rows are no fault)."""
        ...

    def scan(self, needed: Needed) -> Scan:
        """Return the files to read for the needed rows, once located.

        Raises
        ------
        UserError
            If the table is not in files.
        """
        ...

    def folders(self) -> tuple[str, ...]:
        """Return the folders that have to be readable."""
        ...


def column_kind(type_: pa.DataType) -> str:
    """Return the kind of a column, as a query sees it."""
    if pa.types.is_boolean(type_):
        return "truth"
    if pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return "number"
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return "text"
    return "any"


def columns_of_schema(schema: pa.Schema, *, hidden: tuple[str, ...] = ()) -> tuple[Column, ...]:
    """Return the columns of an Arrow schema; unit and description are in the metadata of its fields."""
    columns = []
    for field in schema:
        meta = {key.decode(): value.decode() for key, value in (field.metadata or {}).items()}
        kind = column_kind(field.type)
        unit, description = meta.get("unit", ""), meta.get("description", "")
        columns.append(Column(field.name, kind, unit, description, field.name in hidden))
    return tuple(columns)


def nan_to_null(table: pa.Table) -> pa.Table:
    """Return a table whose NaNs are nulls: a comparison with a missing value must not hold."""
    for i, field in enumerate(table.schema):
        if pa.types.is_floating(field.type):
            column = table.column(i)
            bad = pc.is_nan(column)
            if pc.any(bad).as_py():
                table = table.set_column(i, field, pc.if_else(bad, pa.scalar(None, field.type), column))
    return table


def range_condition(column: str, ranges: NDArray[np.int64], *, quote: str = '"') -> str:
    """Return SQL of the condition that an integer column is in one of the ranges."""
    quoted = quote + column.replace(quote, quote * 2) + quote
    whole = f"{quoted} >= {ranges[0, 0]} AND {quoted} < {ranges[-1, 1]}"
    if len(ranges) == 1:
        return f"({whole})"
    each = " OR ".join(f"({quoted} >= {low} AND {quoted} < {high})" for low, high in ranges.tolist())
    return f"({whole} AND ({each}))"


class ArrowSource:
    """A table in memory, sorted by position if it has one.

    Parameters
    ----------
    data : pyarrow.Table
        The rows; NaNs become nulls.
    table : Table
        Name, schema, position and key; its columns are taken from the data.
    """

    def __init__(self, data: pa.Table, table: Table) -> None:
        healpix = None
        if table.position is not None and data.num_rows:
            lon, lat = (data[name].to_numpy() for name in table.position)
            index = healpix_index(lon, lat)
            order = np.argsort(index, kind="stable")
            data = data.take(pa.array(order)).append_column("_healpix_29", pa.array(index[order]))
            healpix = "_healpix_29"
        self._data = nan_to_null(data)
        columns = columns_of_schema(data.schema, hidden=("_healpix_29",))
        self._table = Table(table.name, columns, table.schema, table.position, healpix, table.key)

    @property
    def table(self) -> Table:
        """What the table looks like."""
        return self._table

    def attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Copy the rows into the memory of a connection."""
        connection.register("_arrow", self._data)
        connection.execute(f"CREATE TABLE {self._stored()} AS SELECT * FROM _arrow")
        connection.unregister("_arrow")

    def _stored(self) -> str:
        return '"' + self._table.full_name.replace('"', '""') + '"'

    def locate(self, needed: Needed) -> Needed:
        """Return the same need: there is no index."""
        return needed

    def size(self, needed: Needed, columns: frozenset[str]) -> Size:
        """Return the size of the whole table in memory."""
        names = [name for name in self._data.column_names if name in columns]
        return Size(self._data.num_rows, self._data.select(names).nbytes)

    def relation(self, needed: Needed) -> str:
        """Return the table, cut to the needed ranges."""
        if needed.ranges is None or self._table.healpix is None:
            return self._stored()
        return f"(SELECT * FROM {self._stored()} WHERE {range_condition(self._table.healpix, needed.ranges)})"

    def scan(self, needed: Needed) -> Scan:
        """Raise: there are no files."""
        raise UserError(f"{self._table.full_name} is in memory; load it as a catalogue for this engine")

    def folders(self) -> tuple[str, ...]:
        """Return no folder: the rows are in memory."""
        return ()
