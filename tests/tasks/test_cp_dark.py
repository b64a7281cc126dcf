from __future__ import annotations

import numpy as np


def test_dark_current_and_hot_pixels_are_true_and_cosmic_rays_are_gone(calibration_set, calibrations) -> None:
    truth = calibration_set.truth
    dark = calibrations["dark"]
    pull = (dark.image.array - truth.dark_current) / np.sqrt(dark.variance.array)
    ordinary = ~truth.hot & ~truth.dead
    assert abs(np.median(pull[ordinary])) < 0.1
    assert (np.abs(pull[ordinary]) > 7.0).mean() < 1e-3
    ratio = dark.image.array[truth.hot] / truth.dark_current[truth.hot]
    assert abs(np.median(ratio) - 1.0) < 0.05
