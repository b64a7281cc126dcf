from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.astrometry import sky_offsets
from uraniborg.algorithms.photometry import color_terms
from uraniborg.core.flags import MeasurementFlag
from uraniborg.model.projections import pixel_to_sky
from uraniborg.tasks.common.astrometric_solution import AstrometricSolution, solve_astrometry, source_positions
from uraniborg.tasks.common.reference_stars import reference_stars
from uraniborg.testing.scenes import SceneExposure
from uraniborg.testing.star_fields import StarField, StarFieldConfig, make_star_field


def _solve(field: StarField, **options: float) -> AstrometricSolution:
    stars = reference_stars(
        field.references, field.image, terms=color_terms("simcam_gaia"), margin=40.0, unknown_motion=8.0
    )
    return solve_astrometry(
        field.image.sky_projection, source_positions(field.sources), stars, bbox=field.image.bbox, **options
    )


def _worst(field: StarField, solution: AstrometricSolution) -> float:
    """Largest error of the projection on a grid [mas]."""
    box = field.image.bbox
    x, y = (side.ravel() for side in np.meshgrid(np.linspace(box.x.min, box.x.max, 7), np.linspace(0, box.y.max, 7)))
    return float(
        np.abs(sky_offsets(pixel_to_sky(solution.projection, x, y), pixel_to_sky(field.projection, x, y))).max()
    )


@pytest.mark.parametrize(
    ("shift", "rotation", "stretch"),
    [((0.05, 0.02), 0.0, 0.0), ((-20.0, 15.0), 0.0, 0.0), ((8.0, 3.0), 0.4, 0.0), ((1.0, 1.0), 0.05, 2e-4)],
)
def test_projection_is_recovered(shift: tuple[float, float], rotation: float, stretch: float) -> None:
    for seed in range(4):
        field = make_star_field(StarFieldConfig(shift=shift, rotation=rotation, stretch=stretch), seed=seed)
        solution = _solve(field)
        assert solution.failure == ""
        assert _worst(field, solution) < 12.0  # 37 stars of 8 mas; up to six parameters
        assert (field.truth[solution.source[solution.used]] > 0).all()
        assert np.count_nonzero(solution.used) >= 30


def test_a_handful_of_stars_gives_a_shift_and_honest_residuals() -> None:
    small = SceneExposure(shape=(250, 250))
    accepted = 0
    for seed in range(20):
        config = StarFieldConfig(n_stars=3, n_missing=0, n_others=8, shift=(0.1, 0.05), exposure=small)
        field = make_star_field(config, seed=seed)
        solution = _solve(field)
        assert solution.failure == ""
        assert solution.fit is not None
        assert solution.fit.model == "shift"
        assert _worst(field, solution) < 35.0
        used = solution.used
        assert solution.left_out_residuals[used] == pytest.approx(solution.residuals[used] * 1.5, abs=0.5)
        accepted += np.count_nonzero(used)
    assert accepted >= 57


def test_residuals_are_source_minus_reference_on_the_sky() -> None:
    field = make_star_field(StarFieldConfig(shift=(0.4, -0.3)), seed=2)
    solution = _solve(field)
    assert np.median(solution.first_residuals, axis=0) == pytest.approx([400.0, -300.0], abs=5.0)
    assert np.abs(np.median(solution.residuals, axis=0)).max() < 4.0
    rms = np.sqrt(np.mean(solution.residuals[solution.used] ** 2, axis=0))
    assert rms == pytest.approx(0.03 * 260.0, rel=0.35)


def test_without_a_match_the_first_guess_and_near_pairs_are_kept() -> None:
    field = make_star_field(StarFieldConfig(n_stars=1, n_missing=0, shift=(0.05, 0.0)), seed=3)
    solution = _solve(field)
    assert "no significant match" in solution.failure
    assert solution.fit is None
    assert not solution.used.any()
    assert field.truth[solution.source].tolist() == [1]
    x = np.linspace(0.0, 400.0, 5)
    moved = sky_offsets(pixel_to_sky(solution.projection, x, x), pixel_to_sky(field.image.sky_projection, x, x))
    assert np.abs(moved).max() == 0.0
    assert solution.projection.as_fits_wcs(field.image.bbox, allow_approximation=True) is not None


def test_too_few_matches_are_not_fitted() -> None:
    solution = _solve(make_star_field(StarFieldConfig(n_stars=5)), min_stars=10)
    assert "too few matched stars" in solution.failure


def test_flagged_and_faint_sources_are_not_matched() -> None:
    field = make_star_field()
    field.sources["flags"][:20] = int(MeasurementFlag.PIXEL_SATURATED_CENTER)
    field.sources["psfInstFlux"][20:30] = np.nan
    positions = source_positions(field.sources)
    assert not positions.usable[:30].any()
    assert set(_solve(field).source.tolist()).isdisjoint(range(30))
