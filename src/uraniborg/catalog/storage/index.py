"""The director index: from the key of a row to where it lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from uraniborg.catalog.storage.hats import HatsCatalog, write_metadata, write_properties
from uraniborg.core.errors import UserError

__all__ = ("KeyIndex", "build_index")

_ROWS = 2_000_000
_ROW_GROUP = 20_000
_HEALPIX = "_healpix_29"


def build_index(catalog: HatsCatalog, root: Path, key: str, *, name: str) -> None:
    """Write the index of a key: key, HEALPix index and partition of every row, sorted by key.

    Needs 16 bytes of memory a row, several times.

    Raises
    ------
    UserError
        If a key is missing in a row, or two rows have the same.
    """
    keys, places, partition = [], [], []
    for i, file in enumerate(catalog.files()):
        if key not in pq.read_schema(file).names:
            raise UserError(f"there is no key column {key!r}")
        part = pq.read_table(file, columns=[key, _HEALPIX], partitioning=None)
        if part[key].null_count or not pa.types.is_integer(part[key].type):
            raise UserError(f"the key {key!r} must be a whole number in every row")
        keys.append(part[key].to_numpy().astype(np.int64))
        places.append(part[_HEALPIX].to_numpy())
        partition.append(np.full(part.num_rows, i, dtype=np.int32))
    key_, place, which = np.concatenate(keys), np.concatenate(places), np.concatenate(partition)
    order = np.argsort(key_, kind="stable")
    key_, place, which = key_[order], place[order], which[order]
    same = np.flatnonzero(key_[1:] == key_[:-1])
    if same.size:
        raise UserError(f"{same.size} rows repeat a key {key!r}, the first is {key_[same[0]]}; keys must be unique")
    shutil.rmtree(root, ignore_errors=True)
    folder = root / "dataset" / "index"
    folder.mkdir(parents=True)
    orders, pixels = catalog.partitions.order[which], catalog.partitions.pixel[which]
    table = pa.table(
        {
            key: key_,
            _HEALPIX: place,
            "Norder": orders.astype(np.uint8),
            "Dir": (pixels // 10_000 * 10_000).astype(np.uint64),
            "Npix": pixels.astype(np.uint64),
        }
    )
    files = []
    for i, start in enumerate(range(0, table.num_rows, _ROWS)):
        files.append(folder / f"part.{i}.parquet")
        pq.write_table(table.slice(start, _ROWS), files[-1], row_group_size=_ROW_GROUP, compression="zstd")
    write_metadata(root, files, table.schema)
    values = {
        "obs_collection": f"{name}_index",
        "dataproduct_type": "index",
        "hats_nrows": table.num_rows,
        "hats_primary_table_url": name,
        "hats_index_column": key,
        "hats_index_extra_column": _HEALPIX,
    }
    write_properties(root, values)


class KeyIndex:
    """The index of one table, with the limits of its row groups in memory.

    Parameters
    ----------
    root : Path
        Folder of the index.

    Raises
    ------
    UserError
        If there is no index.
    """

    def __init__(self, root: Path) -> None:
        if not (root / "dataset" / "_metadata").is_file():
            raise UserError(f"there is no index at {root}; load the parent table with a key first")
        self._name = HatsCatalog(root).properties["hats_index_column"]
        footer = pq.read_metadata(root / "dataset" / "_metadata")
        column = footer.schema.names.index(self._name)
        chunks = [footer.row_group(i).column(column) for i in range(footer.num_row_groups)]
        self._low = np.array([chunk.statistics.min for chunk in chunks], dtype=np.int64)
        self._high = np.array([chunk.statistics.max for chunk in chunks], dtype=np.int64)
        names = [chunk.file_path for chunk in chunks]
        self._file = [root / "dataset" / name for name in names]
        self._group = np.array([i - names.index(name) for i, name in enumerate(names)]) if names else np.zeros(0)

    def look_up(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the HEALPix index (order 29) of the rows with some keys, -1 where there is no such row.

        Parameters
        ----------
        keys : (n,) int
            In any order, repeats allowed.
        """
        different, inverse = np.unique(keys, return_inverse=True)
        found = np.full(len(different), -1, dtype=np.int64)
        begin = np.searchsorted(different, self._low)
        wanted = np.flatnonzero(begin < np.searchsorted(different, self._high, side="right"))
        for file in dict.fromkeys(self._file[i] for i in wanted.tolist()):
            groups = [int(self._group[i]) for i in wanted.tolist() if self._file[i] == file]
            with pq.ParquetFile(file) as parquet:
                part = parquet.read_row_groups(groups, columns=[self._name, _HEALPIX], use_threads=len(groups) > 1)
            place = pc.index_in(pa.array(different), value_set=part[self._name].combine_chunks())
            known = np.flatnonzero(np.asarray(place.is_valid()))
            found[known] = part[_HEALPIX].to_numpy()[place.drop_null().to_numpy()]
        return found[inverse]
