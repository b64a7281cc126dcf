"""One repository in which the same pipeline ran under three executors, each with its own record of lineage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lsst.daf.butler import Butler, DataCoordinate, DatasetRef, DatasetType
from lsst.pipe.base import Pipeline
from lsst.pipe.base.automatic_connection_constants import PROVENANCE_DATASET_TYPE_NAME, PROVENANCE_STORAGE_CLASS
from lsst.pipe.base.separable_pipeline_executor import SeparablePipelineExecutor

from uraniborg.archive.repository import open_repository
from uraniborg.execution.runner import run_pipeline
from uraniborg.testing.table_tasks import make_table_repository

QUERY = "instrument = 'Tiny'"
RUNS = ("u/ours", "u/graph", "u/files")


@pytest.fixture(scope="session")
def processed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Butler]:
    """Runs ``u/ours`` (our executor), ``u/graph`` (stock, provenance graph kept), ``u/files`` (stock, nothing kept)."""
    folder = tmp_path_factory.mktemp("processed")
    make_table_repository(folder).close()
    pipeline = folder / "tables.yaml"
    for run in RUNS[1:]:
        _run_stock(folder / "repo", pipeline, run)
    report = run_pipeline(
        pipeline, repo=folder / "repo", inputs="Tiny/raw", output="u/chain", output_run="u/ours", query=QUERY
    )
    assert report.exit_status == 0
    with open_repository(folder / "repo", writeable=True) as butler:
        yield butler


def _run_stock(repo: Path, pipeline: Path, run: str) -> None:
    with Butler.from_config(str(repo), collections=["Tiny/raw"], run=run) as butler:
        executor = SeparablePipelineExecutor(butler)
        graph = executor.build_quantum_graph(Pipeline.from_uri(pipeline), where=QUERY)
        executor.pre_execute_qgraph(graph, register_dataset_types=True, save_init_outputs=True)
        ref = None
        if run == "u/graph":
            empty = butler.dimensions.empty
            dataset_type = DatasetType(PROVENANCE_DATASET_TYPE_NAME, empty, PROVENANCE_STORAGE_CLASS)
            butler.registry.registerDatasetType(dataset_type)
            ref = DatasetRef(dataset_type, DataCoordinate.make_empty(butler.dimensions), run=run)
        executor.run_pipeline(graph, provenance_dataset_ref=ref)
