from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.calib.combine import FrameStack
from uraniborg.algorithms.calib.fringe import find_light, fit_fringe_amplitude, relative_to_sky, smooth_pattern
from uraniborg.core.errors import Unprocessable
from uraniborg.sim.camera.effects_light import fringe_pattern

SHAPE = (256, 320)


def _sky(rng: np.random.Generator, pattern: np.ndarray, amplitude: float) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    light = 1000.0 * (1.0 + amplitude * pattern)
    stars = np.zeros(SHAPE)
    for sx, sy in rng.uniform(0, 1, (25, 2)) * (SHAPE[1], SHAPE[0]):
        stars += rng.exponential(3000.0) * np.exp(-0.5 * ((x - sx) ** 2 + (y - sy) ** 2) / 4.0)
    return rng.poisson(light + stars).astype(float), stars > 5.0


def test_the_pattern_comes_out_of_exposures_with_stars() -> None:
    rng = np.random.default_rng(1)
    truth = fringe_pattern(SHAPE, rng, spacing=40.0)
    stack = FrameStack(SHAPE)
    for _ in range(12):
        image, _ = _sky(rng, truth, 0.02)
        relative, sky = relative_to_sky(image, bad=find_light(image, sky=1000.0))
        stack.add(relative * sky, scale=sky)
    combined = stack.combine(read_variance=0.0, photon_variance=1.0)
    pattern = smooth_pattern(combined.mean, bad=combined.count == 0)
    scale = float(np.sum(pattern * truth) / np.sum(truth**2))
    assert scale == pytest.approx(0.02, rel=0.08)
    image, stars = _sky(rng, truth, 0.02)
    bad = find_light(image, sky=1000.0)
    fit = fit_fringe_amplitude(image, pattern / scale, bad=bad)
    assert fit.amplitude == pytest.approx(20.0, rel=0.1)
    assert fit.residual < 0.2
    assert bad[stars].mean() > 0.95


def test_light_is_found_and_noise_is_not() -> None:
    rng = np.random.default_rng(2)
    image, stars = _sky(rng, np.zeros(SHAPE), 0.0)
    bad = find_light(image, sky=1000.0)
    assert bad[stars].mean() > 0.95
    assert bad[~stars].mean() < 0.2
    assert find_light(rng.poisson(1000.0, SHAPE).astype(float), sky=1000.0).mean() < 0.02


def test_no_sky_is_refused() -> None:
    with pytest.raises(Unprocessable, match="cannot show"):
        relative_to_sky(np.full(SHAPE, -1.0))
    with pytest.raises(Unprocessable, match="flat"):
        fit_fringe_amplitude(np.ones(SHAPE), np.ones(SHAPE))
