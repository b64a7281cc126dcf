"""Put what workers wrote into the registry, many quanta in one transaction, in a thread of its own."""

from __future__ import annotations

import itertools
import logging
import queue
import threading
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence

from lsst.daf.butler import Butler, DatasetRef, DatasetType, Quantum, QuantumProvenanceData
from lsst.pipe.base.pipeline_graph import PipelineGraph

from uraniborg.core.errors import StoreError

__all__ = ("Registrar", "registry_quanta")

_LOG = logging.getLogger(__name__)
_ATTEMPTS = 5


def registry_quanta(pipeline: PipelineGraph, quanta: Mapping[uuid.UUID, Quantum]) -> dict[uuid.UUID, Quantum]:
    """Return quanta whose outputs have the storage classes of the registry, not those that tasks asked for.

    Parameters
    ----------
    pipeline : PipelineGraph
        Resolved pipeline, which knows the registry's dataset types.
    quanta : mapping of UUID to Quantum
        Execution quanta.
    """
    types = {node.name: node.dataset_type for node in pipeline.dataset_types.values()}

    def conform(key: DatasetType, refs: Sequence[DatasetRef]) -> tuple[DatasetType, list[DatasetRef]]:
        storage_class = types[key.name].storageClass_name
        return types[key.name], [ref.overrideStorageClass(storage_class) for ref in refs]

    result = {}
    for quantum_id, quantum in quanta.items():
        if any(key != types[key.name] for key in quantum.outputs):
            outputs = dict(conform(key, refs) for key, refs in quantum.outputs.items())
            quantum = Quantum(
                taskName=quantum.taskName,
                taskClass=quantum.taskClass,
                dataId=quantum.dataId,
                initInputs=quantum.initInputs,
                inputs=quantum.inputs,
                outputs=outputs,
            )
        result[quantum_id] = quantum
    return result


class Registrar:
    """Registers outputs in the background.

    Parameters
    ----------
    butler : Butler
        Writeable butler; the thread uses a clone of it.
    quanta : mapping of UUID to Quantum
        From `registry_quanta`.
    batch : int, optional
        Quanta in one transaction at most.
    interval : float, optional
        Longest time that finished quanta wait to be registered. [s]
    """

    def __init__(
        self, butler: Butler, quanta: Mapping[uuid.UUID, Quantum], *, batch: int = 500, interval: float = 3.0
    ) -> None:
        self._butler = butler.clone()
        self._quanta = quanta
        self._batch = batch
        self._interval = interval
        self._queue: queue.SimpleQueue[tuple[uuid.UUID, QuantumProvenanceData] | None] = queue.SimpleQueue()
        self._error: Exception | None = None
        self.n_datasets = 0
        self._thread = threading.Thread(target=self._serve, name="registrar")
        self._thread.start()

    def add(self, quantum_id: uuid.UUID, provenance: QuantumProvenanceData) -> None:
        """Hand over what one quantum wrote.

        Raises
        ------
        StoreError
            If an earlier batch could not be registered.
        """
        self._check()
        self._queue.put((quantum_id, provenance))

    def close(self) -> None:
        """Register what is left and end the thread.

        Raises
        ------
        StoreError
            If something could not be registered; the files are kept and a resumed run registers them.
        """
        self._queue.put(None)
        self._thread.join()
        self._butler.close()
        self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise StoreError(
                f"finished results could not be registered ({type(self._error).__name__}: {self._error}); "
                "their files are kept: see to the registry, then resume"
            ) from self._error

    def _serve(self) -> None:
        pending: list[tuple[uuid.UUID, QuantumProvenanceData]] = []
        due = time.monotonic() + self._interval
        listening = True
        while listening:
            try:
                item = self._queue.get(timeout=max(due - time.monotonic(), 0.0) if pending else None)
            except queue.Empty:
                item = ()  # type: ignore[assignment]
            if item is None:
                listening = False
            elif item:
                if not pending:
                    due = time.monotonic() + self._interval
                pending.append(item)
            if pending and (not listening or len(pending) >= self._batch or time.monotonic() >= due):
                self._flush(pending)
                pending = []

    def _flush(self, pending: Iterable[tuple[uuid.UUID, QuantumProvenanceData]]) -> None:
        if self._error is not None:
            return
        pending = list(pending)
        for attempt in itertools.count(1):
            try:
                with self._butler.transaction():
                    QuantumProvenanceData.collect_and_transfer(
                        self._butler,
                        [self._quanta[quantum_id] for quantum_id, _ in pending],
                        [provenance for _, provenance in pending],
                    )
            except Exception as error:
                if attempt == _ATTEMPTS:
                    self._error = error
                    return
                _LOG.warning("Registering %d quanta failed, trying again: %s", len(pending), error)
                time.sleep(0.2 * 2**attempt)
            else:
                self.n_datasets += sum(len(provenance.actual_outputs) for _, provenance in pending)
                return
