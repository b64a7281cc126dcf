from __future__ import annotations

import numpy as np
import pytest

from uraniborg.acceptance.survey_accuracy import FrameCatalogue, half_completeness, judge_catalogue
from uraniborg.acceptance.survey_frame import SurveyFrameConfig, ideal_errors, make_survey_frame


def test_half_of_the_sources_are_found_where_they_are() -> None:
    rng = np.random.default_rng(1)
    magnitude = rng.uniform(23.0, 25.5, 20000)
    snr = 5.0 * 10.0 ** (-0.4 * (magnitude - 24.3))
    found = snr + rng.normal(size=magnitude.size) > 5.0
    assert half_completeness(magnitude, found, near=24.4) == pytest.approx(24.3, abs=0.02)


def test_a_perfect_catalogue_has_perfect_marks() -> None:
    frame = make_survey_frame(SurveyFrameConfig(shape=(1500, 1500), n_detectable=1100), seed=4)
    rng, n = np.random.default_rng(2), len(frame.x)
    errors = ideal_errors(frame, np.arange(n))
    noise = rng.normal(size=(n, 3)) * errors
    seen = frame.flux + noise[:, 2] > 5.0 * errors[:, 2]
    columns = (frame.x + noise[:, 0], frame.y + noise[:, 1], frame.flux + noise[:, 2])
    catalogue = FrameCatalogue(
        *(column[seen] for column in columns), np.ones(seen.sum(), bool), errors[seen, 2], errors[seen, 0]
    )
    marks = judge_catalogue(frame, catalogue)
    assert marks.false_percent < 0.1
    assert marks.half_completeness == pytest.approx(marks.ideal_half_completeness, abs=0.04)
    np.testing.assert_allclose(np.array(marks.centroid_rms)[1:], np.array(marks.centroid_ideal)[1:], rtol=0.15)
    np.testing.assert_allclose(np.array(marks.flux_pull)[1:], 1.0, atol=0.15)
