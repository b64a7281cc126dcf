from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from uraniborg.archive.ingest import ingest_raws, ingest_reduced
from uraniborg.archive.repository import create_repository
from uraniborg.core.errors import UserError
from uraniborg.instruments.simcam import SimCam
from uraniborg.instruments.simcam.raw_layout import join_segments, raw_file_name
from uraniborg.sim.camera.config import CalibrationConfig, ElectronicsConfig, GhostConfig
from uraniborg.sim.config import CameraConfig, ObservingConfig, SimConfig, SkyConfig
from uraniborg.sim.raw_exposure import detector_properties
from uraniborg.sim.writer import SimulatedField, simulate_calibrations, simulate_field

CONFIG = SimConfig(
    name="test",
    raw=True,
    sky=SkyConfig(n_transients=0, n_variables=0),
    camera=CameraConfig(columns=2, width=96, height=64, cosmic_rays=2, bad_columns=1),
    observing=ObservingConfig(nights=(0.0,), bands=("r",), dither=2.0),
    electronics=ElectronicsConfig(columns=3, rows=2, overscan=8, parallel_overscan=4),
    calibration=CalibrationConfig(biases=1, darks=1, flat_levels=(2e4,)),
)


def _digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> SimulatedField:
    return simulate_field(CONFIG, tmp_path_factory.mktemp("sim") / "one")


def test_raws_leave_the_reduced_files_as_they_were(field, tmp_path) -> None:
    plain = simulate_field(CONFIG.model_copy(update={"raw": False}), tmp_path / "plain")
    mine, theirs = _digests(field.root), _digests(plain.root)
    for name in theirs.keys() - {"survey.yaml"}:
        assert mine[name] == theirs[name]
    assert not plain.raws


def test_calibrations_alone_are_the_same_files(field, tmp_path) -> None:
    alone = _digests(simulate_calibrations(CONFIG, tmp_path / "calib").root)
    whole = _digests(field.root)
    raws = [name for name in alone if name.startswith("raw/")]
    assert len(raws) == 8
    assert len(field.raws) == 10
    for name in alone.keys() - {"truth/raws.parquet", "survey.yaml"}:
        assert alone[name] == whole[name]


@pytest.mark.slow
def test_number_of_workers_leaves_no_trace(field, tmp_path) -> None:
    assert _digests(simulate_field(CONFIG, tmp_path / "two", jobs=2).root) == _digests(field.root)


def test_files_are_multi_extension_fits(field) -> None:
    for path in field.raws:
        with fits.open(path) as hdus:
            hdus.verify("exception")
            assert hdus[0].data is None
            assert [hdu.name for hdu in hdus[1:]] == [f"Segment{row}{column}" for row in (0, 1) for column in range(3)]
            assert hdus[0].header["NAMPS"] == 6
            for hdu in hdus[1:]:
                assert hdu.data.shape == (36, 50)
                assert hdu.data.dtype.kind == "i"
                assert hdu.header["BUNIT"] == "adu"


def test_truth_is_that_of_the_camera(field) -> None:
    amplifiers, crosstalk, defects = (field.truth(name) for name in ("amplifiers", "crosstalk", "defects"))
    assert (len(amplifiers), len(crosstalk)) == (12, 72)
    kernel = field.truth("brighter_fatter")
    for detector in (0, 1):
        properties = detector_properties(CONFIG, detector)
        mine = amplifiers[amplifiers["detector"] == detector]
        assert np.array_equal(mine["gain"], properties.amplifiers.gain)
        assert mine["gain"].unit == "electron/adu"
        dead = defects[(defects["detector"] == detector) & (defects["kind"] == "dead")]
        assert len(dead) == properties.dead.sum()
        centre = kernel[(kernel["detector"] == detector) & (kernel["dx"] == 0) & (kernel["dy"] == 0)]
        assert centre["covariance"][0] == pytest.approx(-CONFIG.sensor.brighter_fatter)
        response = fits.getdata(field.root / "truth" / f"maps_{detector:02d}.fits", "RESPONSE")
        assert np.allclose(response, properties.response, atol=1e-6)
    raws = field.truth("raws")
    assert len(raws) == len(field.raws)
    assert set(raws["observationType"]) == {"bias", "dark", "flat", "science"}


