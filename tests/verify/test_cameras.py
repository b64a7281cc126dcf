from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uraniborg.algorithms.isr.geometry import AmplifierGeometry, DetectorGeometry, Section
from uraniborg.core.errors import UserError
from uraniborg.verify.cameras import (
    amplifier_steps,
    camera_of,
    header_files,
    measure_amplifier_steps,
    measure_geometry,
    measure_headers,
    measure_overscan_left,
    photon_gain,
)

HALVES = DetectorGeometry(
    (100, 200),
    (
        AmplifierGeometry("left", Section(0, 100, 0, 100), Section(0, 100, 0, 100)),
        AmplifierGeometry("right", Section(0, 100, 0, 100), Section(0, 100, 100, 200)),
    ),
)


def test_a_step_is_found_within_its_error() -> None:
    rng = np.random.default_rng(1)
    image = rng.normal(1000.0, 30.0, (100, 200))
    image[:, 100:] *= 1.02
    ((pair, (step, error)),) = amplifier_steps(image, HALVES).items()
    assert pair == ("0", "1")
    assert error == pytest.approx(1.2533 * 0.03 * np.sqrt(2.0 / 1600.0), rel=0.1)
    assert abs(step - 0.0198) < 4.0 * error


def test_the_gain_follows_from_photon_noise_in_spite_of_stars_and_gradients() -> None:
    rng = np.random.default_rng(2)
    x = np.arange(512)
    sky = 1800.0 + 0.1 * x[:, None] + np.zeros(512)
    for _ in range(200):
        y0, x0 = rng.integers(5, 507, 2)
        sky[y0 - 3 : y0 + 4, x0 - 3 : x0 + 4] += rng.uniform(100.0, 1e4)
    frame = rng.poisson(sky) / 6.3 + rng.normal(0.0, 1.2, sky.shape)
    assert photon_gain(frame, 1.2) == pytest.approx(6.3, rel=0.012)


def test_unknown_cameras_and_broken_headers_are_counted_as_faults(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no camera"):
        camera_of({"INSTRUME": "nothing"})
    (tmp_path / "a.yaml").write_text("INSTRUME: lsstCam\nOBSID: MC_O_20250415_000060\n", "utf8")
    found = measure_headers(header_files(tmp_path))
    assert found.value == 0.0
    assert len(found.details["faults"]) == 1


def test_sections_that_do_not_fit_are_faults(tmp_path: Path) -> None:
    text = "INSTRUME: lsstCam\nNAXIS1: 576\nNAXIS2: 2048\nDATASEC: '[11:522,1:2002]'\nDETSEC: '{}'\n"
    (tmp_path / "a.yaml").write_text(text.format("[512:1,1:2002]"), "utf8")
    (tmp_path / "b.yaml").write_text(text.format("[512:1,1:2001]"), "utf8")
    assert measure_geometry(header_files(tmp_path)).value == 50.0


@pytest.mark.realdata
def test_every_real_header_is_translated_and_every_geometry_goes_there_and_back(testdata: Path) -> None:
    files = header_files(testdata / "raw" / "lsst_raw_structure")
    headers = measure_headers(files)
    assert headers.value == 100.0, headers.details
    assert headers.note == f"{len(files)} of {len(files)} files"
    others = [testdata / "raw" / "saao_1m" / "a8280271.fits"]
    others.append(testdata / "raw" / "lco_sinistro_mef" / "mef_raw_test_frame.fits")
    geometry = measure_geometry([*files, *others])
    assert geometry.value == 100.0, geometry.details
    assert "208 amplifiers" in geometry.note


@pytest.mark.realdata
def test_the_sky_of_real_amplifiers_agrees(testdata: Path) -> None:
    path = testdata / "raw" / "lco_sinistro_mef" / "mef_raw_test_frame.fits"
    steps = measure_amplifier_steps(path)
    assert len(steps.details) == 4
    assert steps.value <= 1.5, steps
    assert measure_amplifier_steps(path, header_gains=True).value == pytest.approx(2.4, abs=0.2)
    assert measure_overscan_left(testdata / "raw" / "saao_1m" / "a8280271.fits").value < 0.5
