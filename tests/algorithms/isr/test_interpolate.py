from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.isr.interpolate import interpolate_pixels, neighbour_weights
from uraniborg.core.errors import UserError

from .scenes import star_field


def test_weights_add_up_and_leave_bad_neighbours_out() -> None:
    patterns = np.random.default_rng(1).integers(1, 2**24, 500).astype(np.uint32)
    weights = neighbour_weights(patterns, fwhm=3.3)
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, atol=1e-9)
    bad = ((patterns[:, None] >> np.arange(24, dtype=np.uint32)) & 1) == 0
    assert np.abs(weights[bad]).max() < 1e-12


def test_sky_is_filled_without_bias_and_with_the_error_told() -> None:
    rng = np.random.default_rng(2)
    image = (900.0 + 30.0 * rng.standard_normal((400, 400))).astype(np.float32)
    variance = np.full(image.shape, 900.0, np.float32)
    bad = rng.random(image.shape) < 0.02
    bad[:, 100:103] = True
    spoiled = np.where(bad, np.float32(-1e6), image)
    found = interpolate_pixels(spoiled, variance, bad, fwhm=3.3)
    assert found.filled == bad.sum()
    assert found.left == 0
    pull = ((found.image - 900.0) / np.sqrt(found.variance))[bad]
    assert abs(pull.mean()) < 4.0 / np.sqrt(bad.sum() / 9.0)
    assert pull.std() == pytest.approx(1.0, abs=0.1)
    np.testing.assert_array_equal(found.image[~bad], image[~bad])
    np.testing.assert_array_equal(found.variance[~bad], variance[~bad])


@pytest.mark.parametrize(("width", "bar"), [(1, 0.01), (2, 0.03)])
def test_flux_of_stars_on_bad_columns_is_kept(width: int, bar: float) -> None:
    y, x = np.mgrid[:41, :41]
    biases = []
    for shift in np.linspace(-1.5, 1.5, 13):
        star = np.exp(-0.5 * ((x - 20 - shift) ** 2 + (y - 20.3) ** 2) / 1.4**2).astype(np.float32)
        bad = np.zeros(star.shape, bool)
        bad[:, 20 : 20 + width] = True
        found = interpolate_pixels(np.where(bad, np.float32(0), star), np.ones_like(star), bad, fwhm=3.3, noise=1e-3)
        biases.append(found.image.sum() / star.sum() - 1.0)
    assert abs(np.mean(biases)) < bar
    lost = 1.0 - star[:, [c for c in range(41) if not 20 <= c < 20 + width]].sum() / star.sum()
    assert np.max(np.abs(biases)) < 0.5 * max(lost, 0.1)


def test_wide_holes_are_filled_from_their_edge() -> None:
    scene = star_field(3, size=128, stars=0, rays=0.0)
    bad = np.zeros(scene.image.shape, bool)
    bad[40:70, 50:80] = True
    found = interpolate_pixels(scene.image, scene.variance, bad, fwhm=3.3)
    assert found.filled + found.left == 900
    assert found.left > 0
    assert np.all(np.abs(found.image[bad] - 900.0) < 300.0)


def test_shapes_must_agree() -> None:
    with pytest.raises(UserError, match="differ in shape"):
        interpolate_pixels(np.zeros((3, 3), np.float32), np.zeros((3, 3), np.float32), np.zeros((3, 4), bool), fwhm=3.0)
