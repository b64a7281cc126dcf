from __future__ import annotations

import numpy as np


def test_gains_scatter_about_truth_as_their_errors_say(calibration_set, calibrations) -> None:
    truth = calibration_set.truth.amplifiers
    gains = calibrations["gain"]
    pull = (np.array(gains.gain) - truth.gain) / np.array(gains.gain_error)
    assert np.abs(pull).max() < 4.0
    assert max(gains.gain_error) < 0.01 * max(gains.gain)
    assert np.abs(np.array(gains.read_noise) / truth.read_noise - 1.0).max() < 0.02


def test_the_curve_turns_over_at_the_full_well(calibration_set, calibrations) -> None:
    full = calibration_set.config.camera.full_well
    for item in calibrations["ptc"].amplifiers:
        assert abs(item.turnoff / full - 1.0) < 0.05  # the ramp of the test has steps of 8 %
        assert item.a[0][0] < 0.0
