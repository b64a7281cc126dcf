from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.isr.quality import measure_amplifiers
from uraniborg.core.errors import UserError


def test_sky_noise_and_steps_of_amplifiers(layout) -> None:
    geometry, rng = layout(rows=200, width=160), np.random.default_rng(1)
    image = (1000.0 + 30.0 * rng.standard_normal(geometry.shape)).astype(np.float32)
    image[geometry.amplifiers[5].detector.slices] += 50.0
    variance = np.full(geometry.shape, 900.0, np.float32)
    bad = np.zeros(geometry.shape, bool)
    bad[geometry.amplifiers[2].detector.slices] = True
    bad[:100, :160] = True
    found = measure_amplifiers(image, variance, geometry, bad=bad)
    expected = np.full(8, 1000.0)
    expected[5], expected[2] = 1050.0, np.nan
    error = 1.25 * 30.0 / np.sqrt(200 * 160 / 32)
    np.testing.assert_allclose(found.sky, expected, atol=5.0 * error)
    np.testing.assert_allclose(found.sky_noise[[0, 1, 3]], 30.0, rtol=0.15)
    np.testing.assert_allclose(found.expected_noise[[0, 1, 3]], 30.0)
    np.testing.assert_allclose(found.masked, [0.5, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0], atol=0.01)
    assert found.step == pytest.approx(0.05, abs=0.01)


def test_an_image_of_another_detector_is_refused(layout) -> None:
    with pytest.raises(UserError, match="the detector has"):
        measure_amplifiers(np.zeros((3, 3), np.float32), np.zeros((3, 3), np.float32), layout())
