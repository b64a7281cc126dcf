from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.calib.linearity import fit_linearity
from uraniborg.core.errors import Unprocessable
from uraniborg.sim.camera.effects_electronics import bend

FULL, RATE = 80000.0, 1250.0


def _ramp(loss: float, *, errors: float = 0.2, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    times = np.repeat(np.array([0.8, 1.6, 4, 8, 12, 16, 24, 32, 40, 48, 54, 58.0]), 2)
    clean = bend(RATE * times, loss=loss, full_scale=FULL)
    return clean + errors * np.random.default_rng(seed).standard_normal(times.size), times


@pytest.mark.parametrize("loss", [-0.012, 0.0, 0.004, 0.015])
def test_levels_are_linear_to_a_thousandth_up_to_nine_tenths_of_the_full_well(loss: float) -> None:
    levels, times = _ramp(loss)
    fit = fit_linearity(levels, times, errors=np.full(levels.size, 0.2))
    truth = np.linspace(500.0, 0.9 * FULL, 200)
    corrected = fit.correct(bend(truth, loss=loss, full_scale=FULL))
    assert np.abs(corrected / truth - 1.0).max() < 5e-4
    assert fit.rate == pytest.approx(RATE, rel=3e-4)
    assert np.nanmax(np.abs(fit.residuals)) < 1e-3
    assert fit.coefficient == pytest.approx(loss / FULL, abs=2e-4 / FULL + 0.05 * abs(loss) / FULL)


def test_pixels_above_the_highest_level_are_made_linear_too() -> None:
    levels, times = _ramp(0.01)
    fit = fit_linearity(levels, times)
    assert fit.nodes[-1] > 1.05 * levels.max()
    truth = np.linspace(1.0, 1.05, 20) * RATE * times.max()
    slope = np.gradient(fit.correct(bend(truth, loss=0.01, full_scale=FULL)), truth)
    assert np.abs(slope - 1.0).max() < 3e-3  # without the table's end beyond the levels it is 2 %


def test_an_answer_with_a_wave_needs_the_spline() -> None:
    times = np.linspace(1.0, 60.0, 40)
    signal = RATE * times
    levels = signal * (1.0 + 0.003 * np.sin(signal / FULL * 2.0 * np.pi) ** 2)
    fit = fit_linearity(levels, times, knots=8)
    assert np.nanmax(np.abs(fit.residuals)) < 4e-4
    assert np.nanmax(np.abs(fit.quadratic_residuals)) > 1.5e-3


def test_full_pixels_do_not_enter() -> None:
    levels, times = _ramp(0.01)
    levels = np.append(levels, [60000.0, 60000.0])
    times = np.append(times, [70.0, 90.0])
    fit = fit_linearity(np.minimum(levels, 70000.0), times, highest=59000.0)
    assert not fit.used[-2:].any()
    truth = np.linspace(500.0, 45000.0, 50)
    corrected = fit.correct(bend(truth, loss=0.01, full_scale=FULL))
    assert np.abs(corrected / truth - 1.0).max() < 5e-4
    assert fit.correct(np.array([-50.0]))[0] == -50.0


def test_few_exposure_times_are_refused() -> None:
    with pytest.raises(Unprocessable, match="at least 5"):
        fit_linearity(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0]))
