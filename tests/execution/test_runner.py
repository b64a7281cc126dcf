from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lsst.daf.butler import Butler

from uraniborg.core.errors import UserError
from uraniborg.execution import runner
from uraniborg.execution.executor import PoolOptions
from uraniborg.execution.report import RunReport
from uraniborg.execution.runner import load_pipeline


def test_a_run_makes_what_it_should(tiny: Any) -> None:
    report = tiny.run(jobs=2)
    assert report.ok
    assert report.exit_status == 0
    assert report.succeeded == {"one": 6, "two": 6, "gather": 2}
    assert not report.failures
    assert re.fullmatch(r"u/tiny/\d{8}T\d{6}Z", report.run)
    tiny.check_complete(report.run)
    with Butler.from_config(tiny.repo) as butler:
        chain = butler.collections.get_info("u/tiny").children
        assert list(chain) == [report.run, "tiny/raw"]
        assert butler.get("packages", collections=report.run)
        assert butler.get("two_config", collections=report.run).increment == 10
    metadata = next(iter(tiny.values("two_metadata", report.run).values()))
    assert metadata["quantum"].getScalar("endUtc") > metadata["quantum"].getScalar("startUtc")
    log = next(iter(tiny.values("two_log", report.run).values()))
    assert any("Adding 10 to" in record.message for record in log)
    with pytest.raises(UserError, match="nothing to do"):
        tiny.run(query="instrument='Tiny' AND exposure=77")


def normal(text: str) -> str:
    """Log text without what differs from one execution to the next: durations."""
    return re.sub(r"\d+\.\d+ seconds", "T seconds", text)


@pytest.mark.slow
def test_outputs_equal_those_of_stock_pipetask_on_the_same_graph(tiny_factory: Callable[[str], Any]) -> None:
    ours, stock = tiny_factory("ours"), tiny_factory("stock")
    extra = "kind: no_work\ndetectors: [1]"
    report = ours.run(extra, jobs=2)
    assert report.ok
    assert report.without_work == {"two": 2}
    run = report.run
    assert ours.values("tiny_sum", run)["Tiny", 1]["terms"] == 2
    with Butler.from_config(ours.repo) as butler:
        graph_file = butler.getURI("run_graph", collections=run).ospath
    pipetask = Path(sys.executable).parent / "pipetask"
    arguments = ["run", "-b", stock.repo, "-g", graph_file, "-i", "tiny/raw", "-o", "u/tiny", "--output-run", run]
    # Without this, pipetask keeps only warnings of tasks that are not in a package named lsst.
    environment = os.environ | {"DAF_BUTLER_ROOT_LOGGER": "uraniborg"}
    command = [pipetask, *arguments, "--register-dataset-types", "-j", "1"]
    subprocess.run(command, check=True, capture_output=True, env=environment)

    def contents(tiny: Any) -> tuple[dict[Any, Any], dict[Any, Any]]:
        with Butler.from_config(tiny.repo) as butler:
            refs = butler.query_all_datasets(run, find_first=False, limit=None)
            keys = {ref.id: (ref.datasetType.name, ref.dataId.required_values, str(ref.id)) for ref in refs}
            values = {keys[ref.id]: butler.get(ref) for ref in refs}
            sizes = {keys[ref.id]: Path(butler.getURI(ref).ospath).stat().st_size for ref in refs}
            records = butler._datastore.export_records(refs)
            for data in records.values():
                for dataset_id, tables in data.records.items():
                    ((info,),) = tables.values()
                    assert info.file_size == sizes[keys[dataset_id]]
                    assert tiny.repo not in info.path
        return values, {key: type(value) for key, value in values.items()}

    values, types = contents(ours)
    expected, expected_types = contents(stock)
    graph_key = next(key for key in values if key[0] == "run_graph")
    del values[graph_key], types[graph_key]
    assert types == expected_types
    assert len(values) == 3 + 1 + 6 * 3 + (6 * 2 + 4) + 2 * 3
    for key, value in expected.items():
        if key[0].endswith("_metadata"):
            assert sorted(values[key].names()) == sorted(value.names())
            assert values[key]["quantum"]["caveats"] == value["quantum"]["caveats"]
            assert values[key]["quantum"].getArray("outputs") == value["quantum"].getArray("outputs")
        elif key[0].endswith("_log"):
            assert [(r.name, r.levelname, normal(r.message), r.MDC) for r in values[key]] == [
                (r.name, r.levelname, normal(r.message), r.MDC) for r in value
            ]
        elif key[0].endswith("_config"):
            assert values[key].compare(value)
        elif key[0] != "packages":
            assert values[key] == value
    unequal = {name for name in ours.files(run) ^ stock.files(run) if not name.startswith("run_graph")}
    assert not unequal


def test_one_and_two_workers_give_the_same_bytes(tiny_factory: Callable[[str], Any]) -> None:
    bytes_of = []
    for jobs in (1, 2):
        tiny = tiny_factory(str(jobs))
        run = tiny.run(jobs=jobs, output_run="u/tiny/fixed").run
        top = Path(tiny.repo) / run
        names = sorted(name for name in tiny.files(run) if name.startswith("tiny_"))
        assert len(names) == 14
        bytes_of.append({name: (top / name).read_bytes() for name in names})
    assert bytes_of[0] == bytes_of[1]


