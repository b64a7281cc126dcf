from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.background import estimate_background, estimate_deep_background
from uraniborg.core.errors import Unprocessable


def _field(density: float, *, side: int = 1400, seed: int = 3) -> tuple[np.ndarray, float]:
    """Return a counted sky of 900 electrons with stars below the detection limit, and their mean light."""
    rng = np.random.default_rng(seed)
    light = np.zeros((side, side))
    n = round(density * side**2)
    flux = 240.0 * 10.0 ** (0.4 * rng.uniform(0.0, 0.8, n))  # 1.2 to 2.6 times the error of a point-source flux
    steps = np.arange(-7, 8)
    profile = np.exp(-0.5 * np.add.outer(steps**2, steps**2) / 1.8**2)
    profile /= profile.sum()
    x, y = rng.integers(8, side - 8, (2, n))
    np.add.at(
        light,
        (y[:, None, None] + steps[:, None], x[:, None, None] + steps[None, :]),
        flux[:, None, None] * profile,
    )
    image = rng.poisson(900.0 + light).astype(np.float32)
    return image, float(light.mean())


def test_undetected_stars_move_the_sky_less_than_a_hundredth_of_the_noise() -> None:
    for density in (2e-4, 2e-3):
        image, faint = _field(density)
        sky = estimate_deep_background(image, unusable=np.zeros(image.shape, bool))
        bias = float(sky.values.mean()) - 900.0
        assert abs(bias) / 30.0 < 0.01
        assert bias + sky.unresolved == pytest.approx(faint, abs=0.12)
    assert faint / 30.0 > 0.02  # what a plain mean would be off by
    plain = estimate_background(image)
    assert abs(bias) < 0.5 * abs(float(plain.values.mean()) - 900.0)


def test_errors_and_noise_are_those_of_pixels() -> None:
    image = np.random.default_rng(1).normal(900.0, 30.0, (1280, 1283)).astype(np.float32)
    sky = estimate_deep_background(image, unusable=np.zeros(image.shape, bool))
    assert np.mean(sky.rms) == pytest.approx(30.0, rel=0.01)
    # The median filter between cells and what neighbouring cells share make the scatter less than the error.
    assert 0.6 < np.sqrt(np.mean(((sky.values - 900.0) / sky.errors) ** 2)) < 1.1
    assert sky.counts.sum() == pytest.approx(image.size, rel=0.02)
    assert sky.shape == image.shape


def test_gradients_and_places_are_those_of_the_image() -> None:
    y, x = np.mgrid[:900, :1022]
    truth = 1000.0 + 0.05 * x + 0.02 * y
    image = (truth + np.random.default_rng(2).normal(0.0, 10.0, truth.shape)).astype(np.float32)
    image[200:220, 300:330] = np.nan
    masked = np.zeros(image.shape, bool)
    masked[500:560, 500:560] = True
    image[masked] += 5000.0
    difference = estimate_deep_background(image, unusable=masked).evaluate() - truth
    assert abs(difference.mean()) < 0.1
    assert np.abs(difference).max() < 1.5


def test_small_images_are_not_binned() -> None:
    image = np.random.default_rng(1).normal(900.0, 30.0, (200, 300)).astype(np.float32)
    none = np.zeros(image.shape, bool)
    np.testing.assert_array_equal(
        estimate_deep_background(image, unusable=none).values, estimate_background(image, unusable=none).values
    )


def test_nothing_usable_is_an_error() -> None:
    with pytest.raises(Unprocessable, match="usable pixels"):
        estimate_deep_background(np.zeros((400, 400), np.float32), unusable=np.ones((400, 400), bool))
