from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.calib.ghosts import GhostScene, fit_ghost, ghost_light
from uraniborg.core.errors import AlgorithmError, Unprocessable

TRUTH = np.array([-0.6, 12.0, -8.0, 150.0, 0.61, 2e-4])


def _scene(rng: np.random.Generator, values: np.ndarray, *, error: float = 0.1) -> GhostScene:
    x, y = (part.ravel().astype(float) for part in np.meshgrid(np.arange(-512, 512, 8), np.arange(-512, 512, 8)))
    stars = rng.uniform(-480, 480, (2, 12))
    flux = rng.uniform(1e7, 4e7, 12)
    empty = GhostScene(x, y, np.zeros(x.size), np.full(x.size, error), *stars, flux)
    light = ghost_light(empty, values, edge=3.0) + error * rng.standard_normal(x.size)
    return GhostScene(x, y, light, empty.error, *stars, flux)


def test_ghosts_keep_their_light() -> None:
    scene = _scene(np.random.default_rng(1), TRUTH)
    one = GhostScene(scene.x, scene.y, scene.light, scene.error, np.zeros(1), np.zeros(1), np.array([1e7]))
    total = ghost_light(one, TRUTH).sum() * 64.0
    assert total == pytest.approx(1e7 * 2e-4, rel=0.01)


def test_a_pair_of_surfaces_is_found() -> None:
    fit = fit_ghost(_scene(np.random.default_rng(2), TRUTH), radii=(60.0, 400.0), edge=8.0)
    assert fit.magnification == pytest.approx(-0.6, abs=0.01)
    assert (fit.offset_x, fit.offset_y) == pytest.approx((12.0, -8.0), abs=4.0)
    assert fit.radius == pytest.approx(150.0, rel=0.02)
    assert fit.inner == pytest.approx(0.61, abs=0.04)
    assert fit.fraction == pytest.approx(2e-4, rel=0.06)


def test_an_empty_field_has_none() -> None:
    scene = _scene(np.random.default_rng(3), np.array([*TRUTH[:5], 0.0]))
    with pytest.raises(AlgorithmError, match="no ghost"):
        fit_ghost(scene, radii=(60.0, 400.0), edge=8.0)
    nothing = GhostScene(scene.x, scene.y, scene.light, scene.error, *(np.zeros(0) for _ in range(3)))
    with pytest.raises(Unprocessable, match="stars"):
        fit_ghost(nothing, radii=(60.0, 400.0))
