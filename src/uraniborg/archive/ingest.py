"""Bring exposures into a repository: already reduced frames (triplets of files) and raw frames.

Everything is checked before anything is changed, and all faults are told at once. Files go in by batches of whole
exposures, each batch in one transaction, and dataset ids follow from the data ids; so an ingest that was killed is
completed by running it again.
"""

from __future__ import annotations

import filecmp
import logging
import shutil
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Literal

from lsst.daf.butler import Butler, DataCoordinate, DatasetIdGenEnum, DatasetRef, DatasetType, FileDataset

from uraniborg.archive.collections import add_to_defaults, register_collection
from uraniborg.archive.ingest_checks import (
    Frames,
    Observed,
    Paths,
    Triplets,
    as_paths,
    check_raws,
    check_triplets,
    read_all,
    sort_triplets,
)
from uraniborg.archive.observations import insert_exposures
from uraniborg.archive.staging import staging_folder
from uraniborg.core.errors import UserError, report_faults
from uraniborg.core.progress import progress
from uraniborg.instruments.base import MEMBERS, SurveyInstrument

__all__ = ("Conflict", "IngestReport", "Transfer", "ingest_raws", "ingest_reduced")

_LOG = logging.getLogger(__name__)

Transfer = Literal["copy", "symlink", "hardlink", "direct", "move"]
Conflict = Literal["fail", "skip", "replace"]

_MULTI = "uraniborg.archive.formatters.detector_frames.DetectorFrameFormatter"
_RAW = ("raw", ("instrument", "exposure", "detector"), "ReducedFrame")


@dataclass(frozen=True, slots=True)
class IngestReport:
    """What an ingest did.

    Attributes
    ----------
    run : str
        Collection that the datasets are in.
    exposures : tuple of int
        All exposures that were given, new or not.
    ingested, skipped, replaced : int
        Number of files that are new, that were there already, that took the place of others.
    seconds : float [s]
        Wall-clock time.
    """

    run: str
    exposures: tuple[int, ...]
    ingested: int
    skipped: int
    replaced: int
    seconds: float


@dataclass(frozen=True, slots=True)
class _Item:
    """One file that becomes one dataset for each of its detectors."""

    path: Path
    dataset_type: str
    exposure: int
    detectors: tuple[int, ...]
    formatter: str | None


@dataclass(frozen=True, slots=True)
class _Batch:
    """How files get in."""

    instrument: SurveyInstrument
    run: str
    transfer: str
    on_conflict: str
    batch_size: int


def ingest_reduced(
    butler: Butler,
    paths: Paths,
    *,
    instrument: SurveyInstrument,
    run: str | None = None,
    transfer: Transfer = "copy",
    on_conflict: Conflict = "fail",
    batch_size: int = 32,
) -> IngestReport:
    """Bring already reduced exposures into a repository.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository, open for writing.
    paths : path or iterable of path
        Files, or folders in which the instrument's files are found (other files there are passed over).
    instrument : SurveyInstrument
        The camera; registered if it is not yet.
    run : str, optional
        Collection for the datasets; ``<instrument>/reduced/all`` if not given. It is put in the instrument's defaults.
    transfer : {"copy", "symlink", "hardlink", "direct", "move"}, optional
        How files get in; ``direct`` leaves them where they are.
    on_conflict : {"fail", "skip", "replace"}, optional
        What to do with a file whose data id is there with another content. Equal files are always skipped.
    batch_size : int, optional
        Exposures in one transaction.

    Returns
    -------
    IngestReport
        ``reduced_image``, ``reduced_weight`` and ``reduced_dq`` are ingested for each detector.

    Raises
    ------
    UserError
        If anything is wrong with any file; nothing is ingested then.
    """
    start = time.monotonic()
    _check_options(transfer, on_conflict)
    faults: list[str] = []
    files = read_all(paths, faults)
    triplets = sort_triplets(
        files, instrument, faults, explicit=(path for path in as_paths(paths) if not path.is_dir())
    )
    frames = check_triplets(triplets, instrument, faults)
    report_faults(f"ingest of reduced {instrument.getName()} exposures", faults)
    if not frames:
        raise UserError(f"no reduced {instrument.getName()} exposures in {', '.join(map(str, as_paths(paths)))}")
    batch = _Batch(
        instrument, run or instrument.makeCollectionName("reduced", "all"), transfer, on_conflict, batch_size
    )
    types = [DatasetType(f"reduced_{m}", _RAW[1], "ReducedFrame", universe=butler.dimensions) for m in MEMBERS]
    return _ingest(butler, _reduced_items(triplets, frames), _exposures(frames), types=types, how=batch, start=start)


