from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from uraniborg.core.errors import UserError
from uraniborg.sim.config import CameraConfig, ObservingConfig, SimConfig, SkyConfig
from uraniborg.sim.writer import SimulatedField, load_field, simulate_field

CONFIG = SimConfig(
    name="test",
    sky=SkyConfig(n_transients=3, n_variables=2),
    camera=CameraConfig(width=128, height=160, cosmic_rays=2, bad_columns=1),
    observing=ObservingConfig(nights=(0.0, 4.0), dither=2.0),
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


def test_same_seed_gives_identical_files(field: SimulatedField, tmp_path: Path) -> None:
    again = simulate_field(CONFIG, tmp_path / "two")
    assert _digests(again.root) == _digests(field.root)
    other = simulate_field(CONFIG.model_copy(update={"seed": 9}), tmp_path / "three")
    assert _digests(other.root)["truth/sources.parquet"] != _digests(field.root)["truth/sources.parquet"]


@pytest.mark.slow
def test_number_of_workers_leaves_no_trace(field: SimulatedField, tmp_path: Path) -> None:
    assert _digests(simulate_field(CONFIG, tmp_path / "two", jobs=2).root) == _digests(field.root)


def test_triplets_are_complete_and_readable(field: SimulatedField) -> None:
    assert len(field.images) == 4
    for path in field.images:
        with fits.open(path) as image:
            assert image[0].header["PRODTYPE"] == "image"
            assert image[1].data.shape == (160, 128)
            assert image[1].data.dtype == np.dtype(">f4")
            assert image[1].header["CTYPE1"] == "RA---TAN"
            assert image[1].header["GAIN"] == CONFIG.camera.gain
        weight = fits.getdata(path.with_name(path.name.replace("image", "weight")))
        dq = fits.getdata(path.with_name(path.name.replace("image", "dq")))
        assert np.array_equal(weight == 0, dq != 0)


def test_truth_tables_agree_with_the_files(field: SimulatedField) -> None:
    exposures, visits, sources = (field.truth(name) for name in ("exposures", "visits", "sources"))
    assert len(exposures) == 4
    numbers = {fits.getheader(path)["EXPNUM"] for path in field.images}
    assert set(exposures["visit"]) == numbers == set(visits["visit"])
    assert set(visits["truthId"]) <= set(sources["truthId"])
    assert sources["ra"].unit == "deg"
    assert visits["flux"].unit == "nJy"
    middle = {row["visit"]: row["midpointMjdTai"] for row in exposures}
    for path in field.images:
        header = fits.getheader(path)
        assert 0.5 * (header["MJD-BEG"] + header["MJD-END"]) == pytest.approx(middle[header["EXPNUM"]], abs=1e-8)


def test_a_survey_is_loaded_from_its_folder(field: SimulatedField, tmp_path: Path) -> None:
    assert load_field(field.root) == field
    with pytest.raises(UserError, match="no complete simulated survey"):
        load_field(tmp_path)
    with pytest.raises(UserError, match="no table"):
        SimulatedField(root=tmp_path, config=CONFIG).truth("sources")


def test_a_finished_survey_is_left_alone_and_another_one_refused(field: SimulatedField) -> None:
    before = _digests(field.root)
    assert simulate_field(CONFIG, field.root) == field
    assert _digests(field.root) == before
    with pytest.raises(UserError, match="not an empty folder"):
        simulate_field(CONFIG.model_copy(update={"seed": 2}), field.root)
