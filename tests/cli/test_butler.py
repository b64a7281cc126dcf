"""Rubin's own commands, as they are, on a repository of ours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.time import Time
from click.testing import CliRunner
from lsst.daf.butler import DatasetType, Timespan
from lsst.daf.butler.cli.butler import cli as rubins_butler

from uraniborg.archive.provenance import check_provenance
from uraniborg.archive.repository import open_repository
from uraniborg.cli.butler import COMMANDS, butler_commands
from uraniborg.testing.table_tasks import make_table_repository

QUERY = "instrument = 'Tiny' AND exposure = 2"


def _run(program: str, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DAF_BUTLER")}
    command = [str(Path(sys.executable).parent / program), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A repository with raw data and two calibrations."""
    folder = tmp_path_factory.mktemp("stock")
    with make_table_repository(folder) as butler:
        bias = DatasetType(
            "bias", ("instrument", "detector"), "NumpyArrays", universe=butler.dimensions, isCalibration=True
        )
        butler.registry.registerDatasetType(bias)
        butler.collections.register("made/bias")
        for detector in (0, 1):
            butler.put({"level": np.full(3, detector)}, bias, detector=detector, run="made/bias")
    return str(folder / "repo")


@pytest.mark.slow
def test_query_datasets_and_collections(repository: str) -> None:
    lines = [line.split() for line in _run("butler", "query-datasets", repository, "raw").splitlines()]
    rows = [line for line in lines if line[:2] == ["raw", "Tiny/raw"]]
    assert len(rows) == 4
    names = {line.split()[0] for line in _run("butler", "query-collections", repository).splitlines() if line.strip()}
    assert {"Tiny/raw", "made/bias"} <= names


@pytest.mark.slow
def test_query_data_ids(repository: str) -> None:
    told = _run("butler", "query-data-ids", repository, "exposure", "detector", "--where", QUERY, "--datasets", "raw")
    rows = [line.split() for line in told.splitlines()]
    assert [row[:3] for row in rows if "Tiny" in row] == [["Tiny", "0", "2"], ["Tiny", "1", "2"]]


@pytest.mark.slow
def test_certify_calibrations(repository: str) -> None:
    dates = ("--begin-date", "2026-01-01T00:00:00", "--end-date", "2026-02-01T00:00:00")
    _run("butler", "certify-calibrations", repository, "made/bias", "Tiny/calib", "bias", *dates)
    with open_repository(repository, instrument="Tiny") as butler:
        inside = Timespan.fromInstant(Time("2026-01-15T00:00:00", scale="tai"))
        outside = Timespan.fromInstant(Time("2026-03-15T00:00:00", scale="tai"))
        ref = butler.find_dataset("bias", detector=1, collections="Tiny/calib", timespan=inside)
        assert butler.get(ref)["level"][0] == 1
        assert butler.find_dataset("bias", detector=1, collections="Tiny/calib", timespan=outside) is None


@pytest.mark.slow
def test_pipetask_runs_our_tasks_and_provenance_is_kept(repository: str) -> None:
    pipeline = str(Path(repository).parent / "tables.yaml")
    outputs = ("-i", "Tiny/raw", "-o", "u/stock", "--output-run", "u/stock/run", "--register-dataset-types")
    _run("pipetask", "run", "-b", repository, "-p", pipeline, *outputs, "-d", QUERY)
    with open_repository(repository, collections="u/stock", instrument="Tiny") as butler:
        assert butler.get("tiny_count", exposure=2) == {"n": 4 + 5}
        assert len(butler.get("tiny_catalogue", exposure=2)) == 9
        report = check_provenance(butler, "u/stock")
    assert list(report.runs) == ["u/stock/run"]
    assert report.orphans == ()
    assert report.raws == 2


@pytest.mark.slow
def test_our_commands_are_found_by_butler(tmp_path: Path) -> None:
    told = _run("butler", "uraniborg-create", str(tmp_path / "new"))
    assert "made a repository" in told
    assert (tmp_path / "new" / "butler.yaml").exists()


def test_names_are_ours_alone() -> None:
    commands = {command.name: command for command in butler_commands()}
    assert set(commands) == set(COMMANDS)
    assert all(name.startswith("uraniborg-") for name in commands)
    help_page = CliRunner().invoke(rubins_butler, ["--help"]).output
    assert all(name in help_page for name in commands)
    assert all(command.help for command in commands.values())


def test_errors_are_one_message_with_our_exit_status(tmp_path: Path) -> None:
    command = next(command for command in butler_commands() if command.name == "uraniborg-info")
    done = CliRunner().invoke(command, [str(tmp_path)])
    assert done.exit_code == 2
    assert done.output.startswith("Error: there is no repository at")


def test_the_command_of_uraniborg_is_left_alone(tmp_path: Path) -> None:
    from uraniborg.cli.repo import repo

    butler_commands()
    assert repo.commands["info"].name == "info"