def ingest_raws(
    butler: Butler,
    paths: Paths,
    *,
    instrument: SurveyInstrument,
    run: str | None = None,
    transfer: Transfer = "copy",
    on_conflict: Conflict = "fail",
    batch_size: int = 32,
) -> IngestReport:
    """Bring raw exposures into a repository: one detector in a file, or many (multi-extension FITS).

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository, open for writing.
    paths : path or iterable of path
        Files, or folders all of whose FITS files are raw frames.
    instrument : SurveyInstrument
        The camera; registered if it is not yet.
    run : str, optional
        Collection for the datasets; ``<instrument>/raw/all`` if not given. It is put in the instrument's defaults.
    transfer, on_conflict, batch_size : optional
        As for `ingest_reduced`.

    Returns
    -------
    IngestReport

    Raises
    ------
    UserError
        If anything is wrong with any file; nothing is ingested then.
    """
    start = time.monotonic()
    _check_options(transfer, on_conflict)
    faults: list[str] = []
    frames = check_raws(read_all(paths, faults), instrument, faults)
    report_faults(f"ingest of raw {instrument.getName()} exposures", faults)
    if not frames:
        raise UserError(f"no raw {instrument.getName()} exposures in {', '.join(map(str, as_paths(paths)))}")
    name, dimensions, storage_class = instrument.raw_definition or _RAW
    items = [
        _Item(path, name, exposure, tuple(detectors), instrument.raw_formatter)
        for (path, exposure), detectors in _detectors(frames).items()
    ]
    batch = _Batch(instrument, run or instrument.makeDefaultRawIngestRunName(), transfer, on_conflict, batch_size)
    types = [DatasetType(name, dimensions, storage_class, universe=butler.dimensions)]
    return _ingest(butler, items, _exposures(frames), types=types, how=batch, start=start)


def _check_options(transfer: str, on_conflict: str) -> None:
    faults = []
    if transfer not in Transfer.__args__:  # type: ignore[attr-defined]
        faults.append(f"transfer is {transfer!r}, must be one of {Transfer.__args__}")  # type: ignore[attr-defined]
    if on_conflict not in Conflict.__args__:  # type: ignore[attr-defined]
        faults.append(f"on_conflict is {on_conflict!r}, must be one of {Conflict.__args__}")  # type: ignore[attr-defined]
    report_faults("ingest", faults)


def _exposures(frames: Frames) -> dict[int, Observed]:
    return {exposure: frame for (exposure, _), frame in frames.items()}


def _detectors(frames: Frames) -> dict[tuple[Path, int], list[int]]:
    """Return the detectors of each file and exposure."""
    found: dict[tuple[Path, int], list[int]] = defaultdict(list)
    for (exposure, detector), frame in frames.items():
        found[frame.path, exposure].append(detector)
    return found


def _reduced_items(triplets: Triplets, frames: Frames) -> list[_Item]:
    owner = {triplet["image"].path: triplet for triplet in triplets.values()}
    return [
        _Item(file.path, f"reduced_{member}", exposure, tuple(detectors), _MULTI if len(file.images) > 1 else None)
        for (path, exposure), detectors in _detectors(frames).items()
        for member, file in owner[path].items()
    ]


