from __future__ import annotations

from pathlib import Path

from lsst.daf.butler import Butler
from lsst.pipe.base import Pipeline

from uraniborg.execution.tiny_repo import make_tiny_repo, write_tiny_pipeline


def test_repository_and_pipeline(tmp_path: Path) -> None:
    repo = make_tiny_repo(tmp_path / "repo", n_exposures=2, n_detectors=2)
    with Butler.from_config(repo) as butler:
        refs = butler.query_datasets("tiny_raw", collections="tiny/raw")
        assert {(ref.dataId["exposure"], ref.dataId["detector"]): butler.get(ref)["n"] for ref in refs} == {
            (1, 0): 100,
            (1, 1): 101,
            (2, 0): 200,
            (2, 1): 201,
        }
    pipeline = Pipeline.from_uri(write_tiny_pipeline(tmp_path / "p.yaml", extra="kind: kill\ndetectors: [1, 2]"))
    config = pipeline.to_graph().tasks["two"].config
    assert (config.kind, list(config.detectors), config.increment) == ("kill", [1, 2], 10)
