from __future__ import annotations

import numpy as np
import pytest

from uraniborg.acceptance.survey_frame import SurveyFrame, SurveyFrameConfig, ideal_errors, make_survey_frame
from uraniborg.acceptance.zero_point_accuracy import measure_zero_point
from uraniborg.verify.metrics import Value


@pytest.fixture(scope="module")
def frame() -> SurveyFrame:
    return make_survey_frame(SurveyFrameConfig(shape=(1500, 1500), n_detectable=1500), seed=4)


def _measure(frame: SurveyFrame, factor: float = 1.0, added: float = 0.0, slope: float = 0.0) -> Value:
    rng = np.random.default_rng(2)
    bright = np.flatnonzero(frame.magnitude < 21.5)
    noise = np.full(len(frame.x), 500.0)
    noise[bright] = ideal_errors(frame, bright)[:, 2]
    flux = frame.flux * factor * (1.0 + rng.normal(0.0, added, len(noise)) + slope * (frame.x / 750.0 - 1.0))
    flux += rng.normal(0.0, noise)
    return measure_zero_point(frame, frame.x, frame.y, flux=flux, flux_err=noise, max_magnitude=21.0)


def test_perfect_photometry_adds_nothing(frame: SurveyFrame) -> None:
    value = _measure(frame)
    assert value.value < 1.5
    assert abs(value.details["offset_mmag"]) < 1.0
    assert value.details["n_stars"] > 50


def test_what_is_added_is_measured(frame: SurveyFrame) -> None:
    assert _measure(frame, added=0.01).value == pytest.approx(10.86, rel=0.2)
    assert _measure(frame, factor=0.99).details["offset_mmag"] == pytest.approx(-10.9, abs=1.0)
    assert _measure(frame, slope=0.01).details["variation_mmag"] == pytest.approx(10.86 / np.sqrt(3.0), rel=0.25)