def _ingest(
    butler: Butler,
    items: Sequence[_Item],
    observed: Mapping[int, Observed],
    *,
    types: Sequence[DatasetType],
    how: _Batch,
    start: float,
) -> IngestReport:
    _check_registry(butler, observed, how.instrument)
    by_name = {dataset_type.name: dataset_type for dataset_type in types}
    refs = {item.path: _refs(item, by_name[item.dataset_type], how) for item in items}
    new, skipped, replaced = _compare_with_stored(butler, items, refs, how.on_conflict)
    how.instrument.register(butler.registry)
    for dataset_type in types:
        butler.registry.registerDatasetType(dataset_type)
    register_collection(butler, how.run)
    if replaced:
        butler.pruneDatasets([ref for item in replaced for ref in refs[item.path]], purge=True, unstore=True)
    by_exposure: dict[int, list[_Item]] = defaultdict(list)
    for item in new:
        by_exposure[item.exposure].append(item)
    with progress("ingest", len(by_exposure)) as shown, staging_folder(butler) as staging:
        for exposures in batched(by_exposure, how.batch_size, strict=False):
            members = [item for exposure in exposures for item in by_exposure[exposure]]
            transfer, paths = _stage(members, how.transfer, staging)
            files = [FileDataset(str(paths[m.path]), refs[m.path], formatter=m.formatter) for m in members]
            with butler.transaction():
                insert_exposures(butler, [observed[exposure].info for exposure in exposures])
                butler.ingest(*files, transfer=transfer)
            shown.advance(len(exposures), note=str(exposures[-1]))
    add_to_defaults(butler, how.instrument, how.run)
    seconds = time.monotonic() - start
    counts = (len(new), len(observed), how.run, len(skipped), seconds)
    _LOG.info("%d files of %d exposures into %s, %d skipped, %.1f s", *counts)
    return IngestReport(
        how.run, tuple(sorted(observed)), len(new) - len(replaced), len(skipped), len(replaced), seconds
    )


def _stage(items: Sequence[_Item], transfer: str, staging: Path | None) -> tuple[str, dict[Path, Path]]:
    """Copy files to the staging folder, from where they are moved; other transfers go straight to their places."""
    if transfer != "copy" or staging is None:
        return transfer, {item.path: item.path for item in items}
    copies = {}
    for number, item in enumerate(items):
        folder = staging / str(number)
        folder.mkdir(exist_ok=True)
        copies[item.path] = folder / item.path.name
        shutil.copyfile(item.path, copies[item.path])
    return "move", copies


def _refs(item: _Item, dataset_type: DatasetType, how: _Batch) -> list[DatasetRef]:
    refs = []
    for detector in item.detectors:
        values = {"instrument": how.instrument.getName(), "exposure": item.exposure, "detector": detector}
        data_id = DataCoordinate.standardize(values, dimensions=dataset_type.dimensions)
        mode = DatasetIdGenEnum.DATAID_TYPE_RUN
        refs.append(DatasetRef(dataset_type, data_id, how.run, id_generation_mode=mode))
    return refs


def _check_registry(butler: Butler, observed: Mapping[int, Observed], instrument: SurveyInstrument) -> None:
    """Refuse exposures whose number is taken by another exposure."""
    if not butler.query_dimension_records("instrument", instrument=instrument.getName(), explain=False):
        return
    faults = []
    known = butler.query_dimension_records("exposure", instrument=instrument.getName(), explain=False, limit=None)
    for record in known:
        if record.id not in observed:
            continue
        info = observed[record.id].info
        mine, theirs = (info.observation_id, info.physical_filter), (record.obs_id, record.physical_filter)
        if mine != theirs:
            faults.append(
                f"{observed[record.id].path}: duplicate exposure {record.id}: {mine}, in the repository {theirs}"
            )
    report_faults(f"ingest of {instrument.getName()} exposures", faults)


def _compare_with_stored(
    butler: Butler, items: Sequence[_Item], refs: Mapping[Path, list[DatasetRef]], on_conflict: str
) -> tuple[list[_Item], list[_Item], list[_Item]]:
    """Return the files to ingest, those to skip, and those to ingest that replace others."""
    stored = butler.stored_many([ref for several in refs.values() for ref in several])
    new, skipped, replaced, faults = [], [], [], []
    for item in items:
        present = [ref for ref in refs[item.path] if stored[ref]]
        if not present:
            new.append(item)
        elif on_conflict == "skip" or (_same_file(butler, present[0], item.path)):
            skipped.append(item)
        elif on_conflict == "replace":
            new.append(item)
            replaced.append(item)
        else:
            data_id = dict(present[0].dataId.required)
            faults.append(f"{item.path}: duplicate exposure: {item.dataset_type} {data_id} is there with other content")
    report_faults(f"ingest into {next(iter(refs.values()))[0].run}", faults)
    return new, skipped, replaced


def _same_file(butler: Butler, ref: DatasetRef, path: Path) -> bool:
    uri = butler.getURI(ref)
    if uri.isLocal:
        stored = Path(uri.ospath)
        return stored.samefile(path) or filecmp.cmp(stored, path, shallow=False)
    return bool(uri.size() == path.stat().st_size and uri.read() == path.read_bytes())
