from __future__ import annotations

import numpy as np


def test_coefficients_are_true_within_their_errors(calibration_set, calibrations) -> None:
    model = calibrations["crosstalk"]
    truth = calibration_set.truth.amplifiers.crosstalk
    off = ~np.eye(len(truth), dtype=bool)
    pull = (model.matrix - truth)[off] / np.array(model.errors)[off]
    assert np.abs(pull).max() < 5.0
    assert np.array(model.errors)[off].max() < 1e-5