def test_raws_are_ingested_and_come_back_whole(field, tmp_path) -> None:
    with create_repository(str(tmp_path / "repo")) as butler:
        report = ingest_raws(butler, field.raw_folder, instrument=SimCam())
        assert (report.ingested, len(report.exposures)) == (10, 5)
        ingest_reduced(butler, field.image_folder, instrument=SimCam())
        records = butler.query_dimension_records("exposure", instrument="SimCam")
        assert sorted(record.observation_type for record in records) == ["bias", "dark", "flat", "flat", "science"]
        assert [record.can_see_sky for record in records if record.observation_type != "science"] == [False] * 4
        (flat, _) = sorted(record.id for record in records if record.observation_type == "flat")
        raw = butler.get("raw", instrument="SimCam", exposure=flat, detector=1, collections=report.run)
        assert len(raw.segments) == 6
        assert butler.get("raw.header", instrument="SimCam", exposure=flat, detector=1, collections=report.run) == (
            raw.header
        )
        properties = detector_properties(CONFIG, 1)
        pixels = np.stack([segment.array for segment in raw.segments]) - properties.amplifiers.bias
        electrons = join_segments(pixels * properties.amplifiers.gain[:, None, None], properties.layout)
        assert np.median(electrons) == pytest.approx(2e4 * np.median(properties.response), rel=0.005)


def test_impossible_cameras_are_refused_before_anything_is_written(tmp_path) -> None:
    config = CONFIG.model_copy(update={"electronics": ElectronicsConfig(columns=5)})
    with pytest.raises(UserError, match="cannot be cut"):
        simulate_calibrations(config, tmp_path / "x")
    assert not (tmp_path / "x").exists()


BOARD = CONFIG.model_copy(
    update={
        "electronics": CONFIG.electronics.model_copy(update={"board": 2, "board_crosstalk": 1e-3, "nonlinearity": 0.0}),
        "sky": SkyConfig(n_transients=0, n_variables=0, star_magnitudes=(13.0, 19.0)),
        "ghosts": (GhostConfig(intensity=1e-3, radius=20.0, faintest=0.1),),
        "calibration": CalibrationConfig(
            biases=1, darks=0, flat_levels=(), sky_bands=("z",), skies=1, wavelengths=(980.0,), spot_levels=(8e4,),
            spot_radius=4.0,
        ),
        "reduced": False,
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> SimulatedField:
    return simulate_field(BOARD, tmp_path_factory.mktemp("sim") / "board")


def test_calibration_frames_of_every_kind_have_their_truth(board) -> None:
    raws = board.truth("raws")
    assert not board.images
    assert len(raws) == len(board.raws) == 2 * (1 + 1 + 1 + 6 + 1)
    assert list(raws["exposure"]) == sorted(raws["exposure"])
    assert set(raws["wavelength"][raws["observationType"] == "monoflat"]) == {980.0}
    spots = raws[raws["observationType"] == "crosstalk"]
    assert sorted(set(spots["amplifier"])) == list(range(6))
    ghosts = board.truth("ghosts")
    for row in raws:
        mine = (ghosts["visit"] == row["exposure"]) & (ghosts["detector"] == row["detector"])
        assert row["ghosts"] == mine.sum()
    assert ghosts["visit"].max() == max(raws["exposure"])
    assert len(board.truth("sky_sources")) > 0


def test_spots_show_the_crosstalk_between_detectors_that_is_in_the_truth(board) -> None:
    raws, matrix = board.truth("raws"), board.truth("crosstalk")
    assert len(matrix) == 2 * 2 * 36
    number = raws["exposure"][(raws["amplifier"] == 2) & (raws["detector"] == 0)][0]
    here, there = (detector_properties(BOARD, k) for k in (0, 1))
    found = []
    for properties in (here, there):
        with fits.open(board.raw_folder / raw_file_name(int(number), properties.detector)) as hdus:
            found.append(np.stack([hdu.data for hdu in hdus[1:]]) - properties.amplifiers.bias)
    bright = found[1][2] > 0.8 * found[1][2].max()
    dark = found[1][2] < 100.0
    signal = found[1][2][bright].mean()
    own = here.amplifiers.crosstalk[:, 2] * found[0][2][bright].mean()
    victims = [k for k in range(6) if k != 2]
    leaked = np.array([found[0][k][bright].mean() - found[0][k][dark].mean() for k in victims]) - own[victims]
    truth = matrix[(matrix["detector"] == 0) & (matrix["sourceDetector"] == 1) & (matrix["source"] == 2)]
    error = 8.0 / np.sqrt(bright.sum())  # read noise and drift [adu]
    assert error / signal < 1e-4
    assert np.asarray(truth["coefficient"])[victims] == pytest.approx(leaked / signal, abs=4 * error / signal)


def test_frames_of_every_kind_are_ingested(board, tmp_path) -> None:
    with create_repository(str(tmp_path / "repo")) as butler:
        report = ingest_raws(butler, board.raw_folder, instrument=SimCam())
        assert report.ingested == 20
        records = butler.query_dimension_records("exposure", instrument="SimCam")
        kinds = {record.observation_type: record.can_see_sky for record in records}
        assert kinds == {"bias": False, "monoflat": False, "crosstalk": False, "sky": True, "science": True}
        reasons = {record.observation_reason for record in records if record.observation_type != "science"}
        assert reasons == {"calibration"}
