"""What a worker process does: execute one quantum after another with a quantum-backed butler, never the registry."""

from __future__ import annotations

import itertools
import resource
import time
import traceback
import uuid
from dataclasses import dataclass
from typing import Any

from lsst.daf.butler import Quantum, QuantumBackedButler, QuantumProvenanceData
from lsst.daf.butler.datastore.record_data import DatastoreRecordData
from lsst.pipe.base import TaskFactory
from lsst.pipe.base.pipeline_graph import TaskNode
from lsst.pipe.base.quantum_graph import PredictedQuantumGraph
from lsst.pipe.base.single_quantum_executor import SingleQuantumExecutor
from lsst.utils.introspection import get_full_type_name

__all__ = ("Fault", "Order", "Outcome", "QuantumWorker")


@dataclass(frozen=True, slots=True)
class Order:
    """A request to execute one quantum."""

    quantum_id: uuid.UUID
    again: bool = False
    """An earlier attempt may have left outputs; its log is attached to the new one and the rest removed."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a quantum failed."""

    type_name: str
    message: str
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an order."""

    quantum_id: uuid.UUID
    fault: Fault | None
    provenance: QuantumProvenanceData | None
    """Datasets written (also by a quantum that failed) with their datastore records."""
    seconds: float
    cpu_seconds: float
    n_outputs: int
    """Datasets written, logs and metadata not counted."""


class QuantumWorker:
    """Executes quanta of one graph against one repository.

    Parameters
    ----------
    graph : PredictedQuantumGraph
        Graph whose execution quanta have been built.
    butler_config : str
        Path or URI of the repository.
    """

    def __init__(self, graph: PredictedQuantumGraph, butler_config: str) -> None:
        self._quanta = graph.build_execution_quanta()
        self._nodes: dict[uuid.UUID, TaskNode] = {
            quantum_id: info["pipeline_node"] for quantum_id, info in graph.quantum_only_xgraph.nodes.items()
        }
        self._task_factory = TaskFactory()
        self._known: set[uuid.UUID] = set()
        dataset_types = {node.name: node.dataset_type for node in graph.pipeline_graph.dataset_types.values()}
        # One datastore for the worker's life: making one for each quantum costs 10 ms.
        self._base = QuantumBackedButler.from_predicted(
            config=butler_config,
            predicted_inputs=(),
            predicted_outputs=(),
            dimensions=graph.pipeline_graph.universe,
            datastore_records={},
            dataset_types=dataset_types,
        )
        self._dataset_types = dataset_types

    def execute(self, order: Order) -> Outcome:
        """Execute one quantum; trouble in it becomes a `Fault`, never an exception."""
        start, cpu = time.monotonic(), _cpu_seconds()
        fault: Fault | None = None
        provenance: QuantumProvenanceData | None = None
        try:
            quantum = self._quanta[order.quantum_id]
            butler = self._butler_for(quantum)
            try:
                # A new executor for each quantum: a shared one would list all earlier quanta in every log.
                executor = SingleQuantumExecutor(
                    butler=butler,
                    task_factory=self._task_factory,
                    assume_no_existing_outputs=not order.again,
                    clobber_outputs=order.again,
                )
                executor.execute(self._nodes[order.quantum_id], quantum, quantum_id=order.quantum_id)
            finally:
                provenance = _written(butler, quantum)
        except BaseException as error:
            fault = _describe(error)
        seconds = time.monotonic() - start
        n_automatic = 1 + (fault is None)
        n_outputs = max(len(provenance.actual_outputs) - n_automatic, 0) if provenance else 0
        return Outcome(order.quantum_id, fault, provenance, seconds, _cpu_seconds() - cpu, n_outputs)

    def _butler_for(self, quantum: Quantum) -> QuantumBackedButler:
        """Return a butler that reads and writes what this quantum predicts, over the worker's datastore."""
        self._import_records(quantum.datastore_records or {})
        inputs = itertools.chain(itertools.chain.from_iterable(quantum.inputs.values()), quantum.initInputs.values())
        outputs = itertools.chain.from_iterable(quantum.outputs.values())
        return QuantumBackedButler(
            [ref.id for ref in inputs],
            [ref.id for ref in outputs],
            self._base.dimensions,
            self._base._datastore,
            self._base.storageClasses,
            dataset_types=self._dataset_types,
        )

    def _import_records(self, records: Any) -> None:
        new = {}
        for name, data in records.items():
            unknown = {key: value for key, value in data.records.items() if key not in self._known}
            self._known.update(unknown)
            if unknown:
                new[name] = DatastoreRecordData(records=unknown)
        if new:
            self._base._datastore.import_records(new)


def _written(butler: QuantumBackedButler, quantum: Quantum) -> QuantumProvenanceData:
    # Inputs that the executor did not need to check exist by construction; saying so keeps the log quiet.
    butler._available_inputs |= butler._predicted_inputs - butler._unavailable_inputs
    return butler.extract_provenance_data()


def _describe(error: BaseException) -> Fault:
    if isinstance(error, UnboundLocalError) and error.__context__ is not None:
        # The stock executor trips over its own variable where a task's constructor fails.
        error = error.__context__
    lines = traceback.format_exception(error)
    return Fault(get_full_type_name(error), str(error), "".join(lines))


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
