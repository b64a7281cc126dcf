"""The files of a run as they lie in the datastore: what an earlier execution left, and how to tidy it up."""

from __future__ import annotations

import datetime
import os
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lsst.daf.butler import (
    Butler,
    DatasetRef,
    FileDataset,
    Quantum,
    QuantumBackedButler,
    QuantumProvenanceData,
)
from lsst.daf.butler.logging import ButlerLogRecord, ButlerLogRecords
from lsst.pipe.base.pipeline_graph import TaskNode
from lsst.pipe.base.quantum_graph import PredictedQuantumGraph

__all__ = ("Recovery", "RunFiles")


@dataclass(frozen=True, slots=True)
class Recovery:
    """What an earlier execution of a graph left."""

    done: frozenset[uuid.UUID]
    """Quanta that need not be executed again."""
    again: frozenset[uuid.UUID]
    """Quanta that were tried before and whose log is still there."""
    n_registered: int
    """Quanta that were finished but not yet in the registry; they are now."""


class RunFiles:
    """Outputs of one graph in the datastore of a repository.

    Parameters
    ----------
    repository : str
        Path or URI of the repository.
    graph : PredictedQuantumGraph
        The graph.
    quanta : mapping of UUID to Quantum
        Its quanta, with the storage classes of the registry.
    """

    def __init__(self, repository: str, graph: PredictedQuantumGraph, quanta: Mapping[uuid.UUID, Quantum]) -> None:
        self._quanta = quanta
        self._run = graph.header.output_run
        self._nodes: dict[uuid.UUID, TaskNode] = {
            quantum_id: info["pipeline_node"] for quantum_id, info in graph.quantum_only_xgraph.nodes.items()
        }
        # This butler trusts file names instead of the registry, so it sees what was never registered.
        self._files = QuantumBackedButler.from_predicted(
            config=repository,
            predicted_inputs=(),
            predicted_outputs=[ref.id for quantum in quanta.values() for ref in _outputs(quantum)],
            dimensions=graph.pipeline_graph.universe,
            datastore_records={},
            dataset_types={node.name: node.dataset_type for node in graph.pipeline_graph.dataset_types.values()},
        )

    def close(self) -> None:
        """Close the butler that looks at files."""
        self._files.close()

    def _metadata(self, quantum_id: uuid.UUID) -> DatasetRef:
        (ref,) = self._quanta[quantum_id].outputs[self._nodes[quantum_id].metadata_output.dataset_type_name]
        return ref

    def _log(self, quantum_id: uuid.UUID) -> DatasetRef | None:
        output = self._nodes[quantum_id].log_output
        if output is None:
            return None
        (ref,) = self._quanta[quantum_id].outputs[output.dataset_type_name]
        return ref

    def recover(self, butler: Butler) -> Recovery:
        """Sort quanta into done and to do, register what is finished, and remove what is half done.

        A quantum is done if its metadata is registered, or if both its metadata and its log are on disk: files are
        renamed into place when complete, and the log is the last one.

        Parameters
        ----------
        butler : Butler
            Writeable butler.

        Returns
        -------
        Recovery
        """
        registered = {ref.id for ref in butler.query_all_datasets(self._run, find_first=False, limit=None)}
        done = {quantum_id for quantum_id in self._quanta if self._metadata(quantum_id).id in registered}
        unknown = [quantum_id for quantum_id in self._quanta if quantum_id not in done]
        stored = self._files.stored_many(ref for quantum_id in unknown for ref in _outputs(self._quanta[quantum_id]))
        finished = []
        for quantum_id in unknown:
            log = self._log(quantum_id)
            if stored[self._metadata(quantum_id)] and (log is None or (stored[log] and log.id not in registered)):
                finished.append(quantum_id)
        self._register(butler, [ref for i in finished for ref in _outputs(self._quanta[i]) if stored[ref]])
        redo = set(unknown).difference(finished)
        leftovers = {i: [ref for ref in _outputs(self._quanta[i]) if stored[ref]] for i in redo}
        logs = {i: log for i in redo if (log := self._log(i)) is not None and stored[log]}
        self._forget(butler, [ref for i in redo for ref in _outputs(self._quanta[i]) if ref.id in registered])
        self._remove([ref for i, refs in leftovers.items() for ref in refs if ref != logs.get(i)])
        self._remove_temporaries([ref for quantum_id in redo for ref in _outputs(self._quanta[quantum_id])])
        return Recovery(frozenset(done.union(finished)), frozenset(logs), len(finished))

    def _register(self, butler: Butler, refs: Collection[DatasetRef]) -> None:
        if refs:
            files = [FileDataset(self._files.getURI(ref, predict=True), [ref]) for ref in refs]
            with butler.transaction():
                butler.ingest(*files, transfer=None)

    @staticmethod
    def _forget(butler: Butler, refs: Collection[DatasetRef]) -> None:
        """Remove datasets from the registry but leave their files."""
        if refs:
            with butler.registry.transaction():
                butler._datastore.forget(refs)
                butler.registry.removeDatasets(refs)

    def _remove(self, refs: Collection[DatasetRef]) -> None:
        if refs:
            self._files.pruneDatasets(refs, disassociate=False, unstore=True)

    def _remove_temporaries(self, refs: Iterable[DatasetRef]) -> None:
        """Remove files that a killed process was writing under a temporary name."""
        suffixes: dict[Path, set[str]] = defaultdict(set)
        for ref in refs:
            uri = self._files.getURI(ref, predict=True)
            if uri.isLocal:
                path = Path(uri.ospath)
                suffixes[path.parent].add(f"{path.stem}.tmp{path.suffix}")
        for folder, endings in suffixes.items():
            for path in folder.glob("*.tmp*"):
                if path.name.endswith(tuple(endings)):
                    path.unlink(missing_ok=True)

    def discard(self, quantum_ids: Iterable[uuid.UUID]) -> None:
        """Remove whatever quanta wrote that were cut short and never registered."""
        refs = [ref for quantum_id in quantum_ids for ref in _outputs(self._quanta[quantum_id])]
        self._remove([ref for ref, stored in self._files.stored_many(refs).items() if stored])
        self._remove_temporaries(refs)

    def write_obituary(self, quantum_id: uuid.UUID, reason: str) -> QuantumProvenanceData | None:
        """Write a log for a quantum whose process died without one.

        Returns
        -------
        QuantumProvenanceData or None
            What to register; `None` if the task keeps no log.
        """
        ref = self._log(quantum_id)
        if ref is None:
            return None
        label = self._nodes[quantum_id].label
        record = ButlerLogRecord(
            name=__name__,
            asctime=datetime.datetime.now(tz=datetime.UTC),
            message=f"Execution of task '{label}' on quantum {self._quanta[quantum_id].dataId} failed: {reason}",
            levelno=50,
            levelname="CRITICAL",
            filename=Path(__file__).name,
            pathname=__file__,
            lineno=0,
            process=os.getpid(),
            processName="MainProcess",
            MDC={"LABEL": f"{label}:{self._quanta[quantum_id].dataId}", "RUN": self._run},
        )
        records = ButlerLogRecords.from_records([record])
        records.extra = {"exception": {"type_name": "WorkerDeath", "message": reason, "metadata": {}}}
        self._files.put(records, ref)
        exported = self._files._datastore.export_records([ref])
        return QuantumProvenanceData(
            predicted_inputs=set(),
            available_inputs=set(),
            actual_inputs=set(),
            predicted_outputs={output.id for output in _outputs(self._quanta[quantum_id])},
            actual_outputs={ref.id},
            datastore_records={name: data.to_simple() for name, data in exported.items()},
        )


def _outputs(quantum: Quantum) -> list[DatasetRef]:
    return [ref for refs in quantum.outputs.values() for ref in refs]
