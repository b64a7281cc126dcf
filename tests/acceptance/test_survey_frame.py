from __future__ import annotations

import numpy as np
import pytest

from uraniborg.acceptance.survey_frame import (
    SurveyFrameConfig,
    draw_moffats,
    enclosed_light,
    ideal_errors,
    make_survey_frame,
)

CONFIG = SurveyFrameConfig(shape=(400, 500), n_detectable=100)


def test_the_frame_is_what_it_says() -> None:
    frame, again = (make_survey_frame(CONFIG, seed=3) for _ in range(2))
    np.testing.assert_array_equal(frame.image, again.image)
    inside = (frame.x > -0.5) & (frame.y > -0.5) & (frame.x < 499.5) & (frame.y < 399.5)
    assert (frame.magnitude[inside] < CONFIG.limit).sum() == pytest.approx(100, abs=30)
    light = frame.image.sum() - frame.sky.sum()
    assert light == pytest.approx(frame.flux[inside].sum(), rel=0.1)
    assert frame.variance.min() > CONFIG.read_noise**2


def test_profiles_hold_their_light() -> None:
    out = np.zeros((401, 401))
    draw_moffats(out, np.array([200.3]), np.array([199.8]), np.array([1e4]), np.array([[4.0, 0.05, -0.02]]), 3.0, 1e-7)
    assert out.sum() == pytest.approx(1e4, rel=1e-3)
    x = np.mgrid[:401, :401][1]
    assert (out * x).sum() / out.sum() == pytest.approx(200.3, abs=1e-3)


def test_ideal_errors_are_those_of_the_formula_for_faint_sources() -> None:
    frame = make_survey_frame(CONFIG, seed=3)
    faint = np.flatnonzero(frame.magnitude > 24.0)[:5]
    errors = ideal_errors(frame, faint)
    noise = CONFIG.sky + CONFIG.read_noise**2
    np.testing.assert_allclose(errors[:, 2], np.sqrt(61.8 * noise), rtol=0.05)  # noise area of the profile, pixel^2


def test_light_within_a_radius() -> None:
    config = SurveyFrameConfig()
    assert enclosed_light(config, 0.0) == 0.0
    assert enclosed_light(config, 12.0) == pytest.approx(0.9907, abs=1e-3)
