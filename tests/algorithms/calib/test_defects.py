from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.calib.defects import find_dark, find_hot
from uraniborg.core.errors import UserError

SHAPE = (512, 512)


def test_hot_pixels_above_ten_sigma_are_found_and_few_others() -> None:
    rng = np.random.default_rng(1)
    sigma = 0.05
    dark = 0.02 + sigma * rng.standard_normal(SHAPE)
    hot = np.zeros(SHAPE, dtype=bool)
    hot.flat[rng.choice(hot.size, 400, replace=False)] = True
    excess = 5.0 * rng.lognormal(0.0, 0.8, 400)
    dark[hot] += excess
    found = find_hot(dark, np.full(SHAPE, sigma**2))
    strong = np.zeros(SHAPE, dtype=bool)
    strong[hot] = excess > 10.0 * sigma
    assert (found.all & strong).sum() >= 0.99 * strong.sum()
    assert (found.all & ~hot).sum() <= 1e-3 * SHAPE[0] * SHAPE[1] * 0.1


def test_dead_columns_and_dark_pixels_are_found_behind_dust_and_vignetting() -> None:
    rng = np.random.default_rng(2)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    flat = 1.0 - 0.06 * ((x - 200) ** 2 + (y - 300) ** 2) / 300000.0
    ring = np.hypot(x - 100, y - 100)
    flat *= 1.0 - 0.03 * ((ring < 20) & (ring > 9))
    flat *= 1.0 + 0.005 * rng.standard_normal(SHAPE)
    bad = np.zeros(SHAPE, dtype=bool)
    bad[200:, 77] = True
    bad[:, 401] = True
    flat[bad] = 0.002
    spots = rng.integers(0, 512, (2, 60))
    flat[spots[0], spots[1]] *= 0.7
    bad[spots[0], spots[1]] = True
    found = find_dark(flat, np.full(SHAPE, 1e-6))
    assert (found.all & bad).sum() >= 0.99 * bad.sum()
    assert (found.all & ~bad).sum() <= 1e-3 * bad.size


def test_a_weak_column_is_found_although_its_pixels_hide() -> None:
    rng = np.random.default_rng(3)
    dark = rng.normal(0.0, 1.0, SHAPE)
    dark[100:400, 55] += 2.0
    found = find_hot(dark, np.ones(SHAPE))
    assert found.columns[130:370, 55].all()
    assert found.columns[:60, 55].sum() == 0
    others = np.delete(found.all, 55, axis=1)
    assert others.mean() < 1e-4


def test_missing_pixels_count_as_defects() -> None:
    dark = np.random.default_rng(4).normal(0.0, 1.0, SHAPE)
    dark[3, 4] = np.nan
    assert find_hot(dark, np.ones(SHAPE)).all[3, 4]
    with pytest.raises(UserError, match="alike"):
        find_hot(dark, np.ones((4, 4)))
