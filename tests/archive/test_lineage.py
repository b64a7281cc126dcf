from __future__ import annotations

import pytest
from lsst.daf.butler import Butler

from uraniborg.archive.lineage import DatasetLabel, LineageReader, read_run_lineage


def _by_name(butler: Butler, run: str) -> dict[str, set[str]]:
    """Return the parents of each dataset, all by type and data id, whatever the run."""
    lineage = read_run_lineage(butler, run)

    def name(label: DatasetLabel) -> str:
        return f"{label.dataset_type} {dict(sorted(label.data_id))}"

    return {
        name(lineage.labels[child]): {name(lineage.labels[parent]) for parent in parents}
        for child, parents in lineage.parents.items()
    }


def test_three_sources_tell_the_same(processed: Butler) -> None:
    ours, graph, files = (_by_name(processed, run) for run in ("u/ours", "u/graph", "u/files"))
    assert list(read_run_lineage(processed, "u/graph").sources) == ["run_provenance"]
    assert ours == graph
    stored = {f"{r.dataset_type}" for r in read_run_lineage(processed, "u/files").labels.values()}
    assert "catalogue_metadata" in stored
    assert files == {child: parents for child, parents in graph.items() if child in files}
    assert set(graph) - set(files) <= {child for child in graph if "_log " in child}


def test_labels_are_those_of_the_registry(processed: Butler) -> None:
    lineage = read_run_lineage(processed, "u/ours")
    for ref in processed.query_datasets("tiny_table", collections="u/ours"):
        assert lineage.labels[ref.id] == DatasetLabel.from_ref(ref)
        (parent,) = LineageReader(processed).parents(lineage.labels[ref.id])
        raw = processed.find_dataset("raw", ref.dataId, collections="Tiny/raw")
        assert parent == DatasetLabel.from_ref(raw)


@pytest.mark.parametrize("run", ["Tiny/raw", "no/such/run"])
def test_runs_without_lineage_are_empty(processed: Butler, run: str) -> None:
    lineage = read_run_lineage(processed, run)
    assert lineage.parents == {}
    assert lineage.sources == {}
