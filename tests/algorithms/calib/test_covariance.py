from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.calib.covariance import measure_flat_covariance
from uraniborg.core.errors import Unprocessable, UserError


def _slow(difference: np.ndarray, good: np.ndarray, dy: int, dx: int) -> float:
    sums, number = 0.0, 0
    ny, nx = difference.shape
    for sign in (1, -1) if dy and dx else (1,):
        for j in range(ny - dy):
            for i in range(nx):
                k = i + sign * dx
                if 0 <= k < nx and good[j, i] and good[j + dy, k]:
                    sums += difference[j, i] * difference[j + dy, k]
                    number += 1
    return 0.5 * sums / number


def test_it_equals_the_sum_over_pairs_of_pixels() -> None:
    rng = np.random.default_rng(1)
    first, second = 1000.0 + rng.normal(0.0, 30.0, (2, 60, 70))
    bad = rng.random(first.shape) < 0.05
    found = measure_flat_covariance(first, second, bad=bad, reach=2)
    level = 0.5 * (first[~bad].mean() + second[~bad].mean())
    difference = first * level / first[~bad].mean() - second * level / second[~bad].mean()
    difference -= difference[~bad].mean()
    for dy in range(3):
        for dx in range(3):
            assert found.covariance[dy, dx] == pytest.approx(_slow(difference, ~bad, dy, dx), abs=2e-3)
    assert found.level == pytest.approx(level, rel=1e-6)
    assert found.n_pixels == (~bad).sum()


def test_errors_are_those_of_the_scatter_and_structure_cancels() -> None:
    rng = np.random.default_rng(2)
    structure = 1.0 + 0.05 * rng.standard_normal((100, 100))
    pulls = []
    for _ in range(30):
        first, second = (rng.poisson(5000.0 * structure).astype(float) for _ in range(2))
        first[50, 50] += 1e5
        found = measure_flat_covariance(first, 1.02 * second, reach=3)
        truth = np.zeros((4, 4))
        truth[0, 0] = 5000.0 * 1.01 * 1.01  # both are brought to the mean level, and one is 1.02 times the other
        pulls.append((found.covariance - truth) / found.error)
    pulls = np.array(pulls)[:, 1:, 1:]
    assert abs(pulls.mean()) < 4.0 / np.sqrt(pulls.size)
    assert 0.85 < pulls.std() < 1.15


def test_what_cannot_be_measured_is_refused() -> None:
    with pytest.raises(UserError, match="shapes"):
        measure_flat_covariance(np.ones((50, 50)), np.ones((50, 51)))
    with pytest.raises(Unprocessable, match="usable pixels"):
        measure_flat_covariance(np.ones((50, 50)), np.ones((50, 50)))
    with pytest.raises(Unprocessable, match="no light"):
        measure_flat_covariance(np.zeros((120, 120)), np.zeros((120, 120)))
