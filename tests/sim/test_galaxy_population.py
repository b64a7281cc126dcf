from __future__ import annotations

import numpy as np
import pytest

from uraniborg.sim.galaxy_population import cumulative_counts, draw_galaxy_population, galaxy_colours


def test_counts_are_those_of_the_science_book() -> None:
    sample = draw_galaxy_population(np.random.default_rng(1), area=400.0, limits=(18.0, 25.0))
    i = sample.magnitudes["i"]
    for limit in (22.0, 23.5, 25.0):
        expected = 400.0 * (cumulative_counts(limit) - cumulative_counts(18.0))
        assert np.sum(i < limit) == pytest.approx(expected, abs=4.5 * np.sqrt(expected))
    # at i = 24 the mean redshift of z^2 exp(-z / z0) is 3 z0
    near = np.abs(i - 24.0) < 0.1
    assert sample.redshift[near].mean() == pytest.approx(3.0 * (0.0417 * 24.0 - 0.744), rel=0.05)


def test_the_break_reddens_the_band_that_it_passes() -> None:
    at = np.array([0.02, 0.45, 0.9])
    colours = galaxy_colours(np.full(3, 1.0), np.full(3, 1.0), at)
    g_r, r_i = colours["g"] - colours["r"], colours["r"] - colours["i"]
    assert g_r[1] > g_r[0] + 0.3
    assert r_i[2] > r_i[1] + 0.3
    flat = galaxy_colours(np.zeros(1), np.zeros(1), np.zeros(1))
    assert all(abs(value[0]) < 1e-9 for value in flat.values())


def test_shapes_are_possible() -> None:
    sample = draw_galaxy_population(np.random.default_rng(3), area=100.0, limits=(18.0, 24.0))
    assert np.all((sample.axis_ratio > 0.0) & (sample.axis_ratio <= 1.0))
    assert np.all((sample.bulge_fraction >= 0.0) & (sample.bulge_fraction <= 1.0))
    assert np.all(sample.bulge_radius < sample.disc_radius)
