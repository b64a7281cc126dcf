from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.isr.brighter_fatter import correct_brighter_fatter
from uraniborg.core.errors import UserError
from uraniborg.sim.camera.effects_charge import brighter_fatter, brighter_fatter_kernel

KERNEL = brighter_fatter_kernel(2.5e-6)


def star_field(peak: float, *, sigma: float = 1.4) -> np.ndarray:
    y, x = np.mgrid[:64, :64]
    return 500.0 + peak * np.exp(-0.5 * ((x - 31.3) ** 2 + (y - 32.2) ** 2) / sigma**2)


def trace(image: np.ndarray) -> float:
    """Second moments with a wide Gaussian weight, both axes added [pixel^2]."""
    y, x = np.mgrid[:64, :64]
    weight = np.exp(-0.5 * ((x - 31.3) ** 2 + (y - 32.2) ** 2) / 4.0**2) * (image - 500.0)
    mx, my = (weight * x).sum() / weight.sum(), (weight * y).sum() / weight.sum()
    return float((weight * ((x - mx) ** 2 + (y - my) ** 2)).sum() / weight.sum())


def test_the_simulated_effect_is_undone_in_every_pixel() -> None:
    truth = star_field(60000.0)
    seen = brighter_fatter(truth, KERNEL).astype(np.float32)
    assert np.abs(seen - truth).max() > 500.0
    found = correct_brighter_fatter(seen, KERNEL, iterations=12, tolerance=0.01)
    assert np.abs(found.image - truth).max() < 0.5
    assert found.change <= 0.01 or found.iterations == 12


def test_slope_of_size_with_flux_is_removed_and_flux_kept() -> None:
    sizes = []
    for peak in (2000.0, 20000.0, 60000.0):
        seen = brighter_fatter(star_field(peak), KERNEL).astype(np.float32)
        found = correct_brighter_fatter(seen, KERNEL)
        assert float(found.image.sum(dtype=float)) == pytest.approx(float(seen.sum(dtype=float)), rel=1e-6)
        sizes.append((trace(star_field(peak)), trace(seen), trace(found.image)))
    seen_slope, left_slope = (sizes[2][k] - sizes[0][k] for k in (1, 2))
    assert seen_slope > 0.02
    assert abs(left_slope) < 0.02 * seen_slope
    assert abs(sizes[2][2] / sizes[2][0] - 1.0) < 1e-3


def test_covariances_of_a_flat_vanish() -> None:
    rng = np.random.default_rng(1)
    flats = [rng.poisson(50000.0, (400, 400)).astype(float) for _ in range(4)]
    seen = [brighter_fatter(flat, KERNEL).astype(np.float32) for flat in flats]
    right = [correct_brighter_fatter(image, KERNEL, iterations=4).image for image in seen]

    def neighbour(images: list[np.ndarray]) -> float:
        return float(np.mean([np.mean((i[1:] - i.mean()) * (i[:-1] - i.mean())) / i.mean() for i in images]))

    assert np.mean([i.var() / 50000.0 for i in seen]) < 0.95
    assert np.mean([i.var() / 50000.0 for i in right]) == pytest.approx(1.0, abs=0.01)
    assert neighbour(seen) > 0.01
    assert abs(neighbour(right)) < 0.004


def test_an_uneven_kernel_is_turned_as_a_convolution() -> None:
    kernel = np.zeros((5, 5))
    kernel[2, 2], kernel[1, 2], kernel[2, 4] = 1e-6, 4e-7, 2e-7
    truth = star_field(30000.0)
    seen = brighter_fatter(truth, kernel).astype(np.float32)
    assert np.abs(correct_brighter_fatter(seen, kernel, iterations=12, tolerance=0.01).image - truth).max() < 0.5


def test_kernels_that_cannot_be_are_refused() -> None:
    image = np.zeros((30, 30), np.float32)
    with pytest.raises(UserError, match="odd"):
        correct_brighter_fatter(image, np.zeros((4, 4)))
    with pytest.raises(UserError, match="smaller than the kernel"):
        correct_brighter_fatter(image, np.zeros((31, 31)))
