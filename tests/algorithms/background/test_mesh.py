from __future__ import annotations

import numpy as np
import pytest
from lsst.images import Box
from lsst.images.fields import SplineField

from uraniborg.algorithms.background import estimate_background
from uraniborg.core.errors import Unprocessable
from uraniborg.testing.fields import simulate_field


def _noise(shape: tuple[int, int], level: float = 1000.0, sigma: float = 30.0, seed: int = 1) -> np.ndarray:
    image = np.random.default_rng(seed).normal(level, sigma, shape).astype(np.float32)
    image.flags.writeable = False
    return image


def test_constant_sky_is_recovered_within_its_error() -> None:
    pulls, ratios = [], []
    for seed in range(3):
        sky = estimate_background(_noise((1024, 1024), seed=seed), filter_size=1)
        pulls.append((sky.values - 1000.0) / sky.errors)
        ratios.append(sky.rms / 30.0)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.12)
    assert abs(np.mean(pulls)) < 0.25
    assert np.mean(ratios) == pytest.approx(1.0, abs=0.005)


def test_gradient_is_recovered_up_to_the_edges() -> None:
    y, x = np.mgrid[:700, :900]
    truth = 0.05 * x + 0.02 * y
    sky = estimate_background(_noise((700, 900)) + truth.astype(np.float32)).evaluate()
    difference = sky - 1000.0 - truth
    assert abs(difference.mean()) < 0.1
    assert np.abs(difference).max() < 2.0  # extrapolation by half a cell along two axes multiplies errors by four


def test_small_images_get_smaller_cells() -> None:
    sky = estimate_background(_noise((250, 181)))
    assert sky.values.shape == (2, 2)
    assert sky.evaluate().shape == (250, 181)
    assert np.abs(sky.evaluate() - 1000.0).max() < 5.0


def test_bias_of_stars_is_small_once_they_are_masked() -> None:
    field = simulate_field((512, 512), n_stars=250, flux_range=(100.0, 3e4), seed=4)
    noise_free = field.variance - field.sky
    masked = noise_free > 4.0  # a fifth of the noise of a pixel
    blind, seeing = (estimate_background(field.image, unusable=m) for m in (None, masked))
    assert abs(np.mean(seeing.values) - field.sky) < 0.25
    assert abs(np.mean(seeing.values) - field.sky) < abs(np.mean(blind.values) - field.sky)


def test_masked_cells_are_filled_from_neighbours() -> None:
    image = _noise((512, 512)).copy()
    masked = np.zeros(image.shape, bool)
    masked[:128, :128] = True
    image[:128, :128] = 9e9
    image[300, 300] = np.nan
    sky = estimate_background(image, unusable=masked)
    assert sky.counts[0, 0] == 0
    assert (sky.counts.ravel()[1:] > 0).all()
    assert np.abs(sky.evaluate() - 1000.0).max() < 5.0


def test_a_single_bad_cell_is_filtered_out() -> None:
    image = _noise((640, 640)).copy()
    image[256:384, 256:384] += 20.0
    sky = estimate_background(image)
    assert abs(sky.values[2, 2] - 1000.0) < 3.0
    assert estimate_background(image, filter_size=1).values[2, 2] > 1017.0


def test_first_look_reads_fewer_rows() -> None:
    image = _noise((512, 512))
    quick, full = estimate_background(image, thin=4), estimate_background(image)
    assert quick.counts.sum() < 0.3 * full.counts.sum()
    assert np.abs(quick.values - 1000.0).max() < 6.0 * quick.errors.max()


def test_equals_the_spline_that_lsst_images_keeps() -> None:
    rng = np.random.default_rng(5)
    sky = estimate_background(_noise((600, 500)) + rng.normal(0, 3, (600, 500)).cumsum(axis=0).astype(np.float32))
    field = SplineField(Box.factory[0:600, 0:500], sky.values.copy(), y=sky.y.copy(), x=sky.x.copy())
    np.testing.assert_allclose(sky.evaluate(), field.render(dtype=np.float64).array, rtol=1e-6)


def test_rms_is_interpolated_too() -> None:
    image = _noise((512, 512)).copy()
    image[:, 256:] = 1000.0 + 2.0 * (image[:, 256:] - 1000.0)
    rms = estimate_background(image, filter_size=1).evaluate_rms()
    assert rms[256, 64] == pytest.approx(30.0, rel=0.03)
    assert rms[256, 448] == pytest.approx(60.0, rel=0.03)


def test_nothing_usable_is_an_error() -> None:
    with pytest.raises(Unprocessable, match="usable pixels"):
        estimate_background(_noise((64, 64)), unusable=np.ones((64, 64), bool))


def test_subtracting_is_evaluating_and_taking_away() -> None:
    rng = np.random.default_rng(5)
    for shape in ((300, 400), (40, 20)):
        image = (900.0 + 0.05 * np.arange(shape[1]) + rng.normal(0.0, 30.0, shape)).astype(np.float32)
        model = estimate_background(image, cell_size=64)
        np.testing.assert_allclose(model.subtract_from(image), image - model.evaluate(), atol=1e-3)
