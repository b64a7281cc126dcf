from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.algorithms.photometry import color_terms
from uraniborg.core.errors import AlgorithmError
from uraniborg.tasks.common.calibration import Calibration, solve_calibration
from uraniborg.testing.star_fields import StarField, StarFieldConfig, make_star_field


def _solve(field: StarField, *, min_stars: int = 2) -> Calibration:
    return _solve_sources(field, field.sources, min_stars=min_stars)


def _solve_sources(field: StarField, sources: Table, *, min_stars: int = 2, degree: int = 0) -> Calibration:
    return solve_calibration(
        field.image,
        sources,
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
        photometry_degree=degree,
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


def test_a_calibration_that_varies_over_the_image_is_followed() -> None:
    field = make_star_field(StarFieldConfig(n_stars=300, n_others=20), seed=9)
    sources = field.sources.copy()
    x, y = np.asarray(sources["x"]), np.asarray(sources["y"])
    loss = 1.0 + 0.05 * (x / 250.0 - 1.0) - 0.03 * (y / 300.0 - 1.0)
    for name in ("psfInstFlux", "psfInstFluxErr"):
        sources[name] = np.asarray(sources[name]) * loss
    found = _solve_sources(field, sources, degree=2)
    constant = _solve_sources(field, sources, degree=0)
    assert found.variation is not None
    assert constant.variation is None
    factor = found.scale(x, y) * loss
    assert np.std(factor) / np.mean(factor) < 0.002
    assert np.mean(factor) == pytest.approx(10.0 ** (-0.4 * (31.2 - 31.4)), rel=0.002)
    assert np.std(constant.scale(x, y) * loss) > 0.02
    assert _solve_sources(field, field.sources, degree=2).variation is None
