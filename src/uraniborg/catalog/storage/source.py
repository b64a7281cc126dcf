"""A HATS catalogue or a plain Parquet file as an engine reads it: only the partitions and rows that a query needs."""

from __future__ import annotations

import copy
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from uraniborg.catalog.engine.prune import Needed
from uraniborg.catalog.engine.sources import Scan, Size, columns_of_schema, range_condition
from uraniborg.catalog.schema import Table
from uraniborg.catalog.storage.hats import HatsCatalog
from uraniborg.catalog.storage.index import KeyIndex
from uraniborg.catalog.storage.layout import Layout, read_layout

__all__ = ("HatsSource", "ParquetSource")

_HIVE = ("Norder", "Dir", "Npix")
_MANY_KEYS = 1000


class HatsSource:
    """One catalogue.

    Parameters
    ----------
    root : Path
        Its folder.
    schema : str
        Schema that the table is in, for queries.
    """

    def __init__(self, root: Path, *, schema: str = "") -> None:
        self._catalog = HatsCatalog(root.resolve())
        values = self._catalog.properties
        healpix = values.get("hats_col_healpix", "_healpix_29")
        columns = columns_of_schema(self._catalog.schema, hidden=(healpix, *_HIVE))
        parent = values.get("uraniborg_parent")
        ra, dec = values.get("hats_col_ra"), values.get("hats_col_dec")
        position = (ra, dec) if ra is not None and dec is not None else None
        key = values.get("uraniborg_parent_key") if parent else values.get("uraniborg_key")
        # rows of a child lie where their parent is, so their own positions say nothing exact about partitions
        pruned = None if parent else position
        self._healpix = healpix
        self._index_root = root.resolve().with_name(f"{parent or root.resolve().name}_index")
        self._table = Table(values["obs_collection"], columns, schema, pruned, healpix, key)

    @property
    def table(self) -> Table:
        """What the table looks like."""
        return self._table

    @property
    def arrow_schema(self) -> pa.Schema:
        """Types, units and descriptions of the columns."""
        return self._catalog.schema

    @cached_property
    def _index(self) -> KeyIndex | None:
        return KeyIndex(self._index_root) if (self._index_root / "dataset" / "_metadata").is_file() else None

    @cached_property
    def _layout(self) -> Layout | None:
        return read_layout(self._catalog, self._healpix)

    def attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do nothing: files are named in each query."""

    def folders(self) -> tuple[str, ...]:
        """Return the folder of the catalogue."""
        return (f"{self._catalog.root}/",)

    def locate(self, needed: Needed) -> Needed:
        """Return the need with the ranges in which the wanted keys are."""
        if needed.keys is None or len(needed.keys) > _MANY_KEYS or self._index is None:
            return needed
        keys = np.array([key for key in needed.keys if -(2**63) <= key < 2**63], dtype=np.int64)
        place = np.unique(self._index.look_up(keys))
        place = place[place >= 0]
        # rows of a child without a parent lie at their own position, unknown to the index
        if place.size == len(set(keys.tolist())) or self._table.position is not None:
            ranges = np.stack([place, place + 1], axis=1) if place.size else np.array([[0, 0]])
            return replace(needed, ranges=ranges)
        return needed

    def size(self, needed: Needed, columns: frozenset[str]) -> Size:
        """Return how much has to be read."""
        if self._layout is not None:
            return self._layout.size(needed.ranges, columns)
        files = self._files(needed)
        share = len(files) / max(1, len(self._catalog.partitions.order))
        return Size(int(self._catalog.rows * share), sum(Path(file).stat().st_size for file in files), len(files))

    @cached_property
    def _names(self) -> list[str]:
        return [str(file) for file in self._catalog.files()]

    def _files(self, needed: Needed) -> list[str]:
        if needed.ranges is None:
            return self._names
        return [self._names[i] for i in self._catalog.partitions.overlapping(needed.ranges).tolist()]

    def scan(self, needed: Needed) -> Scan:
        """Return the partitions that hold the needed rows; the first one, without rows, if there are none."""
        files = self._files(needed)
        ranges = needed.ranges if files else np.array([[0, 0]])
        return Scan(tuple(files or self._names[:1]), self._healpix, ranges)

    def relation(self, needed: Needed) -> str:
        """Return the partitions that hold the needed rows."""
        return _relation(self.scan(needed))


class ParquetSource:
    """One Parquet file as a table: an upload, a table of a user, a small table of a service.

    Parameters
    ----------
    file : Path
        The file; units and descriptions are in the metadata of its fields.
    table : Table
        Name, schema, position and key; its columns are taken from the file.
    """

    def __init__(self, file: Path, table: Table) -> None:
        self._file = file.resolve()
        with pq.ParquetFile(self._file) as parquet:
            self.arrow_schema: pa.Schema = parquet.schema_arrow
            self._rows = int(parquet.metadata.num_rows)
        columns = columns_of_schema(self.arrow_schema, hidden=("_healpix_29",))
        self._table = Table(table.name, columns, table.schema, table.position, None, table.key)

    def in_schema(self, schema: str) -> ParquetSource:
        """Return the same table in another schema."""
        other = copy.copy(self)
        other._table = replace(self._table, schema=schema)
        return other

    @property
    def table(self) -> Table:
        """What the table looks like."""
        return self._table

    def attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do nothing: the file is named in each query."""

    def folders(self) -> tuple[str, ...]:
        """Return the folder of the file."""
        return (f"{self._file.parent}/",)

    def locate(self, needed: Needed) -> Needed:
        """Return the same need: there is no index."""
        return needed

    def size(self, needed: Needed, columns: frozenset[str]) -> Size:
        """Return the size of the whole file."""
        return Size(self._rows, self._file.stat().st_size)

    def scan(self, needed: Needed) -> Scan:
        """Return the file."""
        return Scan((str(self._file),))

    def relation(self, needed: Needed) -> str:
        """Return the file."""
        return _relation(self.scan(needed))


def _relation(scan: Scan) -> str:
    names = ", ".join("'" + file.replace("'", "''") + "'" for file in scan.files)
    read = f"read_parquet([{names}], hive_partitioning = false)"
    if scan.ranges is None:
        return read
    return f"(SELECT * FROM {read} WHERE {range_condition(scan.column, scan.ranges)})"
