from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.detection import detect_bright, detect_sources
from uraniborg.algorithms.psf import gaussian_psf
from uraniborg.testing.fields import simulate_field


@pytest.mark.parametrize("fwhm", [2.0, 4.0, 8.0])
def test_bright_stars_are_found_as_on_the_full_image(fwhm: float) -> None:
    field = simulate_field((401, 500), n_stars=60, isolated=True, flux_range=(5e3, 1e5), seed=3)
    unusable = np.zeros(field.flat.shape, bool)
    found = detect_bright(field.flat, field.variance, fwhm=fwhm, unusable=unusable, threshold=10.0)
    inside = (field.x > 6) & (field.y > 6) & (field.x < 490) & (field.y < 390)
    distance = np.hypot(found.peak_x[:, None] - field.x[inside], found.peak_y[:, None] - field.y[inside])
    assert (distance.min(axis=0) < 1.6).mean() > 0.97
    assert found.shape == field.flat.shape
    kernel = gaussian_psf(fwhm / 2.3548).evaluate(200, 200)[0]
    full = detect_sources(field.flat, field.variance, kernel, threshold=10.0, grow=2.4 * fwhm / 2.3548)
    both = (found.mask() & full.mask()).sum()
    assert both > 0.85 * full.mask().sum()
    assert (found.mask().sum() == found.area.sum()) or len(found) > 1


def test_unusable_pixels_are_not_looked_at() -> None:
    field = simulate_field((200, 200), n_stars=1, isolated=True, flux_range=(1e5, 1e5), seed=4)
    unusable = np.hypot(*(np.mgrid[:200, :200] - np.array([field.y[0], field.x[0]])[:, None, None])) < 30
    found = detect_bright(field.flat, field.variance, fwhm=4.0, unusable=unusable, threshold=10.0)
    assert found.peak_x.size == 0
