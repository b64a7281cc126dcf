"""Which datasets each dataset was made from, read from whatever the middleware left behind.

Three sources are asked in turn, for each run and then for each dataset:

1. ``run_graph``: the quantum graph that our executor stores in its run;
2. ``run_provenance``: the graph that Rubin's ``butler aggregate-graph`` or ``ingest-graph`` leaves in a run;
3. the files themselves: a plain ``pipetask run`` stores no graph, but FITS images and tables carry the ids of the
   inputs of the quantum that made them, and the metadata of each quantum names all that it made.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow.parquet as pq
from astropy.io import fits
from lsst.daf.butler import Butler, DatasetProvenance, DatasetRef, MissingCollectionError, MissingDatasetTypeError
from lsst.pipe.base.pipeline_graph import TaskImportMode

from uraniborg.archive.formatters.tables import PROVENANCE_KEY

__all__ = ("DatasetLabel", "LineageReader", "RunLineage", "read_run_lineage")

RUN_GRAPH = "run_graph"
RUN_PROVENANCE = "run_provenance"


@dataclass(frozen=True, slots=True)
class DatasetLabel:
    """What identifies a dataset, whether or not it was written.

    Attributes
    ----------
    id : uuid.UUID
    dataset_type : str
    data_id : tuple of (str, int or str)
        Required dimensions and their values.
    run : str
    """

    id: uuid.UUID
    dataset_type: str
    data_id: tuple[tuple[str, int | str], ...]
    run: str

    @classmethod
    def from_ref(cls, ref: DatasetRef) -> DatasetLabel:
        """Return the label of a dataset of a repository."""
        return cls(ref.id, ref.datasetType.nameAndComponent()[0], tuple(dict(ref.dataId.required).items()), ref.run)

    def __str__(self) -> str:
        values = ", ".join(f"{name}={value}" for name, value in self.data_id)
        return f"{self.dataset_type}({values}) in {self.run}"


@dataclass(slots=True)
class RunLineage:
    """Parents of the datasets of one run.

    Attributes
    ----------
    parents : dict
        Dataset id to the ids that it was made from; ids that are not here are not known to be made by a quantum.
    labels : dict
        Dataset id to label, of children and parents.
    sources : dict
        Name of the source to the number of datasets that it knew about.
    """

    parents: dict[uuid.UUID, tuple[uuid.UUID, ...]] = field(default_factory=dict)
    labels: dict[uuid.UUID, DatasetLabel] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)

    def add(self, source: str, parents: Mapping[uuid.UUID, tuple[uuid.UUID, ...]]) -> None:
        """Add parents of datasets that are not known yet."""
        new = {child: found for child, found in parents.items() if child not in self.parents}
        self.parents |= new
        if new:
            self.sources[source] = len(new)


class LineageReader:
    """Reads the lineage of runs when it is first asked for, and keeps it.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository.
    """

    def __init__(self, butler: Butler) -> None:
        self._butler = butler
        self._runs: dict[str, RunLineage] = {}

    def run(self, name: str) -> RunLineage:
        """Return the lineage of one run."""
        if name not in self._runs:
            self._runs[name] = read_run_lineage(self._butler, name)
        return self._runs[name]

    def parents(self, label: DatasetLabel) -> tuple[DatasetLabel, ...] | None:
        """Return what a dataset was made from; `None` if it is not known to be made by a quantum."""
        lineage = self.run(label.run)
        found = lineage.parents.get(label.id)
        return None if found is None else tuple(lineage.labels[parent] for parent in found)


def read_run_lineage(butler: Butler, run: str) -> RunLineage:
    """Return the parents of all datasets of a run.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository.
    run : str
        RUN collection.
    """
    lineage = RunLineage()
    try:
        refs = butler.query_all_datasets(run, find_first=False, limit=None)
    except MissingCollectionError:
        return lineage
    lineage.labels |= {ref.id: DatasetLabel.from_ref(ref) for ref in refs}
    _add_run_graph(butler, run, lineage)
    _add_provenance_graph(butler, run, lineage)
    unknown = [ref for ref in refs if ref.id not in lineage.parents]
    if any(ref.datasetType.storageClass_name == "TaskMetadata" for ref in unknown):
        _add_files(butler, unknown, lineage)
    return lineage


def _get(butler: Butler, dataset_type: str, run: str, **options: Any) -> Any:
    """Return a dataset without dimensions of a run, or `None`."""
    try:
        ref = butler.find_dataset(dataset_type, {}, collections=[run])
    except MissingDatasetTypeError:
        return None
    return None if ref is None else butler.get(ref, **options)


def _add_run_graph(butler: Butler, run: str, lineage: RunLineage) -> None:
    graph = _get(butler, RUN_GRAPH, run)
    if graph is None:
        return
    for key, known in graph["datasets"].items():
        label = DatasetLabel(uuid.UUID(key), known["type"], tuple(known["data_id"].items()), known["run"])
        lineage.labels.setdefault(label.id, label)
    parents = {}
    for quantum in graph["quanta"].values():
        inputs = tuple(uuid.UUID(key) for key in quantum["inputs"])
        parents |= dict.fromkeys((uuid.UUID(key) for key in quantum["outputs"]), inputs)
    lineage.add(RUN_GRAPH, parents)


def _add_provenance_graph(butler: Butler, run: str, lineage: RunLineage) -> None:
    options = {"import_mode": TaskImportMode.DO_NOT_IMPORT, "read_init_quanta": False}
    graph = _get(butler, RUN_PROVENANCE, run, parameters=options)
    if graph is None:
        return
    network = graph.bipartite_xgraph
    parents = {}
    for node, known in network.nodes(data=True):
        if "dataset_type_name" not in known:
            continue
        data_id = tuple(dict(known["data_id"].required).items())
        lineage.labels.setdefault(node, DatasetLabel(node, known["dataset_type_name"], data_id, known["run"]))
        quanta = [quantum for quantum in network.predecessors(node) if "metadata_id" in network.nodes[quantum]]
        if quanta:
            parents[node] = tuple(parent for quantum in quanta for parent in network.predecessors(quantum))
    lineage.add(RUN_PROVENANCE, parents)


def _add_files(butler: Butler, refs: Iterable[DatasetRef], lineage: RunLineage) -> None:
    """Read what the files say about themselves, and give it to all that the same quantum made."""
    parents: dict[uuid.UUID, tuple[uuid.UUID, ...]] = {}
    by_quantum: dict[tuple[str, tuple[tuple[str, int | str], ...]], list[uuid.UUID]] = {}
    for ref in refs:
        label = lineage.labels[ref.id]
        task, _, kind = label.dataset_type.rpartition("_")
        if ref.datasetType.storageClass_name == "TaskMetadata":
            quantum = butler.get(ref)["quantum"]
            made = [uuid.UUID(key) for key in quantum.getArray("outputs")] if "outputs" in quantum else []
            by_quantum.setdefault((task, label.data_id), []).extend([ref.id, *made])
        elif kind == "log" and ref.datasetType.storageClass_name == "ButlerLogRecords":
            by_quantum.setdefault((task, label.data_id), []).append(ref.id)
        elif (provenance := _read_provenance(butler, ref)) is not None:
            parents[ref.id] = tuple(given.id for given in provenance.inputs)
            _add_labels(butler, provenance, lineage)
    for siblings in by_quantum.values():
        told = next((parents[child] for child in siblings if child in parents), None)
        if told is not None:
            parents |= {child: told for child in siblings if child not in parents}
    lineage.add("files", parents)


def _add_labels(butler: Butler, provenance: DatasetProvenance, lineage: RunLineage) -> None:
    for given in provenance.inputs:
        if given.id in lineage.labels:
            continue
        ref = butler.get_dataset(given.id)
        if ref is not None:
            lineage.labels[given.id] = DatasetLabel.from_ref(ref)
        else:
            name = given.datasetType.name if given.datasetType is not None else "unknown"
            lineage.labels[given.id] = DatasetLabel(given.id, name, (), given.run or "")


def _read_provenance(butler: Butler, ref: DatasetRef) -> DatasetProvenance | None:
    uri = butler.getURI(ref)
    match uri.getExtension():
        case ".parquet" | ".parq":
            with uri.open("rb") as stream:
                text = (pq.read_schema(stream).metadata or {}).get(PROVENANCE_KEY)
            return None if text is None else DatasetProvenance.model_validate_json(text)
        case ".fits":
            with uri.open("rb") as stream, fits.open(stream) as hdus:
                return _from_header(dict(hdus[0].header), butler)
        case _:
            return None


def _from_header(header: dict[str, Any], butler: Butler) -> DatasetProvenance | None:
    try:
        return DatasetProvenance.from_flat_dict(header, butler)[0]
    except ValueError:
        return None
