from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.psf import select_stars


def _catalogue(n_stars: int, n_galaxies: int, n_defects: int, seed: int = 1) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = n_stars + n_galaxies + n_defects
    snr = 10 ** rng.uniform(0.8, 3.0, n)
    size = np.full(n, 1.7)
    size[n_stars : n_stars + n_galaxies] *= 1.0 + rng.exponential(0.6, n_galaxies) + 0.1
    size[n_stars + n_galaxies :] *= 0.5
    size *= np.exp(rng.normal(0, 0.005, n) + rng.normal(0, 0.7, n) / snr)
    moments = np.stack([size**2, size**2, np.zeros(n)], axis=1)
    moments[:, 2] = rng.normal(0, 0.02, n)
    cells = rng.permutation(2500)[:n]  # well apart
    return {
        "moments": moments,
        "snr": snr,
        "x": 20.0 * (cells % 50),
        "y": 20.0 * (cells // 50),
        "flux": snr**2,
        "bad": np.zeros(n, bool),
    }


def _select(catalogue: dict[str, np.ndarray], **options: float) -> np.ndarray:
    rest = {name: catalogue[name] for name in ("x", "y", "flux", "bad")}
    return select_stars(catalogue["moments"], catalogue["snr"], **rest, **options).indices


@pytest.mark.parametrize(("n_stars", "n_galaxies"), [(300, 300), (60, 200), (15, 10)])
def test_stars_are_selected_and_little_else(n_stars: int, n_galaxies: int) -> None:
    catalogue = _catalogue(n_stars, n_galaxies, 10)
    chosen = _select(catalogue)
    stars = chosen < n_stars
    bright = (catalogue["snr"][:n_stars] > 40).sum()
    assert stars.mean() >= 0.93
    assert stars.sum() >= 0.8 * bright
    assert (np.diff(catalogue["snr"][chosen]) <= 0).all()


def test_limits_are_lowered_where_stars_are_few() -> None:
    catalogue = _catalogue(6, 0, 0)
    catalogue["snr"][:] = [300.0, 35.0, 30.0, 25.0, 15.0, 5.0]
    assert len(_select(catalogue)) == 5


def test_crowded_and_bad_stars_are_left_out() -> None:
    catalogue = _catalogue(30, 0, 0)
    catalogue["snr"][:] = catalogue["flux"][:] = 200.0
    catalogue["bad"][3] = True
    catalogue["x"][7], catalogue["y"][7] = catalogue["x"][8] + 5.0, catalogue["y"][8]
    catalogue["flux"][10] = 1.0  # too faint to disturb
    catalogue["x"][10], catalogue["y"][10] = catalogue["x"][11] + 5.0, catalogue["y"][11]
    chosen = set(_select(catalogue).tolist())
    assert not {3, 7, 8} & chosen
    assert 11 in chosen


def test_elongated_sources_are_left_out() -> None:
    catalogue = _catalogue(40, 0, 0)
    catalogue["snr"][:] = 200.0
    catalogue["moments"][5] = [1.7**2 * 1.5, 1.7**2 / 1.5, 0.0]
    assert 5 not in _select(catalogue)


def test_number_is_limited_and_nothing_is_nothing() -> None:
    assert len(_select(_catalogue(300, 0, 0), max_stars=20)) == 20
    catalogue = _catalogue(10, 0, 0)
    catalogue["bad"][:] = True
    rest = {name: catalogue[name] for name in ("x", "y", "flux", "bad")}
    selection = select_stars(catalogue["moments"], catalogue["snr"], **rest)
    assert selection.indices.size == 0
    assert np.isnan(selection.size)
    assert selection.n_bright == 0
