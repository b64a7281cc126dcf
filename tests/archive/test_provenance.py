from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from lsst.daf.butler import Butler

from uraniborg.archive.lineage import DatasetLabel
from uraniborg.archive.provenance import RAW_TYPES, _Search, check_provenance, trace_to_raws
from uraniborg.core.errors import UserError
from uraniborg.testing.repos import make_repository

RUNS = ("u/ours", "u/graph", "u/files")
SOURCES = {"u/ours": "run_graph", "u/graph": "run_provenance", "u/files": "files"}
EXPECTED = {
    "tiny_table": (4, 4),
    "tiny_catalogue": (2, 2),
    "tiny_count": (2, 2),
    "table_metadata": (4, 4),
    "catalogue_metadata": (2, 2),
}


@pytest.mark.parametrize("run", RUNS)
def test_every_dataset_reaches_its_raws(processed: Butler, run: str) -> None:
    report = check_provenance(processed, run)
    assert report.orphans == ()
    assert report.complete
    assert report.raws == 4
    assert {name: report.by_type[name] for name in EXPECTED} == EXPECTED
    assert list(report.runs[run]) == [SOURCES[run]]
    assert report.not_from_data >= 3


@pytest.mark.parametrize("run", RUNS)
def test_ancestry_of_one_dataset(processed: Butler, run: str) -> None:
    ref = processed.find_dataset("tiny_count", instrument="Tiny", exposure=2, collections=run)
    found = trace_to_raws(processed, ref)
    assert {(p.dataset_type, dict(p.data_id)["detector"]) for p in found.parents} == {
        ("tiny_table", 0),
        ("tiny_table", 1),
    }
    assert sorted(dict(raw.data_id)["detector"] for raw in found.raws) == [0, 1]
    assert {dict(raw.data_id)["exposure"] for raw in found.raws} == {2}
    assert {raw.run for raw in found.raws} == {"Tiny/raw"}
    assert {label.dataset_type for label in found.ancestors} == {"raw", "tiny_table"}
    assert found.other_origins == ()
    for raw in found.raws:
        assert processed.get_dataset(raw.id) is not None


def test_only_runs_of_pipelines_in_a_chain_are_checked(processed: Butler) -> None:
    report = check_provenance(processed, "u/chain")
    assert list(report.runs) == ["u/ours"]
    assert report.complete


def test_other_origins_are_told(processed: Butler) -> None:
    ref = processed.find_dataset("tiny_count", instrument="Tiny", exposure=2, collections="u/ours")
    found = trace_to_raws(processed, ref, raw_types=["something_else"])
    assert found.raws == ()
    assert {label.dataset_type for label in found.other_origins} == {"raw"}
    report = check_provenance(processed, "u/ours", raw_types=["something_else"])
    assert report.reaching == 0
    assert not report.complete
    assert any("no ancestor is raw data" in orphan.reason for orphan in report.orphans)


def test_dataset_that_nobody_made_is_an_orphan(processed: Butler) -> None:
    processed.collections.register("by_hand")
    ref = processed.put({"n": 1}, "tiny_count", instrument="Tiny", exposure=1, run="by_hand")
    try:
        report = check_provenance(processed, ["by_hand", "u/ours"])
        assert [orphan.dataset.id for orphan in report.orphans] == [ref.id]
        assert "neither a quantum graph" in report.orphans[0].reason
        assert str(report.orphans[0].dataset) == "tiny_count(instrument=Tiny, exposure=1) in by_hand"
        assert not report.complete
    finally:
        processed.removeRuns(["by_hand"])


def test_removed_raw_data_is_noticed(tmp_path: Path) -> None:
    from uraniborg.execution.runner import run_pipeline
    from uraniborg.testing.table_tasks import make_table_repository

    butler = make_table_repository(tmp_path)
    run_pipeline(
        tmp_path / "tables.yaml",
        repo=tmp_path / "repo",
        inputs="Tiny/raw",
        output=None,
        output_run="u/x",
        query="instrument = 'Tiny' AND exposure = 1 AND detector = 0",
    )
    with butler:
        butler.registry.refresh()
        assert check_provenance(butler, "u/x").complete
        raw = butler.find_dataset("raw", exposure=1, detector=0)
        butler.pruneDatasets([raw], disassociate=True, unstore=True, purge=True)
        report = check_provenance(butler, "u/x")
    assert report.reaching == 0
    reasons = {orphan.reason for orphan in report.orphans if orphan.dataset.dataset_type == "tiny_table"}
    assert reasons == {
        "raw data is no longer in the repository: raw(instrument=Tiny, detector=0, exposure=1) in Tiny/raw"
    }


def test_nothing_to_check_is_a_user_error(tmp_path: Path) -> None:
    with make_repository(tmp_path) as butler:
        butler.collections.register("chain", type=_chained())
        with pytest.raises(UserError, match="no run of a pipeline in 'chain'"):
            check_provenance(butler, "chain")


def _chained() -> object:
    from lsst.daf.butler import CollectionType

    return CollectionType.CHAINED


class _Family:
    """Lineage written down; every raw dataset is in the repository."""

    def __init__(self, **parents: str) -> None:
        names = dict.fromkeys([*parents, *" ".join(parents.values()).split()])
        self.label = {n: DatasetLabel(uuid.uuid4(), "raw" if n == "raw" else "made", (), "run") for n in names}
        self._parents = {self.label[n].id: tuple(self.label[p] for p in text.split()) for n, text in parents.items()}

    def parents(self, label: DatasetLabel) -> tuple[DatasetLabel, ...] | None:
        return self._parents.get(label.id)

    def get_dataset(self, number: uuid.UUID) -> object:
        return number


@pytest.mark.parametrize(
    "order", ["visit difference template", "template difference visit", "difference visit template"]
)
def test_a_parent_that_is_also_a_grandparent_is_followed(order: str) -> None:
    family = _Family(found=order, difference="visit template", template="visit", visit="raw")
    search = _Search(family, family, RAW_TYPES)  # type: ignore[arg-type]
    assert all(search.reaches(family.label[name]) for name in ("found", "difference", "template", "visit"))
