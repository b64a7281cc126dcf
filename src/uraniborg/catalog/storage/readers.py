"""Rows of files as Arrow batches, a bounded number at a time: Parquet, Arrow, CSV, FITS, VOTable."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.ipc
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.table import Table

from uraniborg.core.errors import UserError

__all__ = ("arrow_from_astropy", "read_batches")

_SUFFIXES = ["parquet", "parq", "pq", "arrow", "feather", "csv", "fits", "fit", "xml", "vot", "votable"]


def read_batches(path: Path, *, rows: int = 500_000) -> Iterator[pa.Table]:
    """Yield the rows of a file.

    Parameters
    ----------
    path : Path
        The ending says the format.
    rows : int
        About how many at a time; a VOTable is read as a whole.

    Raises
    ------
    UserError
        If the format is unknown or the file cannot be read.
    """
    suffix = path.suffix.lower().lstrip(".")
    if suffix not in _SUFFIXES:
        raise UserError(f"{path.name}: unknown format; endings are {', '.join(_SUFFIXES)}")
    if not path.is_file():
        raise UserError(f"{path} is not a file")
    try:
        if suffix in ("parquet", "parq", "pq"):
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(batch_size=rows):
                    yield pa.Table.from_batches([batch])
        elif suffix in ("arrow", "feather"):
            with pa.memory_map(str(path)) as source, pa.ipc.open_file(source) as reader:
                for i in range(reader.num_record_batches):
                    yield pa.Table.from_batches([reader.get_batch(i)])
        elif suffix == "csv":
            options = pa.csv.ReadOptions(block_size=max(1 << 20, rows * 64))
            with pa.csv.open_csv(path, read_options=options) as stream:
                for batch in stream:
                    yield pa.Table.from_batches([batch])
        elif suffix in ("fits", "fit"):
            yield from _fits(path, rows)
        else:
            yield arrow_from_astropy(Table.read(path, format="votable"))
    except (pa.ArrowInvalid, OSError, ValueError, IndexError) as error:
        raise UserError(f"{path.name} cannot be read as {suffix}: {str(error).splitlines()[0]}") from error


def _fits(path: Path, rows: int) -> Iterator[pa.Table]:
    with fits.open(path, memmap=True) as hdus:
        hdu = next((item for item in hdus if isinstance(item, fits.BinTableHDU)), None)
        if hdu is None:
            raise UserError(f"{path.name} has no binary table")
        for start in range(0, len(hdu.data), rows):
            part = Table(hdu.data[start : start + rows])
            for column in hdu.columns:
                part[column.name].unit = column.unit or None
            yield arrow_from_astropy(part)


def arrow_from_astropy(table: Table) -> pa.Table:
    """Return an Arrow table with the units and descriptions of the columns in the metadata of the fields."""
    fields, arrays = [], []
    for name in table.colnames:
        column = table[name]
        values, mask = np.asarray(column), np.ma.getmaskarray(column) if hasattr(column, "mask") else None
        if values.dtype.kind in "SO":
            values = np.array([item.decode() if isinstance(item, bytes) else str(item) for item in values], dtype=str)
        if values.dtype.byteorder == ">":
            values = values.astype(values.dtype.newbyteorder("="))
        if values.ndim == 1:
            array = pa.array(values, mask=mask)
        else:
            width = int(np.prod(values.shape[1:]))
            array = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), width)
        meta = {"unit": str(column.unit or ""), "description": column.description or ""}
        fields.append(pa.field(name, array.type, metadata={k: v for k, v in meta.items() if v} or None))
        arrays.append(array)
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))
