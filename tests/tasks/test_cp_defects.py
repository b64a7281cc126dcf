from __future__ import annotations

import numpy as np


def test_strong_defects_are_found_and_good_pixels_are_left(calibration_set, calibrations) -> None:
    truth = calibration_set.truth
    found = calibrations["defects"].mask(truth.hot.shape)
    sigma = np.sqrt(np.median(calibrations["dark"].variance.array))
    strong = truth.hot & (truth.dark_current > calibration_set.config.sensor.dark_current + 10.0 * sigma)
    wanted = strong | truth.dead
    assert (found & wanted).sum() >= 0.99 * wanted.sum()
    assert (found & ~truth.hot & ~truth.dead).sum() <= 1e-3 * found.size
