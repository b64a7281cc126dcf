from __future__ import annotations

from pathlib import Path

import pytest

from uraniborg.archive.certify import find_certified
from uraniborg.archive.ingest import ingest_raws
from uraniborg.archive.repository import create_repository, open_repository
from uraniborg.core.errors import UserError
from uraniborg.instruments.simcam import SimCam
from uraniborg.productions.calib import BuildOptions, CalibrationBuild, Outcome, build_calibrations
from uraniborg.productions.calib_figures import calibration_figures
from uraniborg.productions.calib_plan import PRODUCTS, find_exposures, select_exposures
from uraniborg.productions.calib_report import describe_build, describe_plan, find_instrument, write_report
from uraniborg.productions.calib_verify import measure_product
from uraniborg.sim.camera.config import CalibrationConfig, ElectronicsConfig
from uraniborg.sim.config import CameraConfig, ObservingConfig, SimConfig
from uraniborg.sim.writer import simulate_calibrations

NIGHT = 20241230
pytestmark = pytest.mark.slow


def _repository(folder: Path, biases: int) -> Path:
    config = SimConfig(
        raw=True,
        camera=CameraConfig(width=128, height=128, cosmic_rays=1.0),
        observing=ObservingConfig(bands=("r",), nights=(0.0,)),
        electronics=ElectronicsConfig(columns=2, rows=1),
        calibration=CalibrationConfig(biases=biases, darks=0, flat_levels=(1e3, 5e3)),
    )
    simulate_calibrations(config, folder / "set", jobs=1)
    with create_repository(folder / "repo") as butler:
        ingest_raws(butler, [folder / "set" / "raw"], instrument=SimCam())
    return folder / "repo"


@pytest.fixture(scope="module")
def repo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _repository(tmp_path_factory.mktemp("calib"), 22)


@pytest.fixture(scope="module")
def build(repo: Path) -> CalibrationBuild:
    return build_calibrations(repo, [NIGHT], instrument=SimCam(), options=BuildOptions(products=("bias", "linearity")))


def test_what_passes_is_certified_and_what_cannot_be_made_is_told(repo: Path, build: CalibrationBuild) -> None:
    states = {item.product: item.state for item in build.outcomes}
    assert states == {"bias": "certified", "linearity": "skipped"}
    assert all(check.passed for check in build.outcomes[0].checks)
    assert not build.refused
    with open_repository(repo) as butler:
        (ref,) = find_certified(butler, "bias", "SimCam/calib")
        assert "SimCam/calib" in butler.collections.get_info("SimCam/defaults").children
        selection = select_exposures(PRODUCTS[0], find_exposures(butler, "SimCam", [NIGHT]))
        ((_, numbers),) = measure_product(
            butler, PRODUCTS[0], selection, instrument="SimCam", detector=0, collections=[ref.run, "SimCam/raw/all"]
        )
        assert {check.name: check.value for check in build.outcomes[0].checks} == pytest.approx(numbers)


def test_a_second_build_keeps_what_there_is(repo: Path, build: CalibrationBuild) -> None:
    again = build_calibrations(repo, [NIGHT], instrument=SimCam(), options=BuildOptions(products=("bias",)))
    assert [item.state for item in again.outcomes] == ["kept"]


def test_the_report_has_the_table_and_figures(repo: Path, build: CalibrationBuild, tmp_path: Path) -> None:
    text = describe_build(build)
    assert "bias.growth" in text
    assert "1 certified" in text
    write_report(repo, build, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    assert "bias, detector 0" in page
    assert "<svg" in page
    with open_repository(repo) as butler:
        assert list(calibration_figures(butler, build)) == ["bias, detector 0"]
    assert "21 exposures, 1 held back" in describe_plan(repo, [NIGHT], instrument=find_instrument(repo, None))


def test_too_few_biases_are_refused_and_the_number_is_named(tmp_path: Path) -> None:
    repo = _repository(tmp_path, 8)
    build = build_calibrations(repo, [NIGHT], instrument=SimCam(), options=BuildOptions(products=("bias",)))
    (outcome,) = build.outcomes
    assert outcome.state == "refused"
    assert "bias.growth" in outcome.reason
    assert "<= 0.025" in outcome.reason
    with open_repository(repo) as butler:
        assert find_certified(butler, "bias", "SimCam/calib") == ()


def test_faults_are_told_before_work(repo: Path) -> None:
    with pytest.raises(UserError, match="no products"):
        build_calibrations(repo, [NIGHT], instrument=SimCam(), options=BuildOptions(products=("colour",)))
    with pytest.raises(UserError, match="there are some in"):
        build_calibrations(repo, [20200101], instrument=SimCam())


def test_what_failed_counts_as_refused() -> None:
    build = CalibrationBuild("SimCam", "SimCam/calib", [Outcome("dark", {}, "failed"), Outcome("flat", {}, "kept")])
    assert [item.product for item in build.refused] == ["dark"]
