from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from lsst.daf.butler import Butler
from lsst.pipe.base.quantum_graph import PredictedQuantumGraph

from uraniborg.execution.graph_store import RUN_GRAPH, find_graph, local_graph_file, save_graph
from uraniborg.execution.runner import _build, load_pipeline

RUN = "u/tiny/graph"


@pytest.fixture
def stored(tiny: Any) -> Iterator[tuple[Butler, int]]:
    names = {"output": "u/tiny", "output_run": RUN, "inputs": ["tiny/raw"], "extend_run": False}
    components = _build(load_pipeline(tiny.pipeline()), tiny.repo, "instrument='Tiny'", names)
    with Butler.from_config(tiny.repo, writeable=True) as butler:
        assert find_graph(butler, RUN) is None
        butler.collections.register(RUN)
        assert find_graph(butler, RUN) is None
        save_graph(butler, components, RUN)
        yield butler, components.header.n_quanta


def test_the_file_is_a_graph_of_the_stock_kind(stored: tuple[Butler, int]) -> None:
    butler, n_quanta = stored
    ref = find_graph(butler, RUN)
    assert ref is not None
    with local_graph_file(butler, ref) as path:
        graph = PredictedQuantumGraph.read_execution_quanta(path)
    assert len(graph) == n_quanta == 14
    assert graph.header.metadata["data_query"] == "instrument='Tiny'"


def test_lineage_leads_from_every_product_to_its_raws(stored: tuple[Butler, int]) -> None:
    butler, _ = stored
    lineage = butler.get(RUN_GRAPH, collections=RUN)
    assert lineage["run"] == RUN
    assert len(lineage["quanta"]) == 14
    producer = {output: quantum for quantum in lineage["quanta"].values() for output in quantum["outputs"]}

    def raws(dataset_id: str) -> set[str]:
        if dataset_id not in producer:
            return {dataset_id}
        return set().union(*(raws(parent) for parent in producer[dataset_id]["inputs"]))

    registered = {str(ref.id): ref for ref in butler.query_datasets("tiny_raw", collections="tiny/raw")}
    sums = {i: d for i, d in lineage["datasets"].items() if d["type"] == "tiny_sum"}
    assert len(sums) == 2
    for dataset_id, dataset in sums.items():
        parents = [registered[raw] for raw in raws(dataset_id)]
        assert sorted(ref.dataId["detector"] for ref in parents) == [0, 1, 2]
        assert {ref.dataId["exposure"] for ref in parents} == {dataset["data_id"]["exposure"]}


def test_removing_the_run_removes_the_file(stored: tuple[Butler, int]) -> None:
    butler, _ = stored
    path = Path(butler.getURI(RUN_GRAPH, collections=RUN).ospath)
    assert path.suffix == ".qg"
    assert path.exists()
    butler.removeRuns([RUN])
    assert not path.exists()
