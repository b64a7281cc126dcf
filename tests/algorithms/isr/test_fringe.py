from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.isr.fringe import fit_fringe, subtract_fringe
from uraniborg.core.errors import AlgorithmError, UserError
from uraniborg.sim.camera.effects_light import fringe_pattern

from .scenes import READ_NOISE, star_field

PATTERN = fringe_pattern((1024, 1024), np.random.default_rng(1)).astype(np.float32)


@pytest.mark.parametrize("amplitude", [3.0, 30.0])
def test_amplitude_between_stars_and_on_a_sloping_sky(amplitude: float) -> None:
    pulls = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        mean = star_field(seed, stars=800, rays=0.0).mean + 60.0 * np.linspace(-1, 1, 1024)[:, None]
        image = (rng.poisson(mean + amplitude * PATTERN) + READ_NOISE * rng.standard_normal(mean.shape)).astype(
            np.float32
        )
        fit = fit_fringe(image, PATTERN)
        pulls.append((fit.amplitude - amplitude) / fit.error)
        left = fit_fringe(subtract_fringe(image, PATTERN, fit), PATTERN)
        assert abs(left.amplitude) < 0.5 * fit.error
        assert abs(fit.amplitude - amplitude) < 0.2 * amplitude
    assert abs(np.mean(pulls)) < 3.0 / np.sqrt(6)
    assert np.std(pulls) < 2.0


def test_bad_pixels_are_left_out() -> None:
    rng = np.random.default_rng(7)
    image = (900.0 + 30.0 * rng.standard_normal(PATTERN.shape) + 10.0 * PATTERN).astype(np.float32)
    bad = np.zeros(image.shape, bool)
    bad[200:600] = True
    image[bad] = 50000.0
    fit = fit_fringe(image, PATTERN, bad=bad)
    assert abs(fit.amplitude - 10.0) < 5.0 * fit.error
    assert fit.bins < 0.65 * (1024 // 8) ** 2


def test_a_pattern_without_structure_and_a_frame_without_sky_are_told() -> None:
    flat = np.ones((512, 512), np.float32)
    with pytest.raises(AlgorithmError, match="no structure"):
        fit_fringe(flat, flat)
    with pytest.raises(AlgorithmError, match="too little sky"):
        fit_fringe(flat, flat, bad=np.ones(flat.shape, bool))
    with pytest.raises(UserError, match="has shape"):
        fit_fringe(flat, flat[:5])
