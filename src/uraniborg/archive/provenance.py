"""From any dataset back to the raw data it was made from, and the check that every dataset has such a way."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from lsst.daf.butler import Butler, CollectionType, DatasetRef

from uraniborg.archive.lineage import RUN_GRAPH, RUN_PROVENANCE, DatasetLabel, LineageReader
from uraniborg.core.errors import UserError

__all__ = ("RAW_TYPES", "Ancestry", "Orphan", "ProvenanceReport", "check_provenance", "trace_to_raws")

RAW_TYPES: tuple[str, ...] = ("raw", "reduced_image", "reduced_weight", "reduced_dq")
"""Dataset types that came from a telescope."""

_NOT_FROM_DATA = frozenset({"Config", "Packages"})


@dataclass(frozen=True, slots=True)
class Ancestry:
    """Everything that a dataset was made from.

    Attributes
    ----------
    dataset : DatasetLabel
    parents : tuple of DatasetLabel
        What the quantum that made it read.
    ancestors : tuple of DatasetLabel
        Parents, their parents, and so on, nearest first; each once.
    raws : tuple of DatasetLabel
        Ancestors that are raw data.
    other_origins : tuple of DatasetLabel
        Ancestors that no quantum made and that are not raw data: reference catalogues, calibrations, sky maps.
    """

    dataset: DatasetLabel
    parents: tuple[DatasetLabel, ...]
    ancestors: tuple[DatasetLabel, ...]
    raws: tuple[DatasetLabel, ...]
    other_origins: tuple[DatasetLabel, ...]


@dataclass(frozen=True, slots=True)
class Orphan:
    """A dataset whose provenance does not reach raw data, and why."""

    dataset: DatasetLabel
    reason: str


@dataclass(frozen=True, slots=True)
class ProvenanceReport:
    """What `check_provenance` found.

    Attributes
    ----------
    runs : dict of str to dict of str to int
        Each run that was checked, and how many datasets each source of lineage told about.
    checked : int
        Datasets that should reach raw data.
    reaching : int
        Datasets that do.
    raws : int
        Different raw datasets that were reached.
    not_from_data : int
        Datasets that software alone determines (configurations, versions, graphs); not checked.
    by_type : dict of str to (int, int)
        Dataset type to the number checked and the number that reach raw data.
    orphans : tuple of Orphan
    """

    runs: dict[str, dict[str, int]]
    checked: int
    reaching: int
    raws: int
    not_from_data: int
    by_type: dict[str, tuple[int, int]]
    orphans: tuple[Orphan, ...]

    @property
    def complete(self) -> bool:
        """Whether there are datasets, and all of them reach raw data."""
        return self.checked > 0 and self.reaching == self.checked


def trace_to_raws(
    butler: Butler, ref: DatasetRef, *, raw_types: Collection[str] = RAW_TYPES, reader: LineageReader | None = None
) -> Ancestry:
    """Return everything that a dataset was made from.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository.
    ref : DatasetRef
        The dataset.
    raw_types : collection of str, optional
        Dataset types that count as raw data.
    reader : LineageReader, optional
        Give the same one to trace many datasets of the same runs quickly.

    Returns
    -------
    Ancestry
    """
    reader = reader or LineageReader(butler)
    start = DatasetLabel.from_ref(ref)
    seen: dict[uuid.UUID, DatasetLabel] = {}
    raws, others, wave = [], [], [start]
    while wave:
        following: list[DatasetLabel] = []
        for label in wave:
            parents = None if label.dataset_type in raw_types else reader.parents(label)
            if label.dataset_type in raw_types:
                raws.append(label)
            elif parents is None and label is not start:
                others.append(label)
            new = [parent for parent in parents or () if parent.id not in seen]
            seen |= {parent.id: parent for parent in new}
            following += dict.fromkeys(new)
        wave = following
    return Ancestry(start, reader.parents(start) or (), tuple(seen.values()), tuple(raws), tuple(others))


def check_provenance(
    butler: Butler, collections: str | Iterable[str], *, raw_types: Collection[str] = RAW_TYPES
) -> ProvenanceReport:
    """Check that every dataset that was made by processing can be followed back to raw data that is in the repository.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository.
    collections : str or iterable of str
        Runs, which are checked, or chains, of which the runs that pipelines wrote are checked.
    raw_types : collection of str, optional
        Dataset types that count as raw data.

    Returns
    -------
    ProvenanceReport

    Raises
    ------
    UserError
        If there is no run to check.
    """
    reader = LineageReader(butler)
    stored: dict[str, list[DatasetRef]] = {}
    for run, named in _runs(butler, collections).items():
        refs = butler.query_all_datasets(run, find_first=False, limit=None)
        if named or any(_is_mark_of_a_pipeline(ref) for ref in refs):
            stored[run] = refs
    if not stored:
        raise UserError(f"no run of a pipeline in {collections!r}; name the run that holds its outputs")
    every = [ref for refs in stored.values() for ref in refs]
    labels = [DatasetLabel.from_ref(ref) for ref in every if not _is_not_from_data(ref)]
    wanted = [label for label in labels if label.dataset_type not in raw_types]
    search = _Search(butler, reader, raw_types)
    orphans = tuple(Orphan(label, reason) for label in wanted if (reason := search.why_not(label)))
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for label in wanted:
        counts[label.dataset_type][0] += 1
        counts[label.dataset_type][1] += search.reaches(label)
    return ProvenanceReport(
        runs={run: dict(reader.run(run).sources) for run in stored},
        checked=len(wanted),
        reaching=len(wanted) - len(orphans),
        raws=search.n_raws,
        not_from_data=len(every) - len(labels),
        by_type={name: (n, good) for name, (n, good) in sorted(counts.items())},
        orphans=orphans,
    )


def _runs(butler: Butler, collections: str | Iterable[str]) -> dict[str, bool]:
    """Return the runs in collections, and whether each was given by its own name."""
    named = {collections} if isinstance(collections, str) else set(collections)
    return {
        run: run in named
        for run in butler.collections.query(named, collection_types=CollectionType.RUN, flatten_chains=True)
    }


def _is_not_from_data(ref: DatasetRef) -> bool:
    return ref.datasetType.storageClass_name in _NOT_FROM_DATA or ref.datasetType.name in (RUN_GRAPH, RUN_PROVENANCE)


def _is_mark_of_a_pipeline(ref: DatasetRef) -> bool:
    return _is_not_from_data(ref) or ref.datasetType.storageClass_name == "TaskMetadata"


class _Search:
    """Answers for each dataset whether raw data can be reached, looking at each dataset once."""

    def __init__(self, butler: Butler, reader: LineageReader, raw_types: Collection[str]) -> None:
        self._butler = butler
        self._reader = reader
        self._raw_types = frozenset(raw_types)
        self._answers: dict[uuid.UUID, bool] = {}
        self._raws: dict[uuid.UUID, bool] = {}

    @property
    def n_raws(self) -> int:
        return sum(self._raws.values())

    def reaches(self, label: DatasetLabel) -> bool:
        stack, on_path = [label], set[uuid.UUID]()
        while stack:
            top = stack[-1]
            if top.id in self._answers:
                stack.pop()
                continue
            parents = () if top.dataset_type in self._raw_types else self._reader.parents(top) or ()
            on_path.add(top.id)
            pending = [p for p in parents if p.id not in self._answers and p.id not in on_path]
            if pending:
                stack.extend(pending)
                continue
            known = any(self._answers.get(parent.id, False) for parent in parents)
            self._answers[top.id] = known or self._is_present_raw(top)
            stack.pop()
        return self._answers[label.id]

    def _is_present_raw(self, label: DatasetLabel) -> bool:
        if label.dataset_type not in self._raw_types:
            return False
        if label.id not in self._raws:
            self._raws[label.id] = self._butler.get_dataset(label.id) is not None
        return self._raws[label.id]

    def why_not(self, label: DatasetLabel) -> str:
        if self.reaches(label):
            return ""
        parents = self._reader.parents(label)
        if parents is None:
            return "neither a quantum graph in its run nor its file says what it was made from"
        if not parents:
            return "it was made from nothing"
        missing = [str(parent) for parent in parents if self._raws.get(parent.id) is False]
        if missing:
            return f"raw data is no longer in the repository: {missing[0]}"
        return f"no ancestor is raw data; its parents are {', '.join(sorted({p.dataset_type for p in parents}))}"
