from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.psf import gaussian_psf
from uraniborg.algorithms.psf.stars import cut_stamps, fit_centers, stamp_gradients


def test_stamps_hold_the_pixels_around_and_infinite_variance_where_there_are_none() -> None:
    image = np.arange(900.0).reshape(30, 30).astype(np.float32)
    variance = np.full((30, 30), 2.0, np.float32)
    unusable = np.zeros((30, 30), bool)
    unusable[15, 16] = True
    image[14, 14] = np.nan
    stars = cut_stamps(image, variance, unusable, x=np.array([15.3, 1.0]), y=np.array([14.6, 28.0]), size=7)
    assert (stars.x0.tolist(), stars.y0.tolist()) == ([15.0, 1.0], [15.0, 28.0])
    np.testing.assert_allclose(stars.dx, [0.3, 0.0], atol=1e-12)
    assert stars.data[0, 3, 3] == image[15, 15]
    assert np.isinf(stars.variance[0, 3, 4])
    assert np.isinf(stars.variance[0, 2, 2])
    assert np.isinf(stars.variance[1]).sum() == 7 * 7 - 5 * 5
    assert stars.subset(np.array([1])).x0.tolist() == [1.0]


def test_noise_law_is_read_off_the_variance() -> None:
    psf = gaussian_psf(1.8, stamp_size=25)
    image = 1e5 * psf.evaluate(12, 12)[0]
    stars = cut_stamps(image, 50.0 + 0.4 * image, None, x=np.array([12.0]), y=np.array([12.0]), size=25)
    assert stars.sky_variance[0] == pytest.approx(50.0, rel=1e-3)
    assert stars.inverse_gain[0] == pytest.approx(0.4, rel=1e-3)


def test_gradients_are_changes_with_the_position() -> None:
    psf = gaussian_psf(2.0, stamp_size=25)
    gradients = stamp_gradients(psf.evaluate(0.1, -0.2))
    for axis, step in ((0, (0.05, 0.0)), (1, (0.0, 0.05))):
        ahead, behind = psf.evaluate(0.1 + step[0], -0.2 + step[1]), psf.evaluate(0.1 - step[0], -0.2 - step[1])
        inner = np.s_[0, 3:-3, 3:-3]
        np.testing.assert_allclose(gradients[axis][inner], ((ahead - behind) / 0.1)[inner], atol=4e-4)


def test_newton_steps_find_flux_and_centre() -> None:
    psf = gaussian_psf(2.0, stamp_size=25)
    image = np.zeros((40, 40))
    image[8:33, 8:33] = 3e3 * psf.evaluate(20.4, 19.7)[0]
    stars = cut_stamps(image, np.ones(image.shape), None, x=np.array([20.0]), y=np.array([20.0]), size=25)
    for _ in range(4):
        stamps = psf.evaluate(stars.x0 + stars.dx, stars.y0 + stars.dy)
        stars = fit_centers(stars, stamps, np.ones(stamps.shape))
    np.testing.assert_allclose([stars.dx[0], stars.dy[0], stars.flux[0]], [0.4, -0.3, 3e3], rtol=2e-3)


def test_stars_without_pixels_have_no_flux() -> None:
    middle, masked = np.array([9.0]), np.ones((20, 20), bool)
    stars = cut_stamps(np.zeros((20, 20)), np.ones((20, 20)), masked, x=middle, y=middle, size=11)
    stamps = gaussian_psf(1.5, stamp_size=11).evaluate(9, 9)
    assert np.isnan(fit_centers(stars, stamps, np.zeros(stamps.shape)).flux[0])
