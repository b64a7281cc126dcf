from __future__ import annotations

import time
from pathlib import Path

import pytest
from lsst.pipe.base import NoWorkFound

from uraniborg.testing.tasks import TinyGatherTask, TinyStepTask, TroubleTask


def test_step_and_gather_add() -> None:
    config = TinyStepTask.ConfigClass()
    config.increment = 5
    value = {"n": 3}
    assert TinyStepTask(config=config).run(value).result == {"n": 8}
    assert value == {"n": 3}
    assert TinyGatherTask(config=TinyGatherTask.ConfigClass()).run([{"n": 1}, {"n": 2}]).total == {"n": 3, "terms": 2}


def test_delay_delays() -> None:
    config = TinyStepTask.ConfigClass()
    config.delay = 0.05
    start = time.monotonic()
    TinyStepTask(config=config).run({"n": 0})
    assert time.monotonic() - start >= 0.05


class FakeContext:
    """As much of a quantum's context as the task asks for."""

    def __init__(self, detector: int) -> None:
        self.quantum = type("Quantum", (), {"dataId": {"detector": detector}})
        self.results: list[object] = []

    def get(self, refs: object) -> dict[str, dict[str, int]]:
        return {"value": {"n": 1}}

    def put(self, struct: object, refs: object) -> None:
        self.results.append(struct.result)  # type: ignore[attr-defined]


def trouble(kind: str, **settings: str) -> TroubleTask:
    config = TroubleTask.ConfigClass()
    config.kind = kind
    config.detectors = [4]
    config.update(**settings)
    return TroubleTask(config=config)


def test_trouble_strikes_only_where_it_is_told_to() -> None:
    with pytest.raises(ValueError, match="asked for"):
        trouble("raise").runQuantum(FakeContext(4), None, None)
    with pytest.raises(NoWorkFound):
        trouble("no_work").runQuantum(FakeContext(4), None, None)
    with pytest.raises(ValueError, match="unknown kind"):
        trouble("mischief").runQuantum(FakeContext(4), None, None)
    context = FakeContext(5)
    trouble("raise").runQuantum(context, None, None)
    assert context.results == [{"n": 2}]


def test_cures(tmp_path: Path) -> None:
    task = trouble("raise", once=str(tmp_path / "once"))
    with pytest.raises(ValueError, match="asked for"):
        task.runQuantum(FakeContext(4), None, None)
    context = FakeContext(4)
    task.runQuantum(context, None, None)
    assert context.results == [{"n": 2}]
    (tmp_path / "cure").touch()
    context = FakeContext(4)
    trouble("raise", cure=str(tmp_path / "cure")).runQuantum(context, None, None)
    assert context.results == [{"n": 2}]
