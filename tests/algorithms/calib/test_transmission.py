from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.calib.transmission import measure_transmission
from uraniborg.core.errors import UserError


def _measure(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    wavelength = np.repeat(np.arange(500.0, 700.0, 5.0), 2)
    truth = np.exp(-0.5 * ((wavelength - 600.0) / 25.0) ** 4) + 1e-3 * (np.abs(wavelength - 515.0) < 3.0)
    monitor = 1e6 * rng.uniform(0.5, 2.0, wavelength.size)
    signal = 0.02 * monitor * truth * np.array([[1.0], [0.98]])
    error = np.full(signal.shape, 3.0)
    curve = measure_transmission(
        wavelength,
        signal + error * rng.standard_normal(signal.shape),
        error,
        monitor * (1.0 + 1e-3 * rng.standard_normal(monitor.size)),
        1e-3 * monitor,
    )
    return curve, truth[::2]


def test_the_curve_scatters_about_truth_as_its_errors_say() -> None:
    pulls = []
    for seed in range(20):
        curve, truth = _measure(seed)
        expected = truth * np.array([[1.0], [0.98]])
        scale = np.sum(curve.throughput * expected / curve.error**2) / np.sum(expected**2 / curve.error**2)
        pulls.append((curve.throughput - scale * expected) / curve.error)
    pulls = np.array(pulls)
    assert abs(pulls.std() - 1.0) < 0.15
    assert curve.effective == pytest.approx([600.0, 600.0], abs=0.2)
    assert np.all((curve.leak > 5e-4) & (curve.leak < 2e-3))
    assert curve.at(np.array([400.0, 600.0]))[0] == 0.0
    assert curve.at(np.array([600.0]))[0] == pytest.approx(1.0, abs=0.01)


def test_a_dark_monitor_is_refused() -> None:
    with pytest.raises(UserError, match="no light"):
        measure_transmission(np.arange(4.0), np.ones((1, 4)), np.ones((1, 4)), np.zeros(4), np.ones(4))
    with pytest.raises(UserError, match="fit together"):
        measure_transmission(np.arange(4.0), np.ones((1, 3)), np.ones((1, 3)), np.ones(4), np.ones(4))
