from __future__ import annotations

import numpy as np
import pytest

from uraniborg.verify.matching import match_positions, nearest_separation, neighbour_flux

ARCSEC = 1.0 / 3600.0


def test_pairs_are_mutual_and_within_the_radius() -> None:
    ra, dec = np.array([10.0, 10.01, 10.02, np.nan]), np.array([60.0, 60.0, 60.0, 60.0])
    there = (np.array([10.02 + 0.8 * ARCSEC, 10.0, 10.0, 50.0]), np.array([60.0, 60.0 + 0.1 * ARCSEC, 60.0, 0.0]))
    found = match_positions((ra, dec), there, radius=0.5)
    assert found.first.tolist() == [0, 2]
    assert found.second.tolist() == [2, 0]
    assert found.separation == pytest.approx([0.0, 0.4], abs=1e-4)  # cos 60 degrees


def test_nothing_matches_nothing() -> None:
    empty = (np.zeros(0), np.zeros(0))
    assert match_positions(empty, (np.array([1.0]), np.array([2.0])), radius=1.0).first.size == 0
    assert match_positions((np.array([1.0]), np.array([2.0])), empty, radius=1.0).second.size == 0
    assert np.isinf(nearest_separation((np.array([1.0]), np.array([2.0])), empty)).all()


def test_matching_works_across_ra_zero() -> None:
    found = match_positions(([359.99999], [0.0]), ([0.00001], [0.0]), radius=0.1)
    assert found.separation == pytest.approx([0.072], abs=1e-4)


def test_nearest_separation_matches_the_formula() -> None:
    rng = np.random.default_rng(1)
    a, b = ((rng.uniform(40, 40.01, n), rng.uniform(-30, -29.99, n)) for n in (20, 30))
    d_ra = (a[0][:, None] - b[0]) * np.cos(np.deg2rad(-29.995))
    expected = np.hypot(d_ra, a[1][:, None] - b[1]).min(axis=1) * 3600.0
    assert nearest_separation(a, b) == pytest.approx(expected, rel=1e-3)


def test_flux_of_neighbours() -> None:
    ra = np.array([10.0, 10.0 + 1.0 * ARCSEC, 10.0 + 2.5 * ARCSEC, 11.0])
    dec = np.zeros(4)
    assert neighbour_flux((ra, dec), [1.0, 10.0, 100.0, 5.0], radius=2.0).tolist() == [10.0, 101.0, 10.0, 0.0]
