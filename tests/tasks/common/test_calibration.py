from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.photometry import color_terms
from uraniborg.core.errors import AlgorithmError
from uraniborg.tasks.common.calibration import Calibration, solve_calibration
from uraniborg.testing.star_fields import StarField, StarFieldConfig, make_star_field


def _solve(field: StarField, *, min_stars: int = 2) -> Calibration:
    return solve_calibration(
        field.image,
        field.sources,
        field.references,
        terms=color_terms("simcam_gaia"),
        max_shift=30.0,
        max_rotation=2.0,
        match_radius=0.5,
        min_snr=10.0,
        position_floor=5.0,
        unknown_motion=8.0,
        max_model="cubic",
        min_astrometry_stars=2,
        min_photometry_stars=min_stars,
    )


def test_zero_point_has_no_bias_and_unit_pulls() -> None:
    found = [_solve(make_star_field(StarFieldConfig(n_stars=15, n_missing=0), seed=seed)) for seed in range(30)]
    offsets = np.array([calibration.photometry.zero_point - 31.2 for calibration in found])
    pulls = offsets / [calibration.photometry.error for calibration in found]
    assert abs(offsets.mean()) < 4.0 * offsets.std() / np.sqrt(30)
    assert pulls.std() == pytest.approx(1.0, abs=0.35)
    assert np.abs(offsets).max() < 0.01


def test_variable_stars_are_set_aside() -> None:
    calibration = _solve(make_star_field(StarFieldConfig(n_variable=5), seed=3))
    assert calibration.photometry.zero_point == pytest.approx(31.2, abs=0.01)
    variable = np.isin(calibration.stars.ids[calibration.astrometry.reference], np.arange(1, 6))
    assert not calibration.photometry.used[variable].any()
    assert calibration.photometry.residuals[variable] == pytest.approx(1.0, abs=0.05)


def test_the_first_guess_serves_a_zero_point_where_nothing_can_be_matched() -> None:
    field = make_star_field(StarFieldConfig(n_stars=1, n_missing=0, shift=(0.05, 0.0)), seed=3)
    calibration = _solve(field, min_stars=1)
    assert calibration.astrometry.fit is None
    assert calibration.photometry.zero_point == pytest.approx(31.2, abs=0.05)


def test_no_stars_for_a_zero_point_is_an_error() -> None:
    with pytest.raises(AlgorithmError, match="too few reference stars"):
        _solve(make_star_field(StarFieldConfig(n_stars=1, n_missing=0)))


def test_visit_and_detector_come_from_the_projection() -> None:
    calibration = _solve(make_star_field())
    assert (calibration.visit, calibration.detector) == (1, 1)
