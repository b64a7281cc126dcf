from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from uraniborg.algorithms.warp.pixel_map import cubic_weights, sample_pixel_map
from uraniborg.core.errors import AlgorithmError


def distorted(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rotation, scale and a radial distortion as strong as DECam's at the edge of its field (1 % at 15000 pixels)."""
    r2 = (x - 14000.0) ** 2 + (y - 3000.0) ** 2
    factor = 1.02 * (1 + 0.01 * r2 / 15000.0**2)
    return factor * (0.8 * x - 0.6 * y) + 5.0, factor * (0.6 * x + 0.8 * y) - 7.0


def test_cubic_weights_reproduce_cubics() -> None:
    t = np.linspace(0, 1, 11)
    nodes = np.arange(-1.0, 3.0)
    for power in range(4):
        np.testing.assert_allclose(cubic_weights(t) @ nodes**power, t**power, atol=1e-14)


def test_interpolation_error_is_below_a_thousandth_of_a_pixel() -> None:
    pixel_map = sample_pixel_map(distorted, (900, 1300))
    rng = np.random.default_rng(5)
    x, y = rng.uniform(0, 1299, 5000), rng.uniform(0, 899, 5000)
    found, exact = pixel_map.evaluate(x, y), distorted(x, y)
    error = np.hypot(found[0] - exact[0], found[1] - exact[1]).max()
    assert error < 1e-3
    assert error < max(2 * pixel_map.max_error, 1e-9)


def test_area_is_the_determinant_of_the_jacobian() -> None:
    pixel_map = sample_pixel_map(distorted, (300, 200))
    node = (np.arange(pixel_map.x.shape[1]) - 1.0) * pixel_map.spacing, np.full(pixel_map.x.shape[1], 64.0)
    step = 0.5
    right, left = distorted(node[0] + step, node[1]), distorted(node[0] - step, node[1])
    up, down = distorted(node[0], node[1] + step), distorted(node[0], node[1] - step)
    exact = (right[0] - left[0]) * (up[1] - down[1]) - (right[1] - left[1]) * (up[0] - down[0])
    np.testing.assert_allclose(pixel_map.area[3], np.abs(exact), rtol=1e-6)


def test_nodes_get_closer_where_the_map_bends() -> None:
    def wavy(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return x + np.sin(x / 20.0), y

    pixel_map = sample_pixel_map(wavy, (50, 200))
    assert pixel_map.spacing < 32
    assert pixel_map.max_error <= 1e-3
    x = np.linspace(0, 199, 1000)
    np.testing.assert_allclose(pixel_map.evaluate(x, np.full(1000, 20.0))[0], x + np.sin(x / 20.0), atol=2e-3)


def test_rough_map_is_refused_with_numbers() -> None:
    def rough(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return x + 3 * np.sin(x * 2.0), y

    with pytest.raises(AlgorithmError, match="not smooth") as caught:
        sample_pixel_map(rough, (40, 40))
    assert caught.value.metadata["error_pixel"] > 1e-3


def test_map_that_is_not_finite_is_refused() -> None:
    with pytest.raises(AlgorithmError, match="not smooth"):
        sample_pixel_map(lambda x, y: (np.where(x > 50, np.nan, x), y), (40, 100))
