from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.calib.kernel import kernel_from_covariances, laplacian
from uraniborg.core.errors import UserError
from uraniborg.sim.camera.effects_charge import brighter_fatter_kernel, kernel_covariances

KERNEL = brighter_fatter_kernel(2.5e-6)
TRUTH = kernel_covariances(KERNEL)[9:18, 9:18]


def test_the_laplacian_of_a_kernel_sums_to_zero() -> None:
    np.testing.assert_allclose(laplacian(KERNEL), kernel_covariances(KERNEL), atol=1e-20)
    assert abs(laplacian(KERNEL).sum()) < 1e-18


def test_without_noise_the_kernel_comes_back() -> None:
    fit = kernel_from_covariances(TRUTH, np.full(TRUTH.shape, 1e-9))
    np.testing.assert_allclose(fit.kernel, KERNEL, atol=1e-6 * KERNEL.max())


def test_errors_of_the_kernel_are_those_of_its_scatter() -> None:
    error = np.full(TRUTH.shape, 2e-8)
    error[0, 0] *= 1.4
    pulls = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        fit = kernel_from_covariances(TRUTH + error * rng.standard_normal(error.shape), error)
        pulls.append(((fit.kernel - KERNEL) / fit.error)[8:, 8:])
        assert abs(fit.surplus) < 5.0 * fit.surplus_error
    pulls = np.array(pulls)
    assert np.all(np.abs(pulls.mean(axis=0)) < 4.5 / np.sqrt(60))
    assert 0.9 < pulls.std() < 1.1


def test_missing_errors_are_refused() -> None:
    with pytest.raises(UserError, match="positive and finite"):
        kernel_from_covariances(TRUTH, np.full(TRUTH.shape, np.inf))
    with pytest.raises(UserError, match="must be"):
        kernel_from_covariances(TRUTH, np.ones((3, 3)))
