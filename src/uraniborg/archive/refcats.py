"""Bring a reference catalogue into a repository: one dataset for each HTM triangle of level 7.

Memory is bounded: files are read piece by piece and the rows of each triangle wait in a scratch file. Shards are put
in batches, each in one transaction; those that are there with the same rows are left alone, so an ingest that was
killed is completed by running it again.
"""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import batched
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from astropy.table import Table
from lsst.daf.butler import (
    Butler,
    CollectionType,
    DataCoordinate,
    DatasetIdGenEnum,
    DatasetRef,
    DatasetType,
    FileDataset,
)
from lsst.pipe.base import Instrument

from uraniborg.archive.collections import REFERENCE_CATALOGUES, add_to_chain, register_collection
from uraniborg.archive.formatters.tables import table_to_arrow
from uraniborg.archive.refcat_columns import TABLE, ColumnSource, column_sources, convert_rows, needed_columns
from uraniborg.archive.refcat_files import column_names, read_chunks
from uraniborg.archive.staging import staging_folder
from uraniborg.core.errors import UserError, report_faults
from uraniborg.core.progress import progress
from uraniborg.model.htm import htm_index
from uraniborg.model.tables import conform, declared_columns

__all__ = ("CatalogueReport", "ingest_reference_catalogue")

_LOG = logging.getLogger(__name__)
_LEVEL = 7
_SHARDS_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class CatalogueReport:
    """What an ingest of a reference catalogue did.

    Attributes
    ----------
    run : str
        Collection that the shards are in.
    rows : int
        Rows with position and epoch.
    left_out : int
        Rows without.
    shards, skipped : int
        Triangles with rows, and how many of them were there already.
    seconds : float [s]
        Wall-clock time.
    """

    run: str
    rows: int
    left_out: int
    shards: int
    skipped: int
    seconds: float


def ingest_reference_catalogue(
    butler: Butler,
    name: str,
    files: Iterable[str | Path],
    *,
    preset: str | None = None,
    columns: Mapping[str, str] | None = None,
    epoch: float | None = None,
    rows_at_once: int = 200_000,
    scratch: Path | None = None,
) -> CatalogueReport:
    """Bring a star catalogue into a repository.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository, open for writing.
    name : str
        Name of the catalogue; the dataset type gets it, and the run is ``refcats/<name>``.
    files : iterable of path
        FITS, Parquet, CSV or ECSV.
    preset : str, optional
        Column names of a known catalogue: ``gaia_dr2``, ``gaia_dr3``, ``rubin_gaia``, ``simulated``.
    columns : mapping of str to str, optional
        Column of ``ReferenceObject`` to column of the files; wins over the preset.
    epoch : float, optional
        Epoch of positions for which no column tells it (Julian year).
    rows_at_once : int, optional
        Rows held in memory while reading.
    scratch : pathlib.Path, optional
        Folder for scratch files, about as large as the catalogue; in the datastore if not given.

    Returns
    -------
    CatalogueReport

    Raises
    ------
    UserError
        If a file cannot be read or lacks columns, or if the repository has the catalogue with other rows.
    """
    start = time.monotonic()
    paths = [Path(path).expanduser() for path in files]
    sources = column_sources(preset, columns)
    wanted = _check_files(paths, sources, epoch)
    dataset_type = DatasetType(name, (f"htm{_LEVEL}",), "SourceTable", universe=butler.dimensions)
    run = Instrument.makeRefCatCollectionName(name)
    with _scratch(butler, scratch) as folder:
        shards = _Shards(folder)
        read = 0
        with progress(f"reading {name}", len(paths)) as shown:
            for path in paths:
                for part in read_chunks(path, wanted[path], rows=rows_at_once):
                    shards.append(convert_rows(part, sources, first_row=read, epoch=epoch))
                    read += len(part)
                shown.advance(note=path.name)
        if not shards.rows:
            raise UserError(f"no star with position and epoch in {', '.join(map(str, paths))}")
        butler.registry.registerDatasetType(dataset_type)
        register_collection(butler, run, CollectionType.RUN)
        skipped = _put_shards(butler, shards, dataset_type, run)
    add_to_chain(butler, REFERENCE_CATALOGUES, run)
    seconds = time.monotonic() - start
    total = sum(shards.rows.values())
    _LOG.info("%s: %d stars in %d shards, %d skipped, %.1f s", name, total, len(shards.rows), skipped, seconds)
    return CatalogueReport(run, total, read - total, len(shards.rows), skipped, seconds)


