"""A HATS catalogue as an engine reads it: only the partitions and row groups that a query needs."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np

from uraniborg.catalog.engine.prune import Needed
from uraniborg.catalog.engine.sources import columns_of_schema, range_condition
from uraniborg.catalog.schema import Table
from uraniborg.catalog.storage.hats import HatsCatalog
from uraniborg.catalog.storage.index import look_up

__all__ = ("HatsSource",)

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
        self._index = root.resolve().with_name(f"{parent or root.resolve().name}_index")
        self._table = Table(values["obs_collection"], columns, schema, pruned, healpix, key)

    @property
    def table(self) -> Table:
        """What the table looks like."""
        return self._table

    def attach(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Do nothing: files are named in each query."""

    def folders(self) -> tuple[str, ...]:
        """Return the folder of the catalogue."""
        return (f"{self._catalog.root}/",)

    def relation(self, needed: Needed) -> str:
        """Return the partitions that hold the needed rows."""
        ranges = needed.ranges
        if needed.keys is not None and len(needed.keys) <= _MANY_KEYS and self._index.is_dir():
            keys = np.array([key for key in needed.keys if -(2**63) <= key < 2**63], dtype=np.int64)
            place = np.unique(look_up(self._index, keys))
            place = place[place >= 0]
            # rows of a child without a parent lie at their own position, unknown to the index
            if place.size == len(set(keys.tolist())) or not self._table.key or self._table.position is not None:
                ranges = np.stack([place, place + 1], axis=1) if place.size else np.array([[0, 0]])
        if ranges is None:
            return _files(self._catalog.files())
        places = self._catalog.partitions.overlapping(ranges)
        if not places.size:
            return f"(SELECT * FROM {_files(self._catalog.files()[:1])} WHERE FALSE)"
        return f"(SELECT * FROM {_files(self._catalog.files(places))} WHERE {range_condition(self._healpix, ranges)})"


def _files(files: list[Path]) -> str:
    names = ", ".join("'" + str(file).replace("'", "''") + "'" for file in files)
    return f"read_parquet([{names}], hive_partitioning = false)"
