from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.measurement import measure_sources
from uraniborg.algorithms.psf import gaussian_psf
from uraniborg.core.flags import MeasurementFlag, has_flag

from .conftest import Repeats


@pytest.mark.parametrize("name", ["xx", "yy", "xy", "window_x", "window_y", "gaussian_flux"])
def test_errors_are_right(repeats: Repeats, name: str) -> None:
    pull = repeats.pull(name, flux=(2e4, np.inf))
    assert pull.size > 900
    assert pull.std() == pytest.approx(1.0, abs=0.05)
    assert abs(pull.mean()) < 0.12


def test_clean_stars_have_the_true_values(repeats: Repeats) -> None:
    clean = repeats.clean
    np.testing.assert_allclose(clean.window_x, repeats.x, atol=2e-3)
    np.testing.assert_allclose(clean.window_y, repeats.y, atol=2e-3)
    np.testing.assert_allclose(clean.gaussian_flux, repeats.flux, rtol=3e-3)
    np.testing.assert_allclose(clean.xx, clean.psf_xx, rtol=2e-3)
    assert np.abs(clean.blendedness).max() < 2e-3
    assert not clean.extendedness.any()


def test_blendedness_is_the_light_of_the_neighbour() -> None:
    psf = gaussian_psf(1.8, stamp_size=25)
    x, y, flux = np.array([60.0, 64.0]), np.array([50.0, 50.0]), np.array([3e4, 3e4])
    image = np.zeros((100, 130), np.float32)
    for stamp, column, value in zip(psf.evaluate(x, y), (60, 64), flux, strict=True):
        image[38:63, column - 12 : column + 13] += (value * stamp).astype(np.float32)
    found = measure_sources(image, np.full_like(image, 100.0), psf, x=x, y=y)
    # A Gaussian weight of the same width sees a neighbour at distance d as exp(-d^2 / 4 sigma^2) of itself.
    neighbour = np.exp(-(4.0**2) / (4.0 * 1.8**2))
    np.testing.assert_allclose(found.blendedness, neighbour / (1.0 + neighbour), atol=0.01)


def test_what_has_no_shape_is_flagged() -> None:
    psf = gaussian_psf(1.8, stamp_size=25)
    image = np.full((101, 101), -5.0, np.float32)
    found = measure_sources(image, np.full_like(image, 100.0), psf, x=np.array([50.0]), y=np.array([50.0]))
    assert has_flag(found.flags, MeasurementFlag.SHAPE_FAILED)[0]
    assert np.isnan([found.xx[0], found.gaussian_flux[0], found.window_x[0], found.extendedness[0]]).all()
