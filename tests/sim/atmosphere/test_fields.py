from __future__ import annotations

import numpy as np
import pytest

from uraniborg.sim.atmosphere.fields import make_random_field, von_karman_correlation


def test_covariance_is_von_karmans() -> None:
    rng = np.random.default_rng(3)
    x = np.array([0.0, 0.5, 2.0, 8.0, 25.0])
    values = np.array([make_random_field(rng, scatter=0.3, scale=8.0)(x, np.zeros(5)) for _ in range(3000)])
    products = values[:, :1] * values / 0.09
    error = products.std(axis=0) / np.sqrt(3000)
    assert np.all(np.abs(products.mean(axis=0) - von_karman_correlation(x, scale=8.0)) < 4.0 * error)
    assert values.mean() == pytest.approx(0.0, abs=4.0 * 0.3 / np.sqrt(3000))
    kurtosis = np.mean(values[:, 0] ** 4) / np.mean(values[:, 0] ** 2) ** 2
    assert kurtosis == pytest.approx(3.0, abs=4.0 * np.sqrt(24.0 / 3000))


def test_small_distances_have_kolmogorovs_slope() -> None:
    near = 1.0 - von_karman_correlation(np.array([1e-5, 2e-5]), scale=1.0)
    assert np.log2(near[1] / near[0]) == pytest.approx(5.0 / 3.0, abs=0.03)
    assert von_karman_correlation(0.0, scale=1.0) == 1.0


def test_a_field_is_smooth_and_keeps_its_shape() -> None:
    field = make_random_field(np.random.default_rng(1), scatter=1.0, scale=5.0)
    y, x = np.indices((70, 80), dtype=float)
    image = field(x, y)
    assert image.shape == (70, 80)
    assert image[33, 44] == pytest.approx(float(field(44.0, 33.0)))
    assert np.abs(field(1.0, 1.0) - field(1.0001, 1.0)) < 1e-2
