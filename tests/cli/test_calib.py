from __future__ import annotations

import pytest
from click.testing import CliRunner
from lsst.daf.butler import DatasetType

from uraniborg.archive.repository import open_repository
from uraniborg.cli.main import cli
from uraniborg.core.errors import UserError
from uraniborg.testing.repos import make_repository


@pytest.fixture
def repo(tmp_path) -> str:
    with make_repository(tmp_path) as butler:
        kind = DatasetType(
            "gain", ("instrument", "detector"), "StructuredDataDict", universe=butler.dimensions, isCalibration=True
        )
        butler.registry.registerDatasetType(kind)
        for detector in (0, 1):
            butler.put({}, "gain", instrument="Tiny", detector=detector)
    return str(tmp_path / "repo")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, list(arguments))
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def certified(repo: str) -> list[tuple[int, str]]:
    with open_repository(repo) as butler:
        found = butler.registry.queryDatasetAssociations("gain", collections="calib")
        return sorted((item.ref.dataId["detector"], str(item.timespan)) for item in found)


def test_certify_and_decertify(repo) -> None:
    arguments = ("calib", "certify", repo, "gain", "tests", "calib", "--begin", "2026-01-01", "-d", "detector=1")
    with pytest.raises(UserError, match=r"cannot find 'gain' in 'tests'.*instrument"):
        run(*arguments)
    out = run(*arguments, "-d", "instrument=Tiny")
    assert "1 gain certified in calib" in out
    ((detector, timespan),) = certified(repo)
    assert detector == 1
    assert timespan.startswith("[2026-01-01")
    run("calib", "decertify", repo, "gain", "calib", "--begin", "2026-02-01")
    ((_, timespan),) = certified(repo)
    assert "2026-02-01" in timespan
    with pytest.raises(UserError, match="--data-id 'one' is not of the form"):
        run("calib", "certify", repo, "gain", "tests", "calib", "-d", "one")


def test_build_needs_an_instrument_with_a_class(repo) -> None:
    result = CliRunner().invoke(cli, ["calib", "build", "-b", repo, "--night", "20200101", "--plan"])
    assert isinstance(result.exception, UserError)
    assert "instrument 'Tiny' cannot be loaded" in str(result.exception)
