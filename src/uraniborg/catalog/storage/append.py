"""Rows added to a catalogue: a new snapshot beside the old one, seen at once when its link is turned.

``NAME`` is a link to ``NAME.v000001`` and then to ``NAME.v000002``; partitions that did not change are hard links to
the same files. Who has opened the old snapshot goes on reading it. Whatever stops an append leaves the catalogue as
it was.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from uraniborg.catalog.storage.hats import (
    HatsCatalog,
    partition_file,
    write_metadata,
    write_partition_info,
    write_properties,
)
from uraniborg.catalog.storage.index import build_index
from uraniborg.catalog.storage.load import (
    HEALPIX,
    LoadPlan,
    LoadReport,
    Spill,
    beside,
    properties_of,
    put_aside,
    stored_schema,
    write_margins,
    write_partition,
)
from uraniborg.catalog.storage.partitions import COUNT_ORDER, grow_partitions
from uraniborg.core.errors import StoreError, UserError

__all__ = ("append", "forget_snapshots", "plan_of", "snapshots")


@dataclass(frozen=True)
class _Stored:
    """A partition that is there, in the form of a batch that was put aside."""

    path: Path
    schema: pa.Schema

    @cached_property
    def index(self) -> NDArray[np.int64]:
        found: NDArray[np.int64] = pq.read_table(self.path, columns=[HEALPIX], partitioning=None)[HEALPIX].to_numpy()
        return found

    def rows(self, low: int, high: int) -> pa.Table:
        a, b = np.searchsorted(self.index, [low, high])
        return self.take(slice(int(a), int(b)))

    def take(self, which: slice | NDArray[np.int64]) -> pa.Table:
        table = pq.read_table(self.path, partitioning=None).drop_columns([HEALPIX])
        return table.slice(which.start, which.stop - which.start) if isinstance(which, slice) else table.take(which)


def plan_of(root: Path) -> LoadPlan:
    """Return how a catalogue was loaded.

    Raises
    ------
    UserError
        If it was not made by Uraniborg.
    """
    values = HatsCatalog(root).properties
    if values.get("hats_builder") != "uraniborg":
        raise UserError(
            f"{root} was made by {values.get('hats_builder', 'another tool')}; load its files anew to add rows"
        )
    margin = beside(root, "margin")
    width = float(HatsCatalog(margin).properties["hats_margin_threshold"]) if margin.is_dir() else 0.0
    parent = values.get("uraniborg_parent")
    return LoadPlan(
        values["obs_collection"],
        (values["hats_col_ra"], values["hats_col_dec"]),
        values.get("uraniborg_key"),
        None,
        root.with_name(parent) if parent else None,
        values.get("uraniborg_parent_key"),
        int(values["hats_max_rows"]),
        width,
    )


def append(inputs: Iterable[Path], root: Path, *, rows: int = 500_000) -> LoadReport:
    """Add the rows of files to a catalogue.

    Parameters
    ----------
    inputs : iterable of Path
        Parquet, Arrow, CSV, FITS or VOTable with the columns of the catalogue.
    root : Path
        Its folder.
    rows : int
        Rows read at a time.

    Raises
    ------
    UserError
        If columns differ, positions are not valid, or keys are there already; the catalogue stays as it was.
    """
    if not root.is_symlink():
        raise UserError(f"{root} is not a link to a snapshot; load its files anew to add rows")
    plan = plan_of(root)
    old = HatsCatalog(root.resolve())
    number = max([int(path.name[-6:]) for path in snapshots(root)], default=1) + 1
    new = root.with_name(f"{root.name}.v{number:06d}")
    for folder in (new, beside(new, "margin"), beside(new, "index")):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        report = _build([Path(path) for path in inputs], old, new, plan, rows)
    except BaseException:
        for folder in (new, beside(new, "margin"), beside(new, "index")):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    for what in ("margin", "index", ""):
        made = beside(new, what) if what else new
        if made.is_dir():
            _turn(beside(root, what) if what else root, made)
    return report


def _build(files: list[Path], old: HatsCatalog, new: Path, plan: LoadPlan, rows: int) -> LoadReport:
    work = new / "_loading"
    added, counts = put_aside(files, work, plan, rows)
    schema = stored_schema(added[0].schema)
    if schema.names != old.schema.names or schema.types != old.schema.types:
        want = pa.schema([field for field in old.schema if field.name != HEALPIX])
        raise UserError(f"the columns are {added[0].schema.to_string()}, those of the catalogue are {want.to_string()}")
    place = np.unique(np.concatenate([old.partitions.containing(np.asarray(item.index)) for item in added]))
    changed = place[place >= 0]
    stored = [_Stored(file, added[0].schema) for file in old.files(changed)]
    for item in stored:
        np.add.at(counts, *np.unique(item.index >> (2 * (29 - COUNT_ORDER)), return_counts=True))
    partitions = grow_partitions(old.partitions, counts, changed, threshold=plan.threshold)
    kept = {(int(o), int(p)) for o, p in zip(old.partitions.order, old.partitions.pixel, strict=True)}
    kept -= {(int(old.partitions.order[i]), int(old.partitions.pixel[i])) for i in changed.tolist()}
    pieces: list[Spill] = [*added, *stored]  # type: ignore[list-item]
    paths = []
    for i, key in enumerate(zip(partitions.order.tolist(), partitions.pixel.tolist(), strict=True)):
        paths.append(partition_file(new, *key))
        if key in kept:
            paths[-1].parent.mkdir(parents=True, exist_ok=True)
            os.link(partition_file(old.root, *key), paths[-1])
        else:
            write_partition(pieces, old.schema, new, partitions, i)
    total = write_metadata(new, paths, old.schema)
    if total != old.rows + sum(len(item.index) for item in added):
        raise StoreError(f"{total} rows are stored, {old.rows} and the new ones were expected; nothing was changed")
    write_partition_info(new, partitions)
    near = 0
    if plan.margin > 0:
        every = [_Stored(path, added[0].schema) for path in paths]
        near = write_margins(every, old.schema, beside(new, "margin"), partitions, plan)  # type: ignore[arg-type]
    write_properties(new, properties_of(plan, total))
    if plan.key is not None:
        build_index(HatsCatalog(new), beside(new, "index"), plan.key, name=plan.name)
    shutil.rmtree(work)
    return LoadReport(total, len(paths), near, len(kept))


def _turn(link: Path, target: Path) -> None:
    """Make a link mean another folder, at once."""
    fresh = link.with_name(f"{link.name}.turn")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target.name)
    fresh.replace(link)


def snapshots(root: Path) -> list[Path]:
    """Return the snapshots of a catalogue, the oldest first."""
    shape = re.compile(rf"{re.escape(root.name)}\.v\d{{6}}")
    return sorted(path for path in root.parent.iterdir() if shape.fullmatch(path.name))


def forget_snapshots(root: Path) -> list[Path]:
    """Delete all snapshots but the one that is seen; return them. Queries that still read them fail."""
    now = root.resolve()
    gone = [path for path in snapshots(root) if path.resolve() != now and root.is_symlink()]
    for path in gone:
        for folder in (path, beside(path, "margin"), beside(path, "index")):
            shutil.rmtree(folder, ignore_errors=True)
    return gone
