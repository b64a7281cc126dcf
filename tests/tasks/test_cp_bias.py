from __future__ import annotations

import numpy as np


def test_the_bias_and_the_read_noise_are_true(calibration_set, calibrations) -> None:
    truth = calibration_set.truth
    noise = np.array(calibrations["numbers"]["read_noise"]) * truth.amplifiers.gain
    assert np.abs(noise / truth.amplifiers.read_noise - 1.0).max() < 0.02
    image, mask = calibrations["bias"].image.array, calibrations["bias"].mask
    layout = truth.layout
    for k in range(layout.n_amplifiers):
        level = truth.amplifiers.bias[k][layout.overscan_slices][:, 5:].mean()
        expected = truth.amplifiers.bias[k][layout.image_slices] - level
        residual = image[layout.detector_slices(k)] - expected
        error = noise[k] / truth.amplifiers.gain[k] / np.sqrt(8.0)
        assert abs(residual.mean()) < 0.1
        assert abs(residual.std() / error - 1.0) < 0.06
    assert not mask.get("NO_DATA").any()
