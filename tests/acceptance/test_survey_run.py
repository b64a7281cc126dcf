from __future__ import annotations

import pytest

from uraniborg.acceptance.survey_frame import SurveyFrameConfig
from uraniborg.acceptance.survey_run import measure_noise_rate, run_frame


def test_a_small_frame_is_run_and_judged() -> None:
    run = run_frame(SurveyFrameConfig(shape=(700, 720), n_detectable=260), repeats=1)
    assert 0.0 < run.seconds < run.profile.total_seconds
    assert run.accuracy.n_detections > 180
    assert abs(run.sky_bias) < 0.05
    assert run.peak_memory > 0.1


def test_noise_is_counted() -> None:
    found = measure_noise_rate(megapixels=4.0)
    assert found.value == pytest.approx(1.0, abs=0.4)
    assert found.details["megapixels"] == 4.0
