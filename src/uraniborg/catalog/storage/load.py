"""Bulk load of a table into the HATS layout: bounded memory, resumable, checked.

First every batch is sorted by position and put aside as an Arrow file that is later mapped, not read; then each
partition is cut out of all of them, sorted and written under a temporary name. What is there is not done again.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from uraniborg.catalog.engine.ranges import healpix_index
from uraniborg.catalog.engine.sources import nan_to_null
from uraniborg.catalog.storage.conform import conform_batch
from uraniborg.catalog.storage.hats import (
    HatsCatalog,
    partition_file,
    write_metadata,
    write_partition_info,
    write_properties,
)
from uraniborg.catalog.storage.index import KeyIndex, build_index
from uraniborg.catalog.storage.partitions import (
    COUNT_ORDER,
    Partitions,
    choose_partitions,
    margin_order,
    margin_rows,
)
from uraniborg.catalog.storage.readers import read_batches
from uraniborg.core.errors import UserError

__all__ = (
    "HEALPIX",
    "LoadPlan",
    "LoadReport",
    "Spill",
    "beside",
    "load",
    "properties_of",
    "put_aside",
    "spill",
    "stored_schema",
    "write_margins",
    "write_partition",
)

HEALPIX = "_healpix_29"
_ROW_GROUP = 20_000


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """How a table is stored.

    Parameters
    ----------
    name : str
        Name of the table.
    position : tuple of (str, str)
        Columns of right ascension and declination [deg].
    key : str, optional
        Column of unique integers; gets an index.
    declared : str, optional
        Table of the felis schemas that columns and units must agree with.
    parent, parent_key : Path and str, optional
        A child table lies where its parent's rows lie: the parent's folder and the column with its key.
    threshold : int
        Most rows in a partition.
    margin : float [arcsec]
        Width of the margins; 0 for none.
    """

    name: str
    position: tuple[str, str]
    key: str | None = None
    declared: str | None = None
    parent: Path | None = None
    parent_key: str | None = None
    threshold: int = 1_000_000
    margin: float = 0.0


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did."""

    rows: int
    partitions: int
    margin_rows: int
    skipped: int = field(default=0)


def load(inputs: Iterable[Path], root: Path, plan: LoadPlan, *, threads: int = 2, rows: int = 500_000) -> LoadReport:
    """Load files into a new catalogue; called again after an interruption it goes on.

    Parameters
    ----------
    inputs : iterable of Path
        Parquet, Arrow, CSV, FITS or VOTable.
    root : Path
        Folder of the catalogue; margins and index go into folders beside it.
    plan : LoadPlan
        How to store it.
    threads : int
        Partitions written at a time.
    rows : int
        Rows read at a time.

    Raises
    ------
    UserError
        If the catalogue exists, columns are missing, positions are not valid, or keys are not unique.
    """
    files = [Path(path) for path in inputs]
    if (root / "properties").exists():
        raise UserError(f"{root} exists already; choose another folder or delete it")
    work = root / "_loading"
    spills, counts = put_aside(files, work, plan, rows)
    partitions = choose_partitions(counts, threshold=plan.threshold)
    schema = stored_schema(spills[0].schema)
    write = partial(write_partition, spills, schema, root, partitions)
    with ThreadPoolExecutor(threads) as pool:
        skipped = sum(pool.map(write, range(len(partitions.order))))
    paths = [partition_file(root, int(o), int(p)) for o, p in zip(partitions.order, partitions.pixel, strict=True)]
    total = write_metadata(root, paths, schema)
    if total != int(counts.sum()):
        raise UserError(f"{total} rows are stored of {int(counts.sum())} read; delete {root} and load again")
    write_partition_info(root, partitions)
    if plan.key is not None:
        build_index(HatsCatalog(root), beside(root, "index"), plan.key, name=plan.name)
    near = 0
    if plan.margin > 0:
        near = write_margins(spills, schema, beside(root, "margin"), partitions, plan)
    del spills, write
    shutil.rmtree(work)
    write_properties(root, properties_of(plan, total))
    for what in ("margin", "index", ""):
        _as_first_snapshot(root, what)
    return LoadReport(total, len(paths), near, skipped)


