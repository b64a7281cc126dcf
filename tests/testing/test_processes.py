from __future__ import annotations

from pathlib import Path
from queue import Queue

from lsst.daf.butler import DatasetType

from uraniborg.testing.processes import put_numbers
from uraniborg.testing.repos import make_repository


def test_refused_puts_are_not_counted(tmp_path: Path) -> None:
    with make_repository(tmp_path) as butler:
        dimensions = ("instrument", "exposure", "detector")
        butler.registry.registerDatasetType(
            DatasetType("number", dimensions, "StructuredDataDict", universe=butler.dimensions)
        )
    outcome: Queue[int] = Queue()
    put_numbers(str(tmp_path / "repo"), [1], outcome)
    put_numbers(str(tmp_path / "repo"), [1, 2], outcome)
    assert (outcome.get(), outcome.get()) == (1, 1)
