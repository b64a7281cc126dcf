"""Row groups of a catalogue: how many rows and bytes lie where, read once from the Parquet metadata."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from uraniborg.catalog.engine.sources import Size
from uraniborg.catalog.storage.hats import HatsCatalog

__all__ = ("Layout", "read_layout")


@dataclass(frozen=True, slots=True)
class Layout:
    """The row groups in the order of their positions.

    Parameters
    ----------
    partition : (n,) int
        Place of the partition of each.
    rows : (n,) int
        Rows in each.
    first, last : (n,) int
        Smallest and largest HEALPix index in each.
    names : tuple of str
        Columns.
    bytes : (n, m) int
        Compressed bytes of each column in each.
    """

    partition: NDArray[np.int64]
    rows: NDArray[np.int64]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    names: tuple[str, ...]
    bytes: NDArray[np.int64]

    def size(self, ranges: NDArray[np.int64] | None, columns: frozenset[str]) -> Size:
        """Return what has to be read for ranges of HEALPix indices, (k, 2), and some columns."""
        chosen = np.ones(len(self.rows), dtype=bool)
        if ranges is not None:
            chosen = np.zeros(len(self.rows), dtype=bool)
            for low, high in ranges.tolist():
                chosen |= (self.first < high) & (self.last >= low)
        wanted = [i for i, name in enumerate(self.names) if name in columns]
        bytes_ = int(self.bytes[chosen][:, wanted].sum())
        return Size(int(self.rows[chosen].sum()), bytes_, len(np.unique(self.partition[chosen])))


def read_layout(catalog: HatsCatalog, healpix: str) -> Layout | None:
    """Return the row groups of a catalogue, or None if it has no ``_metadata`` with their statistics."""
    path = catalog.root / "dataset" / "_metadata"
    if not path.is_file():
        return None
    places = {file.relative_to(catalog.root / "dataset").as_posix(): i for i, file in enumerate(catalog.files())}
    footer = pq.read_metadata(path)
    names = [footer.schema.column(i).path for i in range(footer.num_columns)]
    if healpix not in names:
        return None
    at = names.index(healpix)
    n = footer.num_row_groups
    partition, rows, first, last = (np.zeros(n, dtype=np.int64) for _ in range(4))
    bytes_ = np.zeros((n, len(names)), dtype=np.int64)
    for i in range(n):
        group = footer.row_group(i)
        column = group.column(at)
        place = places.get(column.file_path)
        if place is None or column.statistics is None or not column.statistics.has_min_max:
            return None
        partition[i], rows[i] = place, group.num_rows
        first[i], last[i] = column.statistics.min, column.statistics.max
        bytes_[i] = [group.column(k).total_compressed_size for k in range(len(names))]
    order = np.argsort(first, kind="stable")
    tops = tuple(name.split(".")[0] for name in names)
    return Layout(partition[order], rows[order], first[order], last[order], tops, bytes_[order])
