"""Keep the predicted quantum graph of a run beside its outputs, as the dataset ``run_graph``.

The file is a plain ``.qg`` file of `lsst.pipe.base` (its path is ``butler.getURI("run_graph", collections=RUN)``); a
``butler.get`` returns the same graph as plain dictionaries. The storage class is a stock one, so that repositories
with a ``run_graph`` still open in any Rubin tool.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lsst.daf.butler import (
    Butler,
    DataCoordinate,
    DatasetRef,
    DatasetType,
    FileDataset,
    FormatterV2,
    MissingCollectionError,
    MissingDatasetTypeError,
)
from lsst.pipe.base.pipeline_graph import TaskImportMode
from lsst.pipe.base.quantum_graph import PredictedQuantumGraph, PredictedQuantumGraphComponents

__all__ = ("RUN_GRAPH", "RunGraphFormatter", "find_graph", "graph_lineage", "local_graph_file", "save_graph")

RUN_GRAPH = "run_graph"
"""Dataset type name of the predicted graph of a run; it has no dimensions."""


def save_graph(butler: Butler, components: PredictedQuantumGraphComponents, run: str) -> DatasetRef:
    """Store a predicted graph as the ``run_graph`` of an existing RUN collection.

    Parameters
    ----------
    butler : Butler
        Writeable butler.
    components : PredictedQuantumGraphComponents
        The whole graph.
    run : str
        RUN collection that holds the graph's outputs.

    Returns
    -------
    DatasetRef
    """
    dataset_type = DatasetType(RUN_GRAPH, butler.dimensions.empty, "StructuredDataDict")
    butler.registry.registerDatasetType(dataset_type)
    ref = DatasetRef(dataset_type, DataCoordinate.make_empty(butler.dimensions), run=run)
    with tempfile.TemporaryDirectory(prefix="uraniborg-graph-") as folder:
        path = Path(folder) / "run_graph.qg"
        components.write(str(path))
        butler.ingest(FileDataset(str(path), [ref], formatter=RunGraphFormatter), transfer="move")
    return ref


def find_graph(butler: Butler, run: str) -> DatasetRef | None:
    """Return the ``run_graph`` dataset of a RUN collection, or `None`."""
    try:
        return butler.find_dataset(RUN_GRAPH, {}, collections=[run])
    except (MissingCollectionError, MissingDatasetTypeError):
        return None


@contextmanager
def local_graph_file(butler: Butler, ref: DatasetRef) -> Iterator[str]:
    """Yield the path of a local copy of a ``run_graph`` (the file itself where the datastore is local)."""
    with butler.getURI(ref).as_local() as local:
        yield local.ospath


class RunGraphFormatter(FormatterV2):
    """Read a predicted quantum graph file as plain dictionaries; see `graph_lineage`."""

    default_extension = ".qg"
    can_read_from_local_file = True

    def read_from_local_file(self, path: str, component: str | None = None, expected_size: int = -1) -> Any:
        """Return the lineage in the file."""
        return graph_lineage(path)


def graph_lineage(path: str) -> dict[str, Any]:
    """Read from a predicted graph which quantum makes and reads which datasets.

    Parameters
    ----------
    path : str
        A ``.qg`` file; the tasks in it need not be importable.

    Returns
    -------
    dict
        ``run`` and ``inputs`` (collections); ``quanta``: for each quantum id its ``task``, ``data_id``, ``inputs`` and
        ``outputs`` (dataset ids, in the order of the connections); ``datasets``: for each dataset id its ``type``,
        ``data_id`` and ``run``. All ids are strings.
    """
    with PredictedQuantumGraph.open(path, import_mode=TaskImportMode.DO_NOT_IMPORT) as reader:
        reader.read_quantum_datasets()
        reader.read_init_quanta()
        components = reader.components
    pipeline = components.pipeline_graph
    quanta: dict[str, Any] = {}
    datasets: dict[str, Any] = {}

    def note(mapping: dict[str, list[Any]]) -> list[str]:
        found = [dataset for group in mapping.values() for dataset in group]
        for dataset in found:
            dimensions = pipeline.dataset_types[dataset.dataset_type_name].dimensions
            data_id = DataCoordinate.from_full_values(dimensions, tuple(dataset.data_coordinate))
            datasets[str(dataset.dataset_id)] = {
                "type": dataset.dataset_type_name,
                "data_id": dict(data_id.required),
                "run": dataset.run,
            }
        return [str(dataset.dataset_id) for dataset in found]

    for quantum_id, quantum in components.quantum_datasets.items():
        dimensions = pipeline.tasks[quantum.task_label].dimensions
        data_id = DataCoordinate.from_full_values(dimensions, tuple(quantum.data_coordinate))
        quanta[str(quantum_id)] = {
            "task": quantum.task_label,
            "data_id": dict(data_id.required),
            "inputs": note(quantum.inputs),
            "outputs": note(quantum.outputs),
        }
    header = components.header
    return {"run": header.output_run, "inputs": list(header.inputs), "quanta": quanta, "datasets": datasets}
