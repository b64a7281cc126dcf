from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.calib.crosstalk import CrosstalkSums, detector_levels
from uraniborg.core.errors import Unprocessable, UserError
from uraniborg.sim.camera.effects_electronics import crosstalk_matrix

SHAPE = (200, 160)


def _spots(rng: np.random.Generator, n: int, *, noise: float) -> np.ndarray:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    segments = np.full((n, *SHAPE), 100.0)
    for k in range(n):
        cy, cx = 25 + 50 * (k // 3), 25 + 50 * (k % 3)
        segments[k] += 60000.0 * (np.hypot(y - cy, x - cx) < 14.0)
    return segments + noise * rng.standard_normal(segments.shape)


def test_coefficients_scatter_about_truth_as_their_errors_say() -> None:
    pulls = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        truth = crosstalk_matrix(4, 2, nearest=2e-4, rng=rng)
        sums = CrosstalkSums(8, 8)
        for _ in range(2):
            clean = _spots(rng, 8, noise=0.0)
            noisy = clean + np.tensordot(truth, clean, 1) + 5.0 * rng.standard_normal((8, *SHAPE))
            noisy += rng.standard_normal((8, SHAPE[0], 1))  # what overscans leave in rows
            sums.add(noisy, noisy, noise=np.full(8, 5.0), bright=20000.0)
        fit = sums.solve()
        off = ~np.eye(8, dtype=bool)
        pulls.append(((fit.coefficients - truth) / np.where(off, fit.errors, 1.0))[off])
        assert np.all(np.diag(fit.coefficients) == 0.0)
        assert np.all((fit.chi2 > 0.8) & (fit.chi2 < 1.2))
    pulls = np.array(pulls)
    assert np.abs(pulls).max() < 5.0
    assert 0.85 < pulls.std() < 1.2


def test_coefficients_between_detectors() -> None:
    rng = np.random.default_rng(9)
    truth = 1e-4 * rng.standard_normal((3, 4))
    sources = _spots(rng, 4, noise=5.0)
    victims = 50.0 + 5.0 * rng.standard_normal((3, *SHAPE)) + np.tensordot(truth, sources - 100.0, 1)
    sums = CrosstalkSums(3, 4, same=False)
    sums.add(victims, sources, noise=np.full(3, 5.0), bright=20000.0)
    fit = sums.solve()
    assert np.abs((fit.coefficients - truth) / fit.errors).max() < 5.0


def test_dark_exposures_tell_nothing() -> None:
    sums = CrosstalkSums(2, 2)
    sums.add(np.zeros((2, *SHAPE)), np.zeros((2, *SHAPE)), noise=np.ones(2), bright=1000.0)
    with pytest.raises(Unprocessable, match="bright enough"):
        sums.solve()
    with pytest.raises(UserError, match="same amplifiers"):
        CrosstalkSums(2, 3)


def test_the_level_of_cells_ignores_what_is_masked() -> None:
    image = np.full(SHAPE, 7.0)
    image[10:20, 10:20] = 1e5
    level = detector_levels(image, image < 100.0)
    np.testing.assert_array_equal(level, 7.0)
