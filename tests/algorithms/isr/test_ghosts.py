from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from uraniborg.algorithms.isr.ghosts import ghost_rings, mask_ghosts, render_ghosts
from uraniborg.core.errors import UserError

SHAPE, NOISE, SCALE = (600, 700), 30.0, 0.26
REFLECTIONS = np.array([[-0.8, 150.0, 0.4, 2e-3, 4.0, 0.0, 0.0, 0.0], [1.1, 60.0, 0.0, 5e-4, 3.0, 0.0, 0.0, 0.0]])
STARS = np.array([[500.0, 400.0, 2e9], [-900.0, 300.0, 1e9], [350.0, 300.0, 1e6]])


def gradient(light: np.ndarray) -> np.ndarray:
    """Change over one arcsecond [noise of the sky]."""
    return np.hypot(*np.gradient(light.astype(float))) / SCALE / NOISE


def test_light_is_that_of_the_model() -> None:
    ring = ghost_rings(np.array([[300.0, 300.0, 1e9]]), REFLECTIONS[:1], centre=(350.0, 300.0))
    light = render_ghosts(ring, (800, 900))
    assert light.sum(dtype=float) == pytest.approx(2e6, rel=0.01)
    y, x = np.indices(light.shape)
    assert (light * x).sum() / light.sum() == pytest.approx(350.0 + 0.8 * 50.0, abs=0.2)
    assert (light * y).sum() / light.sum() == pytest.approx(300.0, abs=0.2)


def test_what_is_left_unmasked_is_smooth_though_the_model_is_a_little_wrong() -> None:
    rng = np.random.default_rng(1)
    rings = ghost_rings(STARS, REFLECTIONS, centre=(350.0, 300.0))
    truth = tuple(
        replace(
            r, x=r.x + dx, y=r.y + dy, radius=r.radius + dr, inner_x=r.inner_x + dx, brightness=r.brightness * factor
        )
        for r, dx, dy, dr, factor in zip(
            rings, *rng.uniform(-1.0, 1.0, (3, len(rings))), rng.uniform(0.9, 1.1, len(rings)), strict=True
        )
    )
    steep = gradient(render_ghosts(truth, SHAPE)) > 1.0 / 3.0
    found = mask_ghosts(rings, SHAPE, noise=NOISE, pixel_scale=SCALE)
    assert steep.mean() > 0.02
    assert (steep & ~found.mask).sum() <= 0.01 * steep.size
    assert (steep & ~found.mask).sum() <= 0.05 * steep.sum()
    smooth = gradient(render_ghosts(truth, SHAPE)) < 0.03
    assert (found.mask & smooth).mean() < 0.02


def test_faint_stars_and_ghosts_elsewhere_mask_nothing() -> None:
    rings = ghost_rings(np.array([[100.0, 100.0, 1e4], [9000.0, 9000.0, 1e9]]), REFLECTIONS[1:], centre=(350.0, 300.0))
    found = mask_ghosts(rings, SHAPE, noise=NOISE, pixel_scale=SCALE)
    assert not found.mask.any()
    assert found.rings == 1


def test_bright_plateaus_can_be_masked_too() -> None:
    rings = ghost_rings(STARS[:1], REFLECTIONS, centre=(350.0, 300.0))
    edges = mask_ghosts(rings, SHAPE, noise=NOISE, pixel_scale=SCALE)
    whole = mask_ghosts(rings, SHAPE, noise=NOISE, pixel_scale=SCALE, brightness=1.0)
    assert whole.mask.sum() > 1.3 * edges.mask.sum()
    assert np.all(whole.mask[render_ghosts(rings, SHAPE) > NOISE])
    with pytest.raises(UserError, match="shapes"):
        ghost_rings(STARS[:, :2], REFLECTIONS, centre=(0.0, 0.0))


def test_model_predicts_the_ghosts_of_the_simulation() -> None:
    from astropy.table import Table

    from uraniborg.sim.camera.ghosts import add_ghosts

    reflection = np.array([[-0.6, 120.0, 0.61, 2e-4, 0.25, 5.0, -8.0, 0.1]])
    rings = ghost_rings(np.array([[500.0, 400.0, 2e9]]), reflection, centre=(350.0, 300.0))
    ring = rings[0]
    row = {"x": 265.0, "y": 232.0, "outerRadius": 120.0, "innerRadius": 73.2, "innerX": 256.0, "innerY": 226.0}
    truth = np.zeros(SHAPE)
    add_ghosts(truth, Table(rows=[row | {"brightness": ring.brightness}]))
    model = render_ghosts(rings, SHAPE)
    assert model.sum(dtype=float) == pytest.approx(truth.sum(), rel=1e-3)
    assert np.abs(model - truth).max() < 0.25 * ring.brightness
    found = mask_ghosts(rings, SHAPE, noise=NOISE, pixel_scale=SCALE)
    assert not (gradient(truth) > 1.0 / 3.0)[~found.mask].any()