def _as_first_snapshot(root: Path, what: str) -> None:
    """Rename a folder to its first snapshot and leave a link, so that rows can be added while others read."""
    link = beside(root, what) if what else root
    if link.is_dir() and not link.is_symlink():
        first = root.with_name(f"{root.name}.v000001")
        target = beside(first, what) if what else first
        shutil.rmtree(target, ignore_errors=True)
        link.rename(target)
        link.symlink_to(target.name)


def beside(root: Path, what: str) -> Path:
    """Return the folder of the margins or the index of a catalogue."""
    return root.with_name(f"{root.name}_{what}")


def properties_of(plan: LoadPlan, rows: int) -> dict[str, str | int | float]:
    """Return what a catalogue says about itself."""
    values: dict[str, str | int | float] = {
        "obs_collection": plan.name,
        "dataproduct_type": "source" if plan.parent is not None else "object",
        "hats_nrows": rows,
        "hats_col_ra": plan.position[0],
        "hats_col_dec": plan.position[1],
        "hats_col_healpix": HEALPIX,
        "hats_col_healpix_order": 29,
        "hats_max_rows": plan.threshold,
        "hats_npix_suffix": ".parquet",
        "hats_version": "v1.0",
        "hats_builder": "uraniborg",
    }
    extra = {"uraniborg_key": plan.key, "uraniborg_parent_key": plan.parent_key}
    if plan.parent is not None:
        extra["uraniborg_parent"] = plan.parent.name
    return values | {name: value for name, value in extra.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Spill:
    """One batch put aside: sorted by index, its rows mapped."""

    path: Path
    index: NDArray[np.int64]
    schema: pa.Schema

    def rows(self, low: int, high: int) -> pa.Table:
        """Return the rows whose indices are in a range."""
        a, b = np.searchsorted(self.index, [low, high])
        return self.take(slice(int(a), int(b)))

    def take(self, which: slice | NDArray[np.int64]) -> pa.Table:
        """Return some rows."""
        with pa.memory_map(str(self.path)) as source:
            table = pa.ipc.open_file(source).read_all()
            if isinstance(which, slice):
                return table.slice(which.start, which.stop - which.start)
            return table.take(pa.array(which))


def put_aside(files: list[Path], work: Path, plan: LoadPlan, rows: int) -> tuple[list[Spill], NDArray[np.int64]]:
    """Sort every batch by position and store it; return them with the rows in each pixel of order 8."""
    state = work / "state.json"
    signature = _signature(files, plan)
    if state.is_file():
        known = json.loads(state.read_text("utf8"))
        if known["signature"] != signature:
            raise UserError(f"{work.parent} holds an unfinished load of other files or options; delete it first")
        number = int(known["batches"])
    else:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        number = 0
        place = _placer(plan)
        for path in files:
            for batch in read_batches(path, rows=rows):
                spill(conform_batch(batch, plan.declared, origin=path.name), work / f"{number:06d}", plan, place)
                number += 1
        if not number:
            raise UserError("there are no rows to load")
        state.write_text(json.dumps({"signature": signature, "batches": number}), "utf8")
    spills, counts = [], np.zeros(12 << (2 * COUNT_ORDER), dtype=np.int64)
    for i in range(number):
        path = work / f"{i:06d}"
        with pa.memory_map(str(path.with_suffix(".arrow"))) as source:
            schema = pa.ipc.open_file(source).schema
        spills.append(Spill(path.with_suffix(".arrow"), np.load(path.with_suffix(".npy"), mmap_mode="r"), schema))
        if not schema.equals(spills[0].schema):
            raise UserError(f"the columns of batch {i + 1} differ from those of the first: {schema.names}")
        np.add.at(counts, *np.unique(spills[-1].index >> (2 * (29 - COUNT_ORDER)), return_counts=True))
    return spills, counts


def _signature(files: list[Path], plan: LoadPlan) -> str:
    for path in files:
        if not path.is_file():
            raise UserError(f"{path} is not a file")
    facts = [(str(p.resolve()), p.stat().st_size, p.stat().st_mtime_ns) for p in files]
    return hashlib.sha256(repr((facts, plan)).encode()).hexdigest()


def _placer(plan: LoadPlan) -> Callable[[pa.Table], NDArray[np.int64]]:
    """Return the function that gives the HEALPix index of each row."""

    def by_position(batch: pa.Table) -> NDArray[np.int64]:
        missing = [name for name in plan.position if name not in batch.column_names]
        if missing:
            raise UserError(f"no column {missing} in {batch.column_names}")
        lon, lat = (batch[name].to_numpy().astype(np.float64) for name in plan.position)
        try:
            return healpix_index(lon, lat)
        except ValueError as error:
            bad = np.flatnonzero(~(np.isfinite(lon) & (np.abs(lat) <= 90)))
            raise UserError(f"{error}; {bad.size} rows are not, the first is {lon[bad[0]]}, {lat[bad[0]]}") from None

    if plan.parent is None or plan.parent_key is None:
        return by_position
    index = KeyIndex(beside(plan.parent, "index"))

    def by_parent(batch: pa.Table) -> NDArray[np.int64]:
        keys = batch[plan.parent_key].to_numpy().astype(np.int64)
        place = index.look_up(keys)
        lost = place < 0
        return np.where(lost, by_position(batch), place) if lost.any() else place

    return by_parent


def spill(batch: pa.Table, path: Path, plan: LoadPlan, place: Callable[[pa.Table], NDArray[np.int64]]) -> None:
    """Sort a batch by position and store it with its indices."""
    index = place(batch)
    order = np.argsort(index, kind="stable")
    table = nan_to_null(batch).take(pa.array(order)).combine_chunks()
    np.save(path.with_suffix(".npy"), index[order])
    with pa.OSFile(str(path.with_suffix(".arrow")), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def stored_schema(schema: pa.Schema) -> pa.Schema:
    """Return the columns as stored: with the HEALPix index first."""
    return pa.schema([pa.field(HEALPIX, pa.int64()), *schema])


def write_partition(spills: list[Spill], schema: pa.Schema, root: Path, partitions: Partitions, place: int) -> bool:
    """Write one partition; return whether it was there already."""
    low, high = int(partitions.first[place]), int(partitions.last[place])
    path = partition_file(root, int(partitions.order[place]), int(partitions.pixel[place]))
    if path.is_file():
        return True
    index = np.concatenate([s.index[slice(*np.searchsorted(s.index, [low, high]))] for s in spills])
    table = pa.concat_tables([spill.rows(low, high) for spill in spills])
    _write_sorted(table, index, path, schema)
    return False


def _write_sorted(table: pa.Table, index: NDArray[np.int64], path: Path, schema: pa.Schema) -> None:
    order = np.argsort(index, kind="stable")
    sorted_ = table.take(pa.array(order))
    stored = pa.Table.from_arrays([pa.array(index[order]), *sorted_.columns], schema=schema)
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = [item.name for item in schema if pa.types.is_string(item.type)]
    partial_file = path.with_suffix(".partial")
    pq.write_table(
        stored, partial_file, row_group_size=_ROW_GROUP, compression="zstd", compression_level=1, use_dictionary=texts
    )
    partial_file.replace(path)


def write_margins(spills: list[Spill], schema: pa.Schema, root: Path, partitions: Partitions, plan: LoadPlan) -> int:
    """Write for each partition the rows of others that are near its border; return how many."""
    order = margin_order(plan.margin)
    shutil.rmtree(root, ignore_errors=True)
    pairs = [margin_rows(np.asarray(spill.index), partitions, order=order) for spill in spills]
    places = np.unique(np.concatenate([pair[:, 1] for pair in pairs]))
    files = []
    for place in places.tolist():
        rows = [pair[pair[:, 1] == place, 0] for pair in pairs]
        table = pa.concat_tables([spill.take(row) for spill, row in zip(spills, rows, strict=True)])
        index = np.concatenate([spill.index[row] for spill, row in zip(spills, rows, strict=True)])
        files.append(partition_file(root, int(partitions.order[place]), int(partitions.pixel[place])))
        _write_sorted(table, index, files[-1], schema)
    (root / "dataset").mkdir(parents=True, exist_ok=True)
    total = write_metadata(root, files, schema)
    write_partition_info(root, Partitions(partitions.order[places], partitions.pixel[places]))
    values = properties_of(plan, total)
    values |= {
        "obs_collection": f"{plan.name}_margin",
        "dataproduct_type": "margin",
        "hats_primary_table_url": plan.name,
        "hats_margin_threshold": plan.margin,
    }
    write_properties(root, values)
    return total