def check_failure(report: RunReport, words: str) -> None:
    assert report.exit_status == 1
    assert [(f.task, f.data_id["exposure"], f.data_id["detector"]) for f in report.failures] == [
        ("two", 1, 1),
        ("two", 2, 1),
    ]
    for failure in report.failures:
        assert words in failure.message
        assert failure.blocked_tasks == {"gather": 1}
    assert report.succeeded == {"one": 6, "two": 4}
    assert report.n_blocked == 2


def test_failures_are_told_and_a_resumed_run_completes(tiny: Any, tmp_path: Path) -> None:
    cure = tmp_path / "cure"
    extra = f"detectors: [1]\ncure: {cure}"
    report = tiny.run(extra, jobs=2)
    check_failure(report, "trouble was asked for at n=")
    assert report.failures[0].type_name == "ValueError"
    assert "_start_trouble" in report.failures[0].traceback
    assert tiny.files(report.run) == tiny.registered_files(report.run)
    cure.touch()
    resumed = tiny.run(extra, jobs=2, resume=True)
    assert resumed.run == report.run
    assert resumed.skipped == {"one": 6, "two": 4}
    assert resumed.succeeded == {"two": 2, "gather": 2}
    tiny.check_complete(report.run)
    log = tiny.values("two_log", report.run)["Tiny", 1, 1]
    (previous,) = log.extra["previous_attempts"]
    assert previous["exception"]["message"] == "trouble was asked for at n=102"
    again = tiny.run(extra, resume=True)
    assert again.ok
    assert sum(again.skipped.values()) == 14
    with pytest.raises(UserError, match="configuration of two has changed"):
        tiny.run("detectors: [2]", resume=True)
    with pytest.raises(UserError, match="the query is now"):
        tiny.run(extra, resume=True, query="exposure=1 AND instrument='Tiny'")


def test_a_killed_worker_fails_its_quantum_and_is_replaced(tiny: Any) -> None:
    report = tiny.run("kind: kill\ndetectors: [1]", jobs=2)
    check_failure(report, "SIGKILL")
    assert tiny.files(report.run) == tiny.registered_files(report.run)
    log = tiny.values("two_log", report.run)["Tiny", 1, 1]
    assert "SIGKILL" in log[0].message


def test_a_killed_worker_may_be_given_another_try(tiny: Any, tmp_path: Path) -> None:
    extra = f"kind: kill\ndetectors: [1]\nonce: {tmp_path / 'once'}"
    report = tiny.run(extra, jobs=1, options=PoolOptions(retries=1, recycle_after=3))
    assert report.ok
    tiny.check_complete(report.run)


def test_a_hanging_quantum_is_killed_after_its_time(tiny: Any) -> None:
    report = tiny.run("kind: hang\ndetectors: [1]", jobs=2, options=PoolOptions(timeout=2.0))
    check_failure(report, "took longer than 2 s")


def test_fail_fast_stops_and_can_be_continued(tiny: Any, tmp_path: Path) -> None:
    extra = f"detectors: [0, 1, 2]\ncure: {tmp_path / 'cure'}"
    report = tiny.run(extra, jobs=1, options=PoolOptions(fail_fast=True))
    assert len(report.failures) == 1
    assert report.not_reached > 0
    assert report.exit_status == 1
    (tmp_path / "cure").touch()
    assert tiny.run(extra, resume=True).ok
    tiny.check_complete(report.run)


def test_a_run_belongs_to_one_process_at_a_time(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    report = tiny.run("detectors: [1]")
    monkeypatch.setattr(runner, "_LOCK_PATIENCE", 0.2)
    with (
        runner._run_lock(tiny.repo, report.run),
        pytest.raises(UserError, match="is being executed by another process"),
    ):
        tiny.run("detectors: [1]", resume=True)
    assert len(tiny.run("detectors: [1]", resume=True).failures) == 2


def test_wrong_use_is_told_in_one_sentence(tiny: Any) -> None:
    with pytest.raises(UserError, match="label:field=value"):
        tiny.run(config_overrides=["two.increment=3"])
    with pytest.raises(UserError, match="three"):
        tiny.run(config_overrides=["three:increment=3"])
    with pytest.raises(UserError, match=r"nowhere\.yaml"):
        load_pipeline("nowhere.yaml")
    with pytest.raises(UserError, match="at least 1"):
        tiny.run(jobs=0)
    with pytest.raises(UserError, match="output"):
        tiny.run(output=None)
    with pytest.raises(UserError, match="no quantum graph"):
        tiny.run(inputs="nothing/here")


def test_overrides_and_a_part_of_the_pipeline(tiny: Any, tmp_path: Path) -> None:
    path = tiny.pipeline() + "#one,two"
    assert set(load_pipeline(path).task_labels) == {"one", "two"}
    config = load_pipeline(path, ["two:increment=32", "two:detectors=[1,2]"]).to_graph().tasks["two"].config
    assert config.increment == 32
    assert list(config.detectors) == [1, 2]
