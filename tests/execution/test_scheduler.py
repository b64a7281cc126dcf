from __future__ import annotations

from lsst.daf.butler import Butler
from lsst.pipe.base import Pipeline
from lsst.pipe.base.quantum_graph import PredictedQuantumGraph

from uraniborg.execution.runner import _build
from uraniborg.execution.scheduler import QuantumQueue


def graph_of(tiny: object) -> PredictedQuantumGraph:
    pipeline = Pipeline.from_uri(tiny.pipeline())  # type: ignore[attr-defined]
    names = {"output": "u/q", "output_run": "u/q/1", "inputs": ["tiny/raw"], "extend_run": False}
    return _build(pipeline, tiny.repo, "instrument='Tiny'", names).assemble()  # type: ignore[attr-defined]


def test_every_quantum_comes_once_after_what_it_needs_and_deep_ones_first(tiny: object) -> None:
    graph = graph_of(tiny)
    queue = QuantumQueue(graph)
    done: list[object] = []
    labels = []
    while (quantum_id := queue.pop()) is not None:
        assert set(graph.quantum_only_xgraph.predecessors(quantum_id)) <= set(done)
        done.append(quantum_id)
        labels.append(graph.quantum_only_xgraph.nodes[quantum_id]["task_label"])
        queue.finish(quantum_id)
    assert len(done) == len(set(done)) == len(graph) == 14
    # One exposure is gathered before the other is begun.
    assert labels == [*["one", "two"] * 3, "gather"] * 2


def test_a_failure_blocks_exactly_what_hangs_on_it(tiny: object) -> None:
    graph = graph_of(tiny)
    queue = QuantumQueue(graph)
    first = queue.pop()
    assert first is not None
    blocked = queue.fail(first)
    nodes = graph.quantum_only_xgraph.nodes
    assert [nodes[quantum_id]["task_label"] for quantum_id in blocked] == ["two", "gather"]
    rest = []
    while (quantum_id := queue.pop()) is not None:
        rest.append(quantum_id)
        queue.finish(quantum_id)
    assert len(rest) == 14 - 3
    assert not set(rest) & {first, *blocked}


def test_finished_before_it_was_popped_is_not_popped(tiny: object) -> None:
    graph = graph_of(tiny)
    queue = QuantumQueue(graph)
    ones = list(graph.quanta_by_task["one"].values())
    for quantum_id in ones:
        queue.finish(quantum_id)
    popped = queue.pop()
    assert popped not in ones
    queue.push_back(popped)  # type: ignore[arg-type]
    assert queue.pop() == popped


def test_butler_is_untouched_by_building(tiny: object) -> None:
    graph_of(tiny)
    with Butler.from_config(tiny.repo) as butler:  # type: ignore[attr-defined]
        assert not butler.collections.query("u/*")
