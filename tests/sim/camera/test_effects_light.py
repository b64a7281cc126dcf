from __future__ import annotations

import numpy as np
import pytest

from uraniborg.sim.camera.effects_light import dust_shadows, fringe_pattern, vignetting


def test_vignetting_is_as_set_at_the_corner() -> None:
    light = vignetting((101, 201), centre=(100.0, 50.0), corner=float(np.hypot(100, 50)), loss=0.08)
    assert light[50, 100] == 1.0
    assert light[0, 0] == pytest.approx(0.92)
    assert light.max() == 1.0


def test_dust_makes_shallow_rings_and_nothing_else() -> None:
    rng = np.random.default_rng(5)
    light = dust_shadows((200, 300), rng, mean_number=10)
    assert light.max() == 1.0
    assert 0.85 < light.min() < 0.995
    assert 0.5 < np.mean(light == 1.0) < 0.99
    assert np.array_equal(dust_shadows((20, 20), rng, mean_number=0), np.ones((20, 20)))


def test_fringes_have_unit_amplitude_and_are_smooth() -> None:
    pattern = fringe_pattern((600, 800), np.random.default_rng(4))
    assert pattern.shape == (600, 800)
    assert pattern.max() == pytest.approx(1.0, abs=1e-3)
    assert pattern.min() == pytest.approx(-1.0, abs=1e-3)
    assert abs(pattern.mean()) < 0.3
    steps = np.abs(np.diff(pattern, axis=1))
    assert np.percentile(steps, 99) < 0.5
    # Mean of |sin| times 2 pi times the mean of one normal component of a slope of rms 1 / 60.
    expected = 2 / np.pi * 2 * np.pi * np.sqrt(2 / np.pi) / np.sqrt(2) / 60
    assert steps.mean() == pytest.approx(expected, rel=0.3)
