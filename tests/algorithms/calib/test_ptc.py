from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.calib.covariance import FlatCovariance, measure_flat_covariance
from uraniborg.algorithms.calib.ptc import (
    covariance_model,
    find_turnoff,
    fit_photon_transfer,
    share_coefficients,
)
from uraniborg.core.errors import Unprocessable
from uraniborg.sim.camera.effects_charge import brighter_fatter, brighter_fatter_kernel, kernel_covariances

GAIN, NOISE = 1.6, 7.0
LEVELS = np.array([600.0, 1200, 3000, 6000, 12000, 18000, 25000, 32000, 40000, 50000])


def _truth(reach: int) -> np.ndarray:
    whole = kernel_covariances(brighter_fatter_kernel(2.5e-6))
    middle = whole.shape[0] // 2
    return whole[middle : middle + reach + 1, middle : middle + reach + 1]


def _pairs(rng: np.random.Generator, a: np.ndarray, b: np.ndarray, n_pixels: float) -> list[FlatCovariance]:
    noise = np.zeros_like(a)
    noise[0, 0] = NOISE**2
    clean = covariance_model(LEVELS, gain=GAIN, a=a, b=b, noise=noise)
    pairs = []
    for level, covariance in zip(LEVELS, clean, strict=True):
        error = np.full_like(covariance, covariance[0, 0] / np.sqrt(n_pixels))
        error[0, 0] *= np.sqrt(2.0)
        drawn = covariance + error * rng.standard_normal(error.shape)
        pairs.append(FlatCovariance(float(level), level, level, drawn, error, int(n_pixels)))
    return pairs


def test_the_model_is_the_series_of_the_paper() -> None:
    a = np.array([[-2e-6, 4e-7], [3e-7, 1e-7]])
    b = np.array([[1e-6, -5e-7], [2e-7, 0.0]])
    whole = np.zeros((5, 5))
    whole_ab = np.zeros((5, 5))
    for y in range(-1, 2):
        for x in range(-1, 2):
            whole[2 + y, 2 + x] = a[abs(y), abs(x)]
            whole_ab[2 + y, 2 + x] = (a * b)[abs(y), abs(x)]
    aa = sum(whole[j, i] * whole[4 - j, 4 - i] for j in range(5) for i in range(5))
    level = 30000.0
    charge = level * GAIN
    found = covariance_model(np.array([level]), gain=GAIN, a=a, b=b, noise=np.zeros((2, 2)))[0, 0, 0]
    first = 1.0 + a[0, 0] * charge + 2.0 / 3.0 * (aa + whole_ab[2, 2]) * charge**2
    assert found == pytest.approx(level / GAIN * first, rel=2e-4)


def test_gain_noise_and_coefficients_scatter_about_truth_as_their_errors_say() -> None:
    a = _truth(3)
    b = np.zeros_like(a)
    b[0, 0] = 2e-6
    pulls = []
    for seed in range(40):
        pairs = _pairs(np.random.default_rng(seed), a, b, 1e6)
        fit = fit_photon_transfer(pairs, read_noise=NOISE / GAIN, read_noise_error=0.004)
        pulls.append(
            [
                (fit.gain - GAIN) / fit.gain_error,
                (fit.a[0, 0] - a[0, 0]) / fit.a_error[0, 0],
                (fit.a[1, 0] - a[1, 0]) / fit.a_error[1, 0],
                (fit.b[0, 0] - b[0, 0]) / fit.b_error[0, 0],
            ]
        )
        assert abs(fit.noise - NOISE) < 0.01 * NOISE
        assert 0.6 < fit.chi2 / fit.n_free < 1.5
    means, spreads = np.mean(pulls, axis=0), np.std(pulls, axis=0)
    assert np.all(np.abs(means) < 4.0 / np.sqrt(len(pulls)))
    assert np.all((spreads > 0.65) & (spreads < 1.4))


def test_sharing_the_coefficients_makes_the_gain_better() -> None:
    a, b = _truth(3), np.zeros((4, 4))
    fits = [
        fit_photon_transfer(
            _pairs(np.random.default_rng(seed), a, b, 2e5), read_noise=NOISE / GAIN, read_noise_error=0.004
        )
        for seed in range(16)
    ]
    shared_a, a_error, shared_b, _ = share_coefficients(fits)
    assert abs(shared_a[0, 0] - a[0, 0]) < 4.0 * a_error[0, 0]
    again = [
        fit_photon_transfer(
            _pairs(np.random.default_rng(seed), a, b, 2e5),
            read_noise=NOISE / GAIN,
            read_noise_error=0.004,
            a=shared_a,
            b=shared_b,
        )
        for seed in range(16)
    ]
    before = np.std([fit.gain for fit in fits])
    after = np.array([fit.gain for fit in again])
    assert after.std() < 0.6 * before
    assert abs(after.mean() / GAIN - 1.0) < 4.0 * before / GAIN / np.sqrt(len(fits))


def test_flats_with_a_brighter_fatter_effect_give_gain_and_kernel_coefficients() -> None:
    rng = np.random.default_rng(7)
    kernel = brighter_fatter_kernel(2.5e-6)
    pairs = []
    for level in (1e3, 5e3, 15e3, 30e3, 45e3, 60e3):
        frames = [
            (brighter_fatter(rng.poisson(level, (400, 400)).astype(float), kernel) + rng.normal(0, NOISE, (400, 400)))
            / GAIN
            for _ in range(2)
        ]
        pairs.append(measure_flat_covariance(*frames, reach=4))
    fit = fit_photon_transfer(pairs, read_noise=NOISE / GAIN, read_noise_error=0.01)
    a = _truth(4)
    assert abs(fit.gain - GAIN) < 4.0 * fit.gain_error
    assert fit.gain_error < 0.004 * GAIN
    pulls = (fit.a - a) / fit.a_error
    assert np.abs(pulls).max() < 4.5
    assert fit.a[0, 0] < -5.0 * fit.a_error[0, 0]


def test_the_turnoff_lies_where_pixels_fill_up() -> None:
    rng = np.random.default_rng(3)
    full = 80000.0
    signal = np.array([1e3, 1e4, 3e4, 5e4, 7e4, 7.4e4, 7.7e4, 7.9e4, 8.05e4, 8.3e4, 9e4])
    levels, variances = [], []
    for value in signal:
        frame = np.minimum(rng.poisson(value, 40000), full)
        levels.append(frame.mean())
        variances.append(frame.var())
    turnoff, error = find_turnoff(np.array(levels), np.array(variances))
    assert turnoff == pytest.approx(full, rel=0.02)
    assert 0.0 < error < 1500.0
    assert np.isnan(find_turnoff(np.array(levels[:5]), np.array(variances[:5]))[0])


def test_too_few_levels_are_refused() -> None:
    pairs = _pairs(np.random.default_rng(1), _truth(1), np.zeros((2, 2)), 1e5)[:3]
    with pytest.raises(Unprocessable, match="at least 4"):
        fit_photon_transfer(pairs, read_noise=4.0, read_noise_error=0.01)
