from __future__ import annotations

import math

import numpy as np
import pytest

from uraniborg.algorithms.measurement import circle_overlap
from uraniborg.algorithms.measurement.aperture import sum_apertures


def _by_counting(x: float, y: float, radius: float, n: int = 1000) -> float:
    """Return the overlap from n x n points in the pixel."""
    step = (np.arange(n) + 0.5) / n - 0.5
    return float(np.mean(np.add.outer((y + step) ** 2, (x + step) ** 2) < radius**2))


@pytest.mark.parametrize("radius", [0.3, 0.6, 1.0, 2.7, 9.0])
def test_overlap_is_the_area_inside(radius: float) -> None:
    rng = np.random.default_rng(int(10 * radius))
    reach = radius + 1.0
    for x, y in rng.uniform(-reach, reach, (25, 2)):
        assert circle_overlap(x, y, radius) == pytest.approx(_by_counting(x, y, radius), abs=2e-3)


def test_overlaps_sum_to_the_area_of_the_circle() -> None:
    for radius, dx, dy in ((0.4, 0.1, 0.2), (3.0, 0.0, 0.0), (6.2, 0.37, -0.49), (25.0, 0.5, 0.25)):
        reach = int(radius) + 2
        steps = np.arange(-reach, reach + 1)
        total = sum(circle_overlap(x - dx, y - dy, radius) for x in steps for y in steps)
        assert total == pytest.approx(math.pi * radius**2, rel=1e-12)


def test_sum_of_a_constant_and_its_noise() -> None:
    image, variance = np.full((41, 41), 2.0), np.full((41, 41), 9.0)
    radii, flux, noise = np.array([3.0, 12.0]), np.empty(2), np.empty(2)
    sum_apertures(image, variance, 20.3, 19.8, radii, flux, noise)
    np.testing.assert_allclose(flux, 2.0 * math.pi * radii**2, rtol=2e-4)
    assert 0.95 * 9.0 * math.pi * 144.0 < noise[1] < 9.0 * math.pi * 144.0  # border pixels count by their square


@pytest.mark.parametrize("place", [(20.3, 19.8), (20.0, 20.0), (18.51, 21.49), (12.2, 30.0)])
def test_running_sums_agree_with_every_pixel_for_itself(place: tuple[float, float]) -> None:
    rng = np.random.default_rng(3)
    image, variance = rng.normal(size=(51, 51)), rng.uniform(1.0, 2.0, (51, 51))
    radii, flux, noise = np.array([0.4, 1.5, 6.0, 9.3, 12.0]), np.empty(5), np.empty(5)
    sum_apertures(image, variance, *place, radii, flux, noise)
    for k, radius in enumerate(radii):
        part = np.array([[circle_overlap(i - place[0], j - place[1], radius) for i in range(51)] for j in range(51)])
        exact = radius < 8.0
        assert flux[k] == pytest.approx((part * image).sum(), abs=1e-11 if exact else 0.05 * radius)
        assert noise[k] == pytest.approx((part**2 * variance).sum(), rel=1e-12 if exact else 0.003)
