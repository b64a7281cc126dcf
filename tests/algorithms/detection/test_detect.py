from __future__ import annotations

import math

import numpy as np
import pytest

from uraniborg.algorithms.detection import detect_sources, expected_false_detections
from uraniborg.testing.fields import simulate_field, true_psf


def _gaussian(sigma: float, size: int = 21) -> np.ndarray:
    line = np.exp(-0.5 * ((np.arange(size) - size // 2) / sigma) ** 2)
    return np.outer(line, line) / np.outer(line, line).sum()


@pytest.mark.parametrize("sigma", [1.4, 2.0])
def test_false_alarms_are_as_many_as_the_theory_of_random_fields_says(sigma: float) -> None:
    nu, n_pixels = 4.0, 0
    found = 0
    variance = np.full((1024, 1024), 400.0, np.float32)
    for seed in range(100, 110):
        noise = np.random.default_rng(seed).normal(0, 20, variance.shape).astype(np.float32)
        peaks = detect_sources(noise, variance, _gaussian(sigma), threshold=nu, polarity="both", prominence=0.0)
        found += peaks.peak_x.size
        n_pixels += noise.size
    density = nu * math.exp(-0.5 * nu**2) / (2**2.5 * math.pi**1.5)
    expected = 2 * density * n_pixels / sigma**2
    assert expected > 150
    assert found == pytest.approx(expected, rel=0.2)  # three standard deviations
    assert 2 * expected_false_detections(_gaussian(sigma), nu, n_pixels) == pytest.approx(expected, rel=0.03)


def test_half_of_the_sources_at_the_threshold_are_found() -> None:
    sigma, shape, flux_error = 2.0, (1000, 1000), 20.0 * math.sqrt(4 * math.pi * 2.0**2)
    rng = np.random.default_rng(7)
    image = rng.normal(0, 20, shape).astype(np.float32)
    column, row = (values.ravel() for values in np.meshgrid(np.arange(25, 1000, 40), np.arange(25, 1000, 40)))
    for x, y in zip(column, row, strict=True):
        image[y - 10 : y + 11, x - 10 : x + 11] += (5.0 * flux_error * _gaussian(sigma)).astype(np.float32)
    found = detect_sources(image, np.full(shape, 400.0, np.float32), _gaussian(sigma), threshold=5.0)
    near = (np.abs(found.peak_x[:, None] - column) <= 3) & (np.abs(found.peak_y[:, None] - row) <= 3)
    completeness = near.any(axis=0).mean()
    # The top near the true place is above the value at it: nu^2 + 2 on average, for two free coordinates.
    assert completeness == pytest.approx(0.5 * (1.0 + math.erf((math.sqrt(27.0) - 5.0) / math.sqrt(2.0))), abs=0.06)


def test_stars_of_a_field_are_found_where_they_are() -> None:
    field = simulate_field((400, 400), n_stars=40, isolated=True, flux_range=(3e3, 1e5), seed=3)
    kernel = true_psf(field).evaluate(200, 200)[0]
    found = detect_sources(field.flat, field.variance, kernel, grow=4.0)
    distance = np.hypot(found.peak_x[:, None] - field.x, found.peak_y[:, None] - field.y)
    assert (distance.min(axis=0) < 1.5).all()
    assert found.peak_x.size == 40
    column, row = np.round(field.x).astype(int), np.round(field.y).astype(int)
    assert found.mask()[row, column].all()
    assert 0.02 < found.mask().mean() < 0.2


def test_close_pairs_are_one_footprint_with_two_peaks() -> None:
    kernel = _gaussian(1.7)
    image = np.zeros((60, 60), np.float32)
    image[20:41, 18:39] += 2e4 * kernel
    image[20:41, 26:47] += 1e4 * kernel
    noise = np.random.default_rng(1).normal(0, 20, image.shape)
    found = detect_sources(image + noise, np.full(image.shape, 400.0), kernel)
    assert len(found) == 1
    assert found.peak_x.tolist() == [28, 36]
    assert found.peak_value[0] > found.peak_value[1]


def test_negative_sources_have_negative_significance() -> None:
    kernel = _gaussian(1.7)
    image = np.zeros((80, 80), np.float32)
    image[10:31, 10:31] += 1e4 * kernel
    image[45:66, 45:66] -= 1e4 * kernel
    variance = np.full(image.shape, 400.0)
    both = detect_sources(image, variance, kernel, polarity="both")
    assert both.sign.tolist() == [1, -1]
    assert both.peak_value[1] == pytest.approx(-both.peak_value[0], rel=1e-6)
    assert len(detect_sources(image, variance, kernel)) == 1
    assert detect_sources(image, variance, kernel, polarity="negative").sign.tolist() == [-1]


def test_growing_adds_a_rim_and_unites() -> None:
    kernel = _gaussian(1.5)
    image = np.zeros((60, 60), np.float32)
    image[20:41, 10:31] += 5e3 * kernel
    image[20:41, 26:47] += 5e3 * kernel
    variance = np.full(image.shape, 400.0)
    plain, grown = (detect_sources(image, variance, kernel, grow=grow) for grow in (0.0, 6.0))
    assert (len(plain), len(grown)) == (2, 1)
    assert grown.peak_x.tolist() == plain.peak_x.tolist()
    assert (grown.mask() & ~plain.mask()).any()
    y, x = np.nonzero(grown.mask())
    y0, x0 = np.nonzero(plain.mask())
    assert np.sqrt(((x[:, None] - x0) ** 2 + (y[:, None] - y0) ** 2).min(axis=1)).max() <= 6.0


def test_empty_image_has_no_footprints() -> None:
    found = detect_sources(np.zeros((50, 50), np.float32), np.ones((50, 50), np.float32), _gaussian(2.0))
    assert len(found) == found.peak_x.size == found.span_y.size == 0
    assert not found.mask().any()
