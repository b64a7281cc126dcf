from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from astropy.table import Table
from click.testing import CliRunner

from uraniborg.archive.repository import create_repository, open_repository
from uraniborg.cli.main import cli
from uraniborg.core.errors import UserError
from uraniborg.testing.frames import tiny_exposure, write_raw, write_triplet

CAMERA = "uraniborg.instruments.simcam.SimCam"


@pytest.fixture
def repo(tmp_path) -> str:
    create_repository(tmp_path / "repo").close()
    write_triplet(tmp_path / "frames", tiny_exposure(1))
    return str(tmp_path / "repo")


def run(*arguments: str) -> str:
    result = CliRunner().invoke(cli, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_reduced_then_visits(repo, tmp_path) -> None:
    out = run("ingest", "reduced", repo, tmp_path / "frames", "--instrument", CAMERA, "-t", "direct")
    assert "1 exposures in SimCam/reduced/all: 3 files ingested, 0 were there, 0 replaced" in out
    out = run("ingest", "reduced", repo, tmp_path / "frames", "--instrument", "SimCam", "-t", "direct")
    assert "0 files ingested, 3 were there" in out
    assert "1 visits defined, 0 extended, 0 were there; 1 detectors" in run("ingest", "visits", repo, "SimCam")
    assert "0 visits defined, 0 extended, 1 were there" in run("ingest", "visits", repo, "SimCam", "-e", "1")


def test_raws(repo, tmp_path) -> None:
    path = write_raw(tmp_path / "raw", tiny_exposure(2), (0, 1))
    assert "1 files ingested" in run("ingest", "raws", repo, path, "--instrument", CAMERA, "--run", "night")
    with open_repository(repo) as butler:
        assert len(butler.query_datasets("raw", collections="night")) == 2


def test_reference_catalogue(repo, tmp_path) -> None:
    Table({"RA": np.linspace(10, 11, 5), "DE": np.zeros(5)}).write(tmp_path / "stars.csv", format="ascii.csv")
    arguments = ("ingest", "refcat", repo, "stars", tmp_path / "stars.csv", "--epoch", "2000")
    out = run(*arguments, "-c", "ra=RA", "-c", "dec=DE")
    assert "5 stars in" in out
    assert "refcats/stars (0 were there), 0 rows" in out
    with pytest.raises(UserError, match="--column 'ra' is not of the form OURS=THEIRS"):
        run(*arguments, "-c", "ra")


def test_unknown_instrument(repo, tmp_path) -> None:
    with pytest.raises(UserError, match=r"no instrument 'DECam': .*give the full name of its class"):
        run("ingest", "reduced", repo, tmp_path / "frames", "--instrument", "DECam")


@pytest.mark.parametrize("command", ["reduced", "raws", "visits", "refcat"])
def test_help_has_examples(command: str) -> None:
    assert "uraniborg ingest " + command in run("ingest", command, "--help")


@pytest.mark.slow
def test_error_of_the_command_and_within_butler(repo, tmp_path) -> None:
    """A fault is one message and exit status 2, in our command and in Rubin's."""
    (tmp_path / "frames" / "simcam_00000000001_00_dq.fits").unlink()
    arguments = [repo, str(tmp_path / "frames"), "--instrument", CAMERA]
    for start in (
        [sys.executable, "-c", "from uraniborg.cli.main import main; main()", "ingest", "reduced"],
        [sys.executable, "-c", "from lsst.daf.butler.cli.butler import main; main()", "uraniborg-ingest-reduced"],
    ):
        done = subprocess.run([*start, *arguments], capture_output=True, text=True)
        assert done.returncode == 2
        assert "no dq file beside" in done.stderr
        assert "Traceback" not in done.stderr