@contextmanager
def _scratch(butler: Butler, wanted: Path | None) -> Iterator[Path]:
    """Give a scratch folder; in the datastore if there is no other wish, so that finished shards are only renamed."""
    with staging_folder(butler) as folder:
        if wanted is None and folder is not None:
            yield folder
        else:
            with tempfile.TemporaryDirectory(prefix="uraniborg-refcat-", dir=wanted) as other:
                yield Path(other)


def _check_files(paths: list[Path], sources: Mapping[str, ColumnSource], epoch: float | None) -> dict[Path, list[str]]:
    """Return the columns to read from each file, or tell all that is wrong."""
    if not paths:
        raise UserError("no files of a reference catalogue given")
    faults, wanted = [], {}
    for path in paths:
        try:
            if not path.is_file():
                raise UserError(f"{path}: there is no such file")
            wanted[path] = needed_columns(column_names(path), sources, where=str(path), epoch=epoch)
        except UserError as error:
            faults.append(str(error))
    report_faults("ingest of a reference catalogue", faults)
    return wanted


class _Shards:
    """Rows of each triangle, in scratch files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        declared = declared_columns(TABLE)
        self._dtype = np.dtype([(name, column.dtype) for name, column in declared.items()])
        self.rows: dict[int, int] = {}

    def append(self, table: Table) -> None:
        """Add rows declared as ``ReferenceObject``."""
        if not len(table):
            return
        packed = np.empty(len(table), dtype=self._dtype)
        for name in self._dtype.names or ():
            packed[name] = table[name]
        index = htm_index(table["ra"], table["dec"], level=_LEVEL)
        order = np.argsort(index, kind="stable")
        packed, index = packed[order], index[order]
        pixels, starts = np.unique(index, return_index=True)
        for pixel, part in zip(pixels, np.split(packed, starts[1:]), strict=True):
            with (self._folder / f"{pixel}.rows").open("ab") as file:
                file.write(part.tobytes())
            self.rows[int(pixel)] = self.rows.get(int(pixel), 0) + len(part)

    def load(self, pixel: int) -> Table:
        """Return the rows of one triangle, in order of their positions."""
        packed = np.fromfile(self._folder / f"{pixel}.rows", dtype=self._dtype)
        order = np.lexsort([packed["refObjectId"], packed["ra"], packed["dec"]])
        table: Table = conform(Table(packed[order]), TABLE)
        return table

    def write(self, pixel: int) -> Path:
        """Write the rows of one triangle as Parquet and return the file."""
        path = self._folder / f"{pixel}.parquet"
        pq.write_table(table_to_arrow(self.load(pixel)), path, compression="zstd")
        return path


def _put_shards(butler: Butler, shards: _Shards, dataset_type: DatasetType, run: str) -> int:
    """Put what is not there yet and return how many shards were."""
    axis = f"htm{_LEVEL}"
    found = butler.query_datasets(dataset_type.name, collections=run, limit=None, explain=False)
    known = {int(ref.dataId[axis]): ref for ref in found}
    same = {pixel for pixel in shards.rows if pixel in known and _equal(butler.get(known[pixel]), shards.load(pixel))}
    faults = [
        f"shard {pixel} of {dataset_type.name!r} is in the repository with other rows; give another name"
        for pixel in sorted(shards.rows)
        if pixel in known and pixel not in same
    ]
    report_faults("ingest of a reference catalogue", faults)
    new = [pixel for pixel in sorted(shards.rows) if pixel not in known]
    with progress(f"storing {dataset_type.name}", len(new)) as shown:
        for group in batched(new, _SHARDS_AT_ONCE, strict=False):
            files = [_shard_file(shards, pixel, dataset_type, run) for pixel in group]
            butler.ingest(*files, transfer="move")
            shown.advance(len(group))
    return len(same)


def _shard_file(shards: _Shards, pixel: int, dataset_type: DatasetType, run: str) -> FileDataset:
    """Write one shard to the scratch folder, as the formatter of tables would, and say what it is."""
    data_id = DataCoordinate.standardize({f"htm{_LEVEL}": pixel}, dimensions=dataset_type.dimensions)
    ref = DatasetRef(dataset_type, data_id, run, id_generation_mode=DatasetIdGenEnum.DATAID_TYPE_RUN)
    return FileDataset(str(shards.write(pixel)), ref)


def _equal(stored: Table, given: Table) -> bool:
    if len(stored) != len(given) or stored.colnames != given.colnames:
        return False
    return all(np.array_equal(stored[name], given[name], equal_nan=True) for name in given.colnames)
