from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.detection import matched_filter
from uraniborg.core.errors import UserError


def _kernel(sigma: float = 2.0, size: int = 25, stretch: float = 1.0) -> np.ndarray:
    steps = np.arange(size) - size // 2
    x, y = np.meshgrid(steps, steps)
    return np.exp(-0.5 * (((x + 0.3 * y) / sigma / stretch) ** 2 + (y / sigma) ** 2))


def _slow(image: np.ndarray, variance: np.ndarray, kernel: np.ndarray, row: int, column: int) -> float:
    half = kernel.shape[0] // 2
    cut = np.s_[row - half : row + half + 1, column - half : column + half + 1]
    usable = np.isfinite(variance[cut])
    noise = np.where(usable, variance[cut], 0.0)
    return float((usable * kernel * image[cut]).sum() / np.sqrt((noise * kernel**2).sum()))


def test_noise_has_unit_variance_whatever_the_variance_plane() -> None:
    rng = np.random.default_rng(1)
    variance = (400.0 * (1.0 + np.linspace(0, 3, 600))[None, :] * np.ones((600, 1))).astype(np.float32)
    image = (rng.normal(size=variance.shape) * np.sqrt(variance)).astype(np.float32)
    image.flags.writeable = variance.flags.writeable = False
    significance = matched_filter(image, variance, _kernel())
    assert significance.std() == pytest.approx(1.0, abs=0.01)
    assert significance.mean() == pytest.approx(0.0, abs=0.02)


@pytest.mark.parametrize("stretch", [1.0, 1.3])
def test_agrees_with_the_formula_to_what_trimming_costs(stretch: float) -> None:
    rng = np.random.default_rng(2)
    kernel = _kernel(stretch=stretch)
    variance = rng.uniform(200.0, 600.0, (80, 90)).astype(np.float32)
    image = (rng.normal(size=variance.shape) * np.sqrt(variance)).astype(np.float32)
    image[28:53, 28:53] += 3000.0 * kernel / kernel.sum()
    significance = matched_filter(image, variance, kernel)
    assert significance[40, 40] == pytest.approx(_slow(image, variance, kernel, 40, 40), rel=0.02)
    exact = matched_filter(image, variance, kernel, energy=1.0)
    for row, column in ((40, 40), (30, 60), (43, 38)):
        assert exact[row, column] == pytest.approx(_slow(image, variance, kernel, row, column), abs=0.15)


def test_signal_of_a_source_is_the_expected_one() -> None:
    kernel = _kernel() / _kernel().sum()
    image = np.zeros((61, 61), np.float32)
    image[18:43, 18:43] = 1000.0 * kernel
    significance = matched_filter(image, np.full_like(image, 400.0), kernel)
    expected = 1000.0 * np.sqrt((kernel**2).sum() / 400.0)
    assert significance[30, 30] == pytest.approx(expected, rel=0.011)
    assert significance.argmax() == 30 * 61 + 30


def test_masked_pixels_do_not_count() -> None:
    rng = np.random.default_rng(3)
    variance = np.full((60, 60), 100.0, np.float32)
    image = rng.normal(0, 10, (60, 60)).astype(np.float32)
    unusable = np.zeros(image.shape, bool)
    unusable[28:31, 28:31] = True
    dirty = image.copy()
    dirty[unusable] = 1e9
    dirty[40, 40], variance[41, 40] = np.nan, np.inf
    got = matched_filter(dirty, variance, _kernel(), unusable=unusable)
    image[unusable] = 0.0
    weight = (~unusable) / 100.0
    weight[40, 40] = weight[41, 40] = 0.0
    image[40, 40] = 0.0
    slow = _slow(image, np.where(weight > 0, 100.0, np.inf), _kernel(), 27, 27)
    assert np.isfinite(got).all()
    assert got[27, 27] == pytest.approx(slow, abs=0.15)
    assert np.abs(got).max() < 6.0


def test_pixels_with_too_little_left_get_nothing() -> None:
    unusable = np.zeros((60, 60), bool)
    unusable[10:50, 10:50] = True
    image = np.full((60, 60), 50.0, np.float32)
    got = matched_filter(image, np.full_like(image, 100.0), _kernel(), unusable=unusable)
    assert got[30, 30] == 0.0
    assert got[5, 5] > 10.0


def test_shapes_are_checked() -> None:
    image = np.zeros((20, 20), np.float32)
    with pytest.raises(UserError, match="odd"):
        matched_filter(image, image, np.ones((4, 4)))
    with pytest.raises(UserError, match="shape"):
        matched_filter(image, image[:10], np.ones((5, 5)))


def test_noise_that_is_counted_in_the_variance_does_not_lower_significances() -> None:
    counted = np.random.default_rng(4).poisson(100.0, (500, 500)).astype(np.float32)
    significance = matched_filter(counted - np.float32(100.0), np.maximum(counted, 1.0), _kernel())
    assert abs(significance.mean()) < 0.05
