from __future__ import annotations

import numpy as np

from uraniborg.testing.fields import simulate_field, true_psf


def test_field_holds_what_the_truth_says() -> None:
    field = simulate_field((200, 220), n_stars=9, n_galaxies=3, isolated=True, flux_range=(1e4, 1e5), seed=3)
    assert field.image.shape == field.variance.shape == (200, 220)
    assert field.is_galaxy.sum() == 3
    # Stamps of 65 pixels hold all but a fraction of a percent of a Moffat profile of 4 pixels.
    light = float(field.flat.sum(dtype=float))
    noise = np.sqrt(field.variance.sum(dtype=float))
    assert abs(light - field.flux.sum()) < 5 * noise + 0.01 * field.flux.sum()
    normalised = (field.flat - (field.variance - field.sky)) / np.sqrt(field.variance)
    assert abs(normalised.std() - 1) < 0.02


def test_equal_seeds_give_equal_fields() -> None:
    one, two, other = (simulate_field((64, 64), n_stars=3, seed=seed) for seed in (5, 5, 6))
    assert np.array_equal(one.image, two.image)
    assert not np.array_equal(one.image, other.image)


def test_true_psf_fits_a_bright_star() -> None:
    field = simulate_field((65, 65), n_stars=1, isolated=True, flux_range=(1e7, 1e7), seed=2)
    stamp = true_psf(field, size=25).evaluate(field.x, field.y)[0]
    column, row = int(np.floor(field.x[0] + 0.5)), int(np.floor(field.y[0] + 0.5))
    cut = np.s_[row - 12 : row + 13, column - 12 : column + 13]
    data, variance = field.flat[cut], field.variance[cut]
    flux = (stamp * data).sum() / (stamp * stamp).sum()
    assert np.abs(data - flux * stamp).max() < 5e-4 * data.max() + 5 * np.sqrt(variance.max())
    assert 0.98 < flux / field.flux[0] < 1.0
