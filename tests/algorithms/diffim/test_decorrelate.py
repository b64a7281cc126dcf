"""The test of DMTN-021: two images of pure noise of sigma 0.2, one convolved and subtracted from the other."""

import numpy as np
import pytest

from uraniborg.algorithms.diffim.convolve import convolve
from uraniborg.algorithms.diffim.decorrelate import decorrelation_kernel, full_convolution, noise_spectrum


def gaussian(sigma: float, half: int, total: float = 1.0) -> np.ndarray:
    offsets = np.arange(-half, half + 1.0)
    image = np.exp(-0.5 * (offsets[:, None] ** 2 + offsets**2) / sigma**2)
    return total * image / image.sum()


def neighbour_correlation(image: np.ndarray, reach: int = 4) -> tuple[float, float]:
    """Return the sum of correlation coefficients with all neighbours, and its noise for white pixels."""
    centred = image - image.mean()
    power = np.abs(np.fft.fft2(centred)) ** 2
    correlation = np.fft.ifft2(power).real
    correlation /= correlation[0, 0]
    lags = [(j, i) for j in range(-reach, reach + 1) for i in range(-reach, reach + 1) if (j, i) != (0, 0)]
    return float(sum(correlation[lag] for lag in lags)), float(np.sqrt(2 * len(lags) / image.size))


@pytest.mark.parametrize("ratio", [1.0, 1.7])
def test_noise_becomes_white(ratio: float) -> None:
    rng = np.random.default_rng(21)
    first, second = rng.normal(scale=0.2, size=(2, 600, 600))
    kernel = gaussian(2.2, 10, ratio)
    raw = (first - convolve(second, kernel))[40:-40, 40:-40]
    psi = decorrelation_kernel(kernel, 0.04, 0.04)
    white = convolve(first - convolve(second, kernel), psi)[40:-40, 40:-40]
    expected = 0.04 + ratio**2 * 0.04
    assert white.var() == pytest.approx(expected, rel=0.01)
    correlated, _ = neighbour_correlation(raw)
    remaining, noise = neighbour_correlation(white)
    assert correlated > 0.5
    assert abs(remaining) < 0.05 + 3 * noise


def test_flux_is_kept() -> None:
    psi = decorrelation_kernel(gaussian(1.5, 8, 0.8), 1.0, 0.5)
    assert psi.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(psi, psi[::-1, ::-1], atol=1e-12)


def test_nothing_to_do_without_noise_in_the_template() -> None:
    psi = decorrelation_kernel(gaussian(1.5, 8), 1.0, 0.0)
    expected = np.zeros_like(psi)
    expected[16, 16] = 1.0
    np.testing.assert_allclose(psi, expected, atol=1e-12)


def test_full_convolution_of_gaussians_adds_variances() -> None:
    found = full_convolution(gaussian(1.5, 12), gaussian(2.0, 12))
    assert found.shape == (49, 49)
    np.testing.assert_allclose(found, gaussian(2.5, 24), atol=2e-6)


def test_noise_spectrum_keeps_the_variance_of_pixels_and_has_the_factor_at_zero() -> None:
    for factor in (1.0, 1.3, 2.5):
        half = noise_spectrum(64, factor)
        whole = np.concatenate([half, half[:, 31:0:-1]], axis=1)
        assert whole.shape == (64, 64)
        assert whole.mean() == pytest.approx(1.0, rel=1e-3)
        assert half[0, 0] == pytest.approx(factor)


def test_correlated_noise_of_the_target_is_whitened() -> None:
    rng = np.random.default_rng(5)
    smooth = gaussian(0.45, 4)
    target = convolve(rng.normal(size=(500, 500)), smooth)
    factor = 1.0 / (smooth**2).sum()
    kernel = gaussian(1.0, 6)
    raw = target - convolve(rng.normal(scale=0.5, size=(500, 500)), kernel)
    psi = decorrelation_kernel(kernel, 1.0 / factor, 0.25, noise_factors=(factor, 1.0))
    white = convolve(raw, psi)[30:-30, 30:-30]
    remaining, noise = neighbour_correlation(white)
    before, _ = neighbour_correlation(raw[30:-30, 30:-30])
    assert before > 0.5
    assert abs(remaining) < 0.1 + 3 * noise
    assert white.var() == pytest.approx(1.0 + 0.25, rel=0.05)
