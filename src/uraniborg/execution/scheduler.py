"""Which quantum comes next: those whose inputs are ready, the deepest in the pipeline first."""

from __future__ import annotations

import heapq
import uuid

import networkx
from lsst.daf.butler import DataCoordinate
from lsst.pipe.base.graph_walker import GraphWalker
from lsst.pipe.base.quantum_graph import PredictedQuantumGraph

__all__ = ("QuantumQueue",)


class QuantumQueue:
    """Quanta of a graph in the order in which they may be executed.

    What was begun is finished first, so that results of one exposure come out while others still wait; ties are
    broken by data id, detectors and patches last. The order never changes a result, only when it appears.

    Parameters
    ----------
    graph : PredictedQuantumGraph
        The whole graph.
    """

    def __init__(self, graph: PredictedQuantumGraph) -> None:
        xgraph: networkx.DiGraph = graph.quantum_only_xgraph
        depth = {label: -i for i, label in enumerate(graph.pipeline_graph.tasks)}
        self._rank = {
            quantum_id: (depth[info["task_label"]], _coarse_first(info["data_id"]))
            for quantum_id, info in xgraph.nodes.items()
        }
        self._walker: GraphWalker[uuid.UUID] = GraphWalker(xgraph.copy())
        self._heap: list[tuple[tuple[int, tuple[object, ...]], uuid.UUID]] = []
        self._gone: set[uuid.UUID] = set()
        self._advance()

    def _advance(self) -> None:
        for quantum_id in next(self._walker, ()):
            heapq.heappush(self._heap, (self._rank[quantum_id], quantum_id))

    def pop(self) -> uuid.UUID | None:
        """Return a quantum whose inputs are ready, or `None` if there is none at present."""
        while self._heap:
            quantum_id = heapq.heappop(self._heap)[1]
            if quantum_id not in self._gone:
                return quantum_id
        return None

    def push_back(self, quantum_id: uuid.UUID) -> None:
        """Put a popped quantum back, to be executed again."""
        heapq.heappush(self._heap, (self._rank[quantum_id], quantum_id))

    def finish(self, quantum_id: uuid.UUID) -> None:
        """Mark a quantum as done, popped or not; what waited for it alone becomes ready."""
        self._gone.add(quantum_id)
        self._walker.finish(quantum_id)
        self._advance()

    def fail(self, quantum_id: uuid.UUID) -> list[uuid.UUID]:
        """Mark a quantum as failed and return all quanta that can never be executed for it, in order."""
        self._gone.add(quantum_id)
        blocked: list[uuid.UUID] = self._walker.fail(quantum_id)
        self._gone.update(blocked)
        return sorted(blocked, key=lambda blocked_id: (-self._rank[blocked_id][0], self._rank[blocked_id][1]))


def _coarse_first(data_id: DataCoordinate) -> tuple[object, ...]:
    """Return the values of a data id, those that divide an exposure or a tract last."""
    values = dict(data_id.required)
    return tuple(values[name] for name in sorted(values, key=lambda name: name in ("detector", "patch")))
