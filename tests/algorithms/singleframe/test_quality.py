from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.background import estimate_background
from uraniborg.algorithms.detection import detect_sources
from uraniborg.algorithms.psf import gaussian_psf
from uraniborg.algorithms.singleframe.quality import (
    brightest_sources,
    check_sky,
    crowding_notes,
    place_sky_sources,
)
from uraniborg.testing.fields import simulate_field, true_psf

PSF = gaussian_psf(1.8, stamp_size=25)


def test_places_are_free_and_always_the_same() -> None:
    occupied = np.random.default_rng(1).random((400, 500)) < 0.0003
    x, y = place_sky_sources(occupied, n=50, distance=10.0)
    row, column = np.nonzero(occupied)
    assert 20 < x.size <= 50
    assert np.hypot(x[:, None] - column, y[:, None] - row).min() > 8.0
    assert min(x.min(), y.min()) > 5
    again = place_sky_sources(occupied, n=50, distance=10.0)
    np.testing.assert_array_equal(x, again[0])
    assert place_sky_sources(np.ones((100, 100), bool), n=5, distance=4.0)[0].size == 0


def test_noise_passes_the_check_and_wrong_errors_do_not() -> None:
    noise = np.random.default_rng(2).normal(0.0, 10.0, (1200, 1200)).astype(np.float32)
    empty = np.zeros(noise.shape, bool)
    good = check_sky(noise, np.full_like(noise, 100.0), PSF, occupied=empty, n=400)
    assert good.width == pytest.approx(1.0, abs=0.13)
    assert abs(good.mean) < 0.2
    wrong = check_sky(noise, np.full_like(noise, 25.0), PSF, occupied=empty, n=400)
    assert wrong.width == pytest.approx(2.0, abs=0.26)
    none = check_sky(noise, np.full_like(noise, 100.0), PSF, occupied=~empty)
    assert np.isnan(none.mean)


def test_crowded_fields_are_told_and_open_ones_are_not() -> None:
    for n_stars, crowded in ((30, False), (700, True)):
        field = simulate_field((400, 400), n_stars=n_stars, flux_range=(3e3, 1e5), seed=3)
        kernel = true_psf(field).evaluate(200, 200)[0]
        found = detect_sources(field.flat, field.variance, kernel, grow=4.0)
        sky = estimate_background(field.image, unusable=found.mask(), cell_size=64, min_fraction=0.02)
        notes = crowding_notes(found, sky, measured=found.peak_x.size)
        assert bool(notes) == crowded
    kept = brightest_sources(found, 20)
    assert kept.sum() == 20
    assert found.peak_value[kept].min() >= np.sort(found.peak_value)[-20]
    assert "most significant" in crowding_notes(found, sky, measured=20)[-1]
