from __future__ import annotations

import numpy as np
import pytest

from uraniborg.sim.effects import add_noise, bad_column_mask, draw_cosmic_rays


def test_noise_has_the_mean_and_the_variance_of_photons_and_read_out() -> None:
    mean = np.full((600, 600), 90.0)
    counts = add_noise(mean, np.random.default_rng(1), read_noise=6.0)
    n = mean.size
    assert counts.mean() == pytest.approx(90.0, abs=4.0 * np.sqrt(126.0 / n))
    assert counts.var() == pytest.approx(126.0, rel=4.0 * np.sqrt(2.0 / n))


def test_noise_without_light_is_read_noise_alone() -> None:
    counts = add_noise(np.zeros((300, 300)), np.random.default_rng(2), read_noise=5.0)
    assert counts.std() == pytest.approx(5.0, rel=4.0 / np.sqrt(2 * 90000))


def test_bad_columns_run_to_the_top() -> None:
    mask = bad_column_mask((80, 60), np.random.default_rng(3), number=4)
    columns = np.flatnonzero(mask.any(axis=0))
    assert len(columns) == 4
    assert mask[-1, columns].all()
    assert np.all(np.diff(mask[:, columns].astype(int), axis=0) >= 0)
    assert not bad_column_mask((80, 60), np.random.default_rng(3), number=0).any()


def test_cosmic_rays_are_tracks_of_positive_charge() -> None:
    numbers = [draw_cosmic_rays((64, 64), np.random.default_rng(seed), mean_number=9.0).number for seed in range(200)]
    assert np.mean(numbers) == pytest.approx(9.0, abs=4.0 * 3.0 / np.sqrt(200))
    rays = draw_cosmic_rays((256, 256), np.random.default_rng(4), mean_number=30.0)
    assert rays.charge.min() == 0.0
    assert 0 < np.count_nonzero(rays.charge) < 30 * 60
    assert not draw_cosmic_rays((64, 64), np.random.default_rng(5), mean_number=0.0).charge.any()
