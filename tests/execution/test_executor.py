from __future__ import annotations

from typing import Any

import pytest

from uraniborg.core.errors import UserError
from uraniborg.execution.executor import PoolGraphExecutor, PoolOptions
from uraniborg.testing.tasks import TinyStepTask


def test_what_it_cannot_do_is_told_before_anything_runs(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with tiny.prepared() as (butler, graph):
        executor = PoolGraphExecutor(butler, tiny.repo, "absent.qg", options=PoolOptions(jobs=2))
        with pytest.raises(RuntimeError, match="nothing has been executed"):
            _ = executor.report
        with pytest.raises(UserError, match="provenance"):
            executor.execute(graph, provenance_graph_file="x.qg")
        monkeypatch.setattr(TinyStepTask, "canMultiprocess", False)
        with pytest.raises(UserError, match="canMultiprocess"):
            executor.execute(graph)


def test_it_is_used_through_the_stock_interfaces(tiny: Any) -> None:
    """`SeparablePipelineExecutor.run_pipeline` takes it, with a graph read from a file and with one of the old kind."""
    from lsst.pipe.base.separable_pipeline_executor import SeparablePipelineExecutor

    with tiny.prepared() as (butler, _):
        from uraniborg.execution.runner import _build, load_pipeline

        names = {"output": "u/x", "output_run": butler.run, "inputs": ["tiny/raw"], "extend_run": True}
        components = _build(load_pipeline(tiny.pipeline()), tiny.repo, "instrument='Tiny'", names)
        path = str(tiny.folder / "graph.qg")
        components.write(path)
        executor = PoolGraphExecutor(butler, tiny.repo, path, options=PoolOptions(jobs=2))
        SeparablePipelineExecutor(butler).run_pipeline(components.assemble(), graph_executor=executor)
        assert executor.report.ok
        assert executor.report.succeeded == {"one": 6, "two": 6, "gather": 2}
        assert len(butler.query_datasets("tiny_sum", collections=butler.run)) == 2
