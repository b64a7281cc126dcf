from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uraniborg.acceptance.psf_accuracy import fit_frame_psf, measure_psf_size, measure_rubin_stars, true_stamps
from uraniborg.acceptance.survey_frame import SurveyFrame, SurveyFrameConfig, make_survey_frame


@pytest.fixture(scope="module")
def frame() -> SurveyFrame:
    return make_survey_frame(SurveyFrameConfig(shape=(1200, 1200), n_detectable=700), seed=3)


def test_the_model_of_a_small_frame_has_the_true_size(frame: SurveyFrame) -> None:
    fit, seconds = fit_frame_psf(frame, repeats=1)
    assert fit.n_stars > 50
    assert seconds < 30.0
    value = measure_psf_size(frame, fit.model, n=300)
    assert abs(value.value) < 3e-3  # a tenth of the stars of the full frame
    assert value.details["rms"] < 4e-3
    assert value.details["te1"] < 2e-5


def test_a_wrong_size_is_seen(frame: SurveyFrame) -> None:
    wider = make_survey_frame(SurveyFrameConfig(shape=(1200, 1200), n_detectable=700, fwhm=4.2), seed=3)
    fit, _ = fit_frame_psf(wider, repeats=1)
    assert measure_psf_size(frame, fit.model, n=200).value == pytest.approx(0.09, abs=0.02)


def test_true_stamps_sum_to_the_light_inside(frame: SurveyFrame) -> None:
    stamps = true_stamps(frame, np.array([100.3, 600.0]), np.array([50.0, 640.7]), size=61)
    assert stamps.sum(axis=(1, 2)) == pytest.approx([1.0, 1.0], abs=0.004)
    assert np.unravel_index(int(stamps[1].argmax()), (61, 61)) == (30, 30)


@pytest.mark.realdata
def test_rubin_stars(testdata: Path) -> None:
    value = measure_rubin_stars(testdata / "images" / "rubin_des_psf_stars")
    assert value.value == pytest.approx(1.0, abs=0.2)
    assert value.details["n_stars"] >= 29
