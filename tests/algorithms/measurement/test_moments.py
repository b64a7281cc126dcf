from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.measurement import adaptive_moments


def _gaussian(xx: float, yy: float, xy: float, *, dx: float = 0.0, dy: float = 0.0, size: int = 41) -> np.ndarray:
    steps = np.arange(size) - size // 2
    x, y = np.meshgrid(steps - dx, steps - dy)
    det = xx * yy - xy * xy
    rho = (yy * x * x + xx * y * y - 2.0 * xy * x * y) / det
    return np.exp(-0.5 * rho) / (2.0 * np.pi * np.sqrt(det))


@pytest.mark.parametrize("shape", [(3.0, 3.0, 0.0), (4.0, 2.5, 0.7), (9.0, 5.0, -3.0)])
def test_moments_of_a_gaussian_are_its_own(shape: tuple[float, float, float]) -> None:
    found = adaptive_moments(1000.0 * _gaussian(*shape, dx=0.3, dy=-0.4)[None], sigma=1.5)
    assert found.converged.all()
    np.testing.assert_allclose([found.xx[0], found.yy[0], found.xy[0]], shape, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose([found.x[0], found.y[0], found.flux[0]], [0.3, -0.4, 1000.0], rtol=2e-3, atol=1e-3)


def test_errors_are_those_of_the_scatter() -> None:
    rng = np.random.default_rng(1)
    truth = (4.0, 3.0, 0.5)
    clean = 3e4 * _gaussian(*truth)
    variance = np.full((400, 41, 41), 400.0)
    found = adaptive_moments(clean + rng.normal(0, 20.0, variance.shape), variance, sigma=1.7)
    assert found.converged.all()
    for name, wanted in zip(("xx", "yy", "xy"), truth, strict=True):
        pull = (getattr(found, name) - wanted) / getattr(found, f"{name}_err")
        assert pull.std() == pytest.approx(1.0, abs=0.11)
        assert abs(pull.mean()) < 0.2


def test_fixed_centre_stays() -> None:
    found = adaptive_moments(_gaussian(3.0, 3.0, 0.0, dx=0.5)[None], recenter=False, offset=(0.5, 0.0))
    assert (found.x[0], found.y[0]) == (0.5, 0.0)
    assert found.xx[0] == pytest.approx(3.0, rel=1e-3)


def test_pixels_without_variance_are_left_out() -> None:
    image = _gaussian(3.0, 3.0, 0.0)
    image[20, 30] = 1e3
    variance = np.ones(image.shape)
    variance[20, 30] = 0.0
    found = adaptive_moments(image[None], variance[None])
    assert found.xx[0] == pytest.approx(3.0, rel=0.01)


def test_what_is_no_object_does_not_converge() -> None:
    hole = -_gaussian(3.0, 3.0, 0.0)
    elsewhere = _gaussian(3.0, 3.0, 0.0, dx=12.0)
    found = adaptive_moments(np.stack([hole, np.zeros_like(hole), elsewhere]))
    assert not found.converged.any()
    assert np.isnan(found.xx).all()
