from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.calib.noise import clipped_moments, measure_read_noise
from uraniborg.core.errors import Unprocessable


def test_clipping_leaves_a_normal_distribution_alone_and_takes_outliers_out() -> None:
    rng = np.random.default_rng(1)
    values = rng.normal(7.0, 3.0, 200_000)
    mean, sigma, number = clipped_moments(np.append(values, [1e6, -1e5, np.nan]))
    assert mean == pytest.approx(7.0, abs=4 * 3 / np.sqrt(values.size))
    assert sigma == pytest.approx(3.0, rel=4 / np.sqrt(2 * values.size))
    assert abs(number - values.size) < 20


def test_read_noise_and_its_error_against_truth() -> None:
    pulls = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        pattern = rng.normal(0.0, 2.0, (60, 50))
        frames = [
            np.rint(1000 + pattern + rng.normal(0, 3.0, (60, 1)) + rng.normal(0.0, 4.4, pattern.shape))
            for _ in range(5)
        ]
        frames[2][10, 10] += 5000.0
        found = measure_read_noise(frames)
        pulls.append((found.sigma - 4.4) / found.error)
    assert abs(np.mean(pulls)) < 4.0 / np.sqrt(len(pulls))
    assert 0.7 < np.std(pulls) < 1.3


def test_two_frames_are_needed() -> None:
    with pytest.raises(Unprocessable, match="two frames"):
        measure_read_noise([np.zeros((5, 5))])
    with pytest.raises(Unprocessable, match="not enough"):
        clipped_moments(np.array([np.nan]))
