from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.isr.streaks import find_streaks
from uraniborg.core.errors import UserError

from .scenes import Scene, star_field


def trail(
    shape: tuple[int, int], angle: float, distance: float, *, width: float, height: float, until: float = 1e9
) -> np.ndarray:
    y, x = np.indices(shape)
    off = x * np.cos(angle) + y * np.sin(angle) - distance
    along = -x * np.sin(angle) + y * np.cos(angle)
    return height * np.exp(-0.5 * (off / width) ** 2) * (along < until)


def with_trails(scene: Scene, trails: np.ndarray, seed: int) -> np.ndarray:
    return (scene.image + np.random.default_rng(seed).poisson(trails)).astype(np.float32)


@pytest.mark.parametrize("stars", [300, 2800])
def test_trails_are_masked_where_they_stand_above_the_noise(stars: int) -> None:
    scene, rng = star_field(1, stars=stars), np.random.default_rng(2)
    complete, clean = [], []
    for seed, height in enumerate((1.3, 2.0, 5.0, 20.0, 100.0)):
        angle = rng.uniform(0.0, np.pi)
        distance = 512.0 * (np.cos(angle) + np.sin(angle)) + rng.uniform(-200.0, 200.0)
        light = trail(scene.image.shape, angle, distance, width=rng.uniform(1.8, 3.0), height=height * scene.noise)
        found = find_streaks(with_trails(scene, light, seed), scene.noise, bad=scene.full)
        bright, dark = light > scene.noise, light < 0.1 * scene.noise
        complete.append((found.mask & bright).sum() / bright.sum())
        clean.append((found.mask & dark).sum() / dark.sum())
        best = found.streaks[0]
        turn = np.angle(np.exp(2j * (best.angle - angle))) / 2
        assert abs(turn) < 0.01
    assert min(complete) >= 0.95
    assert max(clean) <= 0.02


def test_no_trail_no_mask() -> None:
    for stars in (0, 300, 1000):
        scene = star_field(3, stars=stars)
        assert not find_streaks(scene.image, scene.noise, bad=scene.full).streaks


def test_two_trails_and_one_that_ends() -> None:
    scene = star_field(4, stars=300)
    one = trail(scene.image.shape, 0.4, 600.0, width=2.0, height=5.0 * scene.noise)
    two = trail(scene.image.shape, 2.0, 300.0, width=2.0, height=8.0 * scene.noise, until=-500.0)
    found = find_streaks(with_trails(scene, one + two, 5), scene.noise, bad=scene.full)
    assert len(found.streaks) == 2
    for light in (one, two):
        bright = light > scene.noise
        assert (found.mask & bright).sum() / bright.sum() > 0.95
    # A trail is followed by stretches of 64 pixels, and one more is masked at its end.
    y, x = np.indices(scene.image.shape)
    beyond = (-x * np.sin(2.0) + y * np.cos(2.0) > -500.0 + 3 * 64) & (one < 0.01)
    assert not (found.mask & beyond).any()


def test_bad_columns_are_no_trails_when_told() -> None:
    scene = star_field(6, stars=100)
    image, bad = scene.image.copy(), scene.full.copy()
    image[:, 300:302] += 3000.0
    bad[:, 300:302] = True
    assert not find_streaks(image, scene.noise, bad=bad).streaks
    assert len(find_streaks(image, scene.noise, bad=scene.full).streaks) == 1


def test_noise_must_be_known() -> None:
    with pytest.raises(UserError, match="positive"):
        find_streaks(np.zeros((64, 64), np.float32), 0.0)
