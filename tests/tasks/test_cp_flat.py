from __future__ import annotations

import numpy as np


def test_the_flat_is_the_response(calibration_set, calibrations) -> None:
    truth = calibration_set.truth
    flat = calibrations["flat"]
    good = ~truth.dead
    assert abs(np.median(flat.image.array) - 1.0) < 1e-6
    layout = truth.layout
    for k in range(layout.n_amplifiers):
        # The error of a gain moves an amplifier as a whole, in flats as in what they correct.
        box = layout.detector_slices(k)
        response, usable = truth.response[box], good[box]
        expected = response * np.median(flat.image.array[box][usable] / response[usable])
        pull = (flat.image.array[box] - expected)[usable] / np.sqrt(flat.variance.array[box][usable])
        width = 0.7413 * (np.percentile(pull, 75) - np.percentile(pull, 25))
        assert 0.85 < width < 1.05  # the brighter-fatter effect makes flats smoother than Poisson's noise
