"""A tiny repository for each test, copied from one made once."""

from __future__ import annotations

import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from lsst.daf.butler import Butler
from lsst.pipe.base.quantum_graph import PredictedQuantumGraph
from lsst.pipe.base.separable_pipeline_executor import SeparablePipelineExecutor

from uraniborg.execution.report import RunReport
from uraniborg.execution.runner import _build, _write_butler, load_pipeline, run_pipeline
from uraniborg.execution.tiny_repo import make_tiny_repo, write_tiny_pipeline
from uraniborg.execution.worker import QuantumWorker

QUERY = "instrument='Tiny'"
OUTPUT = "u/tiny"
RUN = "u/tiny/by-hand"


@dataclass(frozen=True)
class Tiny:
    """A repository of 2 exposures and 3 detectors (14 quanta), and a pipeline for it."""

    folder: Path
    repo: str
    n_quanta: int = 14

    def pipeline(self, extra: str = "") -> str:
        return write_tiny_pipeline(self.folder / "tiny.yaml", extra=extra)

    def run(self, extra: str = "", **options: Any) -> RunReport:
        settings = {"inputs": "tiny/raw", "output": OUTPUT, "query": QUERY} | options
        return run_pipeline(self.pipeline(extra), repo=self.repo, **settings)

    def arguments(self, extra: str = "", more: Sequence[str] = ()) -> list[str]:
        common = ["-b", self.repo, "-i", "tiny/raw", "-o", OUTPUT, "-d", QUERY]
        return [sys.executable, "-m", "uraniborg.cli.main", "run", self.pipeline(extra), *common, *more]

    def values(self, name: str, run: str = OUTPUT) -> dict[tuple[Any, ...], Any]:
        with Butler.from_config(self.repo) as butler:
            refs = butler.query_datasets(name, collections=run, explain=False, limit=None)
            return {ref.dataId.required_values: butler.get(ref) for ref in refs}

    def files(self, run: str) -> set[str]:
        top = Path(self.repo) / run
        return {path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_file()}

    def registered_files(self, run: str) -> set[str]:
        top = Path(self.repo) / run
        with Butler.from_config(self.repo) as butler:
            refs = butler.query_all_datasets(run, find_first=False, limit=None)
            return {Path(butler.getURI(ref).ospath).relative_to(top).as_posix() for ref in refs}

    def check_complete(self, run: str) -> None:
        """Every value is right, every file is registered, every registered file is there, nothing else is left."""
        sums = {e: sum(100 * e + d + 1 + 10 for d in range(3)) for e in (1, 2)}
        assert self.values("tiny_sum", run) == {("Tiny", e): {"n": n, "terms": 3} for e, n in sums.items()}
        assert len(self.values("two_log", run)) == len(self.values("two_metadata", run)) == 6
        assert self.files(run) == self.registered_files(run)

    @contextmanager
    def prepared(self, extra: str = "") -> Iterator[tuple[Butler, PredictedQuantumGraph]]:
        """Yield a graph whose output RUN and dataset types exist, as before the first quantum."""
        names = {"output": OUTPUT, "output_run": RUN, "inputs": ["tiny/raw"], "extend_run": False}
        components = _build(load_pipeline(self.pipeline(extra)), self.repo, QUERY, names)
        with _write_butler(self.repo, components, names) as butler:
            graph = components.assemble()
            SeparablePipelineExecutor(butler).pre_execute_qgraph(
                graph, register_dataset_types=True, save_versions=False
            )
            yield butler, graph

    @contextmanager
    def worker(self, graph: PredictedQuantumGraph) -> Iterator[QuantumWorker]:
        worker = QuantumWorker(graph, self.repo)
        try:
            yield worker
        finally:
            worker._base.close()

    @staticmethod
    def quantum(graph: PredictedQuantumGraph, task: str, detector: int = 0) -> uuid.UUID:
        quanta = {(data_id["exposure"], data_id["detector"]): i for data_id, i in graph.quanta_by_task[task].items()}
        return quanta[1, detector]


@pytest.fixture(scope="session")
def tiny_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    make_tiny_repo(folder / "repo", n_exposures=2, n_detectors=3)
    return folder / "repo"


@pytest.fixture
def tiny_factory(tiny_template: Path, tmp_path: Path) -> Callable[[str], Tiny]:
    def make(name: str) -> Tiny:
        folder = tmp_path / name
        shutil.copytree(tiny_template, folder / "repo")
        return Tiny(folder, str(folder / "repo"))

    return make


@pytest.fixture
def tiny(tiny_factory: Callable[[str], Tiny]) -> Tiny:
    return tiny_factory("one")
