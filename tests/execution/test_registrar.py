from __future__ import annotations

from typing import Any

import pytest

from uraniborg.core.errors import StoreError
from uraniborg.execution import registrar as module
from uraniborg.execution.registrar import Registrar, registry_quanta
from uraniborg.execution.worker import Order

RUN = "u/tiny/by-hand"


def test_outputs_are_on_disk_and_registered_only_by_the_registrar(tiny: Any) -> None:
    with tiny.prepared() as (butler, graph), tiny.worker(graph) as worker:
        one, two = tiny.quantum(graph, "one"), tiny.quantum(graph, "two")
        outcomes = [worker.execute(Order(quantum_id)) for quantum_id in (one, two)]
        assert all(outcome.fault is None for outcome in outcomes)
        assert [outcome.n_outputs for outcome in outcomes] == [1, 1]
        assert {name for name in tiny.files(RUN) if name.startswith("tiny_b/")}
        assert not butler.query_datasets("tiny_b", collections=RUN, explain=False)
        quanta = registry_quanta(graph.pipeline_graph, graph.build_execution_quanta())
        registrar = Registrar(butler, quanta)
        for outcome in outcomes:
            assert outcome.provenance is not None
            registrar.add(outcome.quantum_id, outcome.provenance)
        registrar.close()
        assert registrar.n_datasets == 6
        (ref,) = butler.query_datasets("tiny_b", collections=RUN)
        assert butler.get(ref) == {"n": 100 * ref.dataId["exposure"] + 11}


def test_what_cannot_be_registered_is_told_and_nothing_is_half_registered(
    tiny: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_ATTEMPTS", 1)
    with tiny.prepared() as (butler, graph), tiny.worker(graph) as worker:
        outcome = worker.execute(Order(tiny.quantum(graph, "one")))
        quanta = registry_quanta(graph.pipeline_graph, graph.build_execution_quanta())
        assert outcome.provenance is not None
        registrar = Registrar(butler, quanta)
        registrar.add(outcome.quantum_id, outcome.provenance)
        registrar.close()
        again = Registrar(butler, quanta)
        again.add(outcome.quantum_id, outcome.provenance)
        with pytest.raises(StoreError, match="files are kept"):
            again.close()
        assert len(butler.query_datasets("tiny_a", collections=RUN)) == 1
