from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.astrometry.fit import MODELS, PlaneCorrection, extra_error, fit_correction
from uraniborg.core.errors import AlgorithmError

EXPONENTS = np.array([(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)])


def _pairs(
    rng: np.random.Generator, n: int, truth: PlaneCorrection, error: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sources = rng.uniform(0.0, 1000.0, (n, 2))
    references = truth.apply(sources) + rng.normal(0.0, error, (n, 2))
    for array in (sources, references):
        array.flags.writeable = False
    return sources, references, np.full(n, error)


def _truth(*rows: tuple[float, float]) -> PlaneCorrection:
    return PlaneCorrection(np.array(rows).T, EXPONENTS[: len(rows)], np.array([500.0, 500.0]), 500.0)


@pytest.mark.parametrize(
    ("n", "truth", "model"),
    [
        (3, _truth((0.7, -0.4)), "shift"),
        (6, _truth((0.7, -0.4)), "shift"),
        (7, _truth((0.3, 0.1), (0.5, 0.2), (-0.2, 0.5)), "similarity"),
        (25, _truth((0.3, 0.1), (0.5, 0.2), (0.4, -0.6)), "affine"),
        (60, _truth((0.3, 0.1), (0.5, 0.2), (0.4, -0.6), (0.3, 0.1), (-0.2, 0.2), (0.1, -0.3)), "quadratic"),
    ],
)
def test_the_model_is_as_rich_as_the_stars_demand(n: int, truth: PlaneCorrection, model: str) -> None:
    rng = np.random.default_rng(1)
    found = [fit_correction(*_pairs(rng, n, truth, 0.02)).model for _ in range(20)]
    richness = list(MODELS)
    assert found.count(model) >= 16
    assert max(richness.index(name) for name in found) <= richness.index(model) + 1


def test_shift_has_no_bias_and_unit_pulls() -> None:
    rng = np.random.default_rng(2)
    pulls = []
    for _ in range(400):
        fit = fit_correction(*_pairs(rng, 12, _truth((0.7, -0.4)), 0.02), max_model="shift", origin=np.zeros(2))
        pulls.append((fit.correction.displacement(np.zeros((1, 2)))[0] - [0.7, -0.4]) / fit.center_err)
    pulls = np.ravel(pulls)
    assert abs(pulls.mean()) < 4.0 / np.sqrt(800)
    assert pulls.std() == pytest.approx(1.0, abs=0.12)


def test_affine_is_recovered_within_its_errors() -> None:
    rng = np.random.default_rng(3)
    truth = _truth((0.3, 0.1), (0.5, 0.2), (0.4, -0.6))
    grid = rng.uniform(100.0, 900.0, (200, 2))
    worst = [
        np.abs(fit_correction(*_pairs(rng, 80, truth, 0.02)).correction.apply(grid) - truth.apply(grid)).max()
        for _ in range(20)
    ]
    assert max(worst) < 5.0 * 0.02 * np.sqrt(6 / 80)


@pytest.mark.parametrize("n", [3, 5, 40])
def test_wrong_pairs_are_dropped(n: int) -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        sources, references, errors = _pairs(rng, n, _truth((0.2, 0.1)), 0.02)
        bad = rng.choice(n, n // 3, replace=False)
        references = references.copy()
        references[bad] += rng.uniform(0.5, 1.5, (len(bad), 1)) * np.array([[1.0, -1.0]])
        fit = fit_correction(sources, references, errors)
        assert not fit.used[bad].any()
        assert np.abs(fit.correction.displacement(sources.mean(axis=0)[np.newaxis]) - [0.2, 0.1]).max() < 0.08


def test_left_out_residuals_equal_fits_without_the_star() -> None:
    rng = np.random.default_rng(5)
    sources, references, errors = _pairs(rng, 9, _truth((0.3, 0.1), (0.5, 0.2), (-0.2, 0.5)), 0.02)
    fit = fit_correction(sources, references, errors, max_model="similarity")
    assert fit.model == "similarity"
    for row in range(9):
        keep = np.arange(9) != row
        other = fit_correction(
            sources[keep], references[keep], errors[keep], max_model="similarity",
            origin=fit.correction.origin, scale=fit.correction.scale,
        )  # fmt: skip
        if other.model == "similarity":
            expected = references[row] - other.correction.apply(sources[row : row + 1])[0]
            assert fit.left_out_residuals[row] == pytest.approx(expected, abs=1e-9)
    assert (fit.left_out_rms > fit.rms).all()


def test_one_star_gives_a_shift_and_admits_that_nothing_checks_it() -> None:
    fit = fit_correction(np.array([[5.0, 5.0]]), np.array([[5.3, 4.9]]), np.array([0.02]))
    assert fit.model == "shift"
    assert fit.correction.apply(np.zeros((1, 2)))[0] == pytest.approx([0.3, -0.1])
    assert np.isnan(fit.chi2_dof)
    assert np.isnan(fit.left_out_rms).all()
    assert fit.center_err == pytest.approx([0.02, 0.02])


def test_underestimated_errors_widen_the_result() -> None:
    rng = np.random.default_rng(6)
    sources, references, errors = _pairs(rng, 30, _truth((0.3, 0.1)), 0.1)
    honest, proud = (fit_correction(sources, references, errors * f, max_model="shift") for f in (1.0, 0.2))
    assert proud.center_err == pytest.approx(honest.center_err * np.sqrt(honest.chi2_dof), rel=0.05)


def test_no_pairs_is_a_clear_error() -> None:
    with pytest.raises(AlgorithmError, match="without matched stars"):
        fit_correction(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0))


def test_extra_error_is_what_was_added() -> None:
    rng = np.random.default_rng(5)
    errors = rng.uniform(0.5, 3.0, 4000)
    noise = rng.normal(0.0, 1.0, (4000, 2)) * np.hypot(errors, 1.5)[:, None]
    assert extra_error(noise, errors, 0) == pytest.approx(1.5, rel=0.05)
    assert extra_error(0.5 * rng.normal(0.0, 1.0, (4000, 2)) * errors[:, None], errors, 0) == 0.0
    assert extra_error(noise[:, :1], errors, 1) == pytest.approx(1.5, rel=0.1)
