from __future__ import annotations

import uuid
from typing import Any

from uraniborg.execution.worker import Order

RUN = "u/tiny/by-hand"


def test_a_fault_is_described_and_its_log_kept(tiny: Any) -> None:
    with tiny.prepared("detectors: [0]") as (_, graph), tiny.worker(graph) as worker:
        worker.execute(Order(tiny.quantum(graph, "one")))
        outcome = worker.execute(Order(tiny.quantum(graph, "two")))
        assert outcome.fault is not None
        assert outcome.fault.type_name == "ValueError"
        assert "trouble was asked for" in outcome.fault.message
        assert outcome.n_outputs == 0
        assert outcome.provenance is not None
        assert len(outcome.provenance.actual_outputs) == 1
        assert any(name.startswith("two_log/") for name in tiny.files(RUN))


def test_an_unknown_quantum_is_a_fault_not_a_crash(tiny: Any) -> None:
    with tiny.prepared() as (_, graph), tiny.worker(graph) as worker:
        outcome = worker.execute(Order(uuid.uuid4()))
        assert outcome.fault is not None
        assert outcome.fault.type_name == "KeyError"
