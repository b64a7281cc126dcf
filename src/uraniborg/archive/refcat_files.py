"""Catalogue files read piece by piece: FITS tables, Parquet, CSV; ECSV as a whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.table import Column, Table

from uraniborg.archive.formatters.tables import table_from_arrow
from uraniborg.core.errors import UserError

__all__ = ("column_names", "read_chunks")

_CSV_BLOCK = 16 << 20


def _kind(path: Path) -> str:
    name = path.name.lower()
    for kind, suffixes in {
        "fits": (".fits", ".fit", ".fits.gz", ".fits.fz"),
        "parquet": (".parquet", ".parq"),
        "ecsv": (".ecsv",),
        "csv": (".csv", ".csv.gz"),
    }.items():
        if name.endswith(suffixes):
            return kind
    raise UserError(f"{path}: unknown kind of catalogue; known are .fits, .parquet, .csv, .ecsv")


def column_names(path: Path) -> list[str]:
    """Return the columns of a catalogue file.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    readers: dict[str, Callable[[Path], list[str]]] = {
        "fits": _fits_names,
        "parquet": lambda p: [str(name) for name in pq.read_schema(p).names],
        "ecsv": lambda p: list(Table.read(p, format="ascii.ecsv").colnames),
        "csv": lambda p: list(_open_csv(p).schema.names),
    }
    try:
        return readers[_kind(path)](path)
    except (OSError, ValueError, pa.ArrowException, StopIteration) as error:
        raise UserError(f"{path}: cannot be read as a catalogue: {error}") from error


def read_chunks(path: Path, columns: list[str], *, rows: int) -> Iterator[Table]:
    """Read a catalogue file piece by piece.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    columns : list of str
        Columns to read.
    rows : int
        About how many rows to hold at once (an ECSV file is read as a whole).

    Yields
    ------
    astropy.table.Table
        With units where the file tells them.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    readers: dict[str, Callable[[Path, list[str], int], Iterator[Table]]] = {
        "fits": _fits_chunks,
        "parquet": _parquet_chunks,
        "ecsv": _ecsv_chunks,
        "csv": _csv_chunks,
    }
    try:
        yield from readers[_kind(path)](path, columns, rows)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise UserError(f"{path}: cannot be read as a catalogue: {error}") from error


def _first_table(hdus: fits.HDUList, path: Path) -> fits.BinTableHDU:
    for hdu in hdus:
        if isinstance(hdu, fits.BinTableHDU) and not isinstance(hdu, fits.CompImageHDU):
            return hdu
    raise ValueError("there is no binary table")


def _fits_names(path: Path) -> list[str]:
    with fits.open(path) as hdus:
        return [str(name) for name in _first_table(hdus, path).columns.names]


def _fits_chunks(path: Path, columns: list[str], rows: int) -> Iterator[Table]:
    with fits.open(path, memmap=path.name.lower().endswith((".fits", ".fit"))) as hdus:
        hdu = _first_table(hdus, path)
        for start in range(0, int(hdu.header["NAXIS2"]), rows):
            part = hdu.data[start : start + rows]
            table = Table()
            for name in columns:
                values = np.asarray(part[name])
                native = values.astype(values.dtype.newbyteorder("="))
                table[name] = Column(native, unit=hdu.columns[name].unit)
            yield table


def _parquet_chunks(path: Path, columns: list[str], rows: int) -> Iterator[Table]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=rows, columns=columns):
            yield table_from_arrow(pa.Table.from_batches([batch]))


def _ecsv_chunks(path: Path, columns: list[str], rows: int) -> Iterator[Table]:
    table = Table.read(path, format="ascii.ecsv")[columns]
    for start in range(0, len(table), rows):
        yield table[start : start + rows]


def _open_csv(path: Path) -> pyarrow.csv.CSVStreamingReader:
    return pyarrow.csv.open_csv(path, read_options=pyarrow.csv.ReadOptions(block_size=_CSV_BLOCK))


def _csv_chunks(path: Path, columns: list[str], rows: int) -> Iterator[Table]:
    options = pyarrow.csv.ConvertOptions(include_columns=columns)
    reading = pyarrow.csv.ReadOptions(block_size=_CSV_BLOCK)
    with pyarrow.csv.open_csv(path, read_options=reading, convert_options=options) as reader:
        for batch in reader:
            for start in range(0, batch.num_rows, rows):
                part = batch.slice(start, rows)
                yield Table({name: part.column(name).to_numpy(zero_copy_only=False) for name in columns})
