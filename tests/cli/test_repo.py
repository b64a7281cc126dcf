from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner
from lsst.daf.butler import Butler, DatasetType

from uraniborg.archive.repository import open_repository
from uraniborg.cli.repo import repo
from uraniborg.core.errors import UserError
from uraniborg.testing.repos import insert_tiny_camera


def _put_numbers(root: str) -> None:
    with open_repository(root, run="u/me/run") as butler:
        insert_tiny_camera(butler)
        dataset_type = DatasetType("number", ("instrument", "detector"), "MetricTable", universe=butler.dimensions)
        butler.registry.registerDatasetType(dataset_type)
        for detector in (0, 1):
            butler.put({"n": detector}, dataset_type, instrument="Tiny", detector=detector)


def test_create_and_info(tmp_path: Path) -> None:
    root = str(tmp_path / "repo")
    made = CliRunner().invoke(repo, ["create", root], catch_exceptions=False)
    assert made.exit_code == 0
    assert root in made.output
    _put_numbers(root)
    told = CliRunner().invoke(repo, ["info", root], catch_exceptions=False)
    assert told.exit_code == 0
    lines = [line.split() for line in told.output.replace("│", " ").replace("┃", " ").splitlines()]
    assert ["registry", "sqlite"] in lines
    assert ["instruments", "Tiny"] in lines
    assert ["u/me/run", "RUN"] in lines
    assert ["number", "2", "16", "bytes"] in lines
    assert ["2", "datasets"] in lines


def test_datastore_elsewhere(tmp_path: Path) -> None:
    files = tmp_path / "files"
    arguments = ["create", str(tmp_path / "repo"), "--datastore", str(files)]
    assert CliRunner().invoke(repo, arguments, catch_exceptions=False).exit_code == 0
    with Butler.from_config(str(tmp_path / "repo")) as butler:
        assert {uri.ospath for uri in butler.get_datastore_roots().values() if uri} == {f"{files}/"}


def test_bad_input_is_a_user_error(tmp_path: Path) -> None:
    for arguments in (["info", str(tmp_path)], ["create", str(tmp_path), "--registry", "mysql://h/d"]):
        assert isinstance(CliRunner().invoke(repo, arguments).exception, UserError)


def test_help_has_examples() -> None:
    told = CliRunner().invoke(repo, ["create", "--help"])
    assert "uraniborg repo create REPO --registry postgresql://" in told.output
