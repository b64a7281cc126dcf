from __future__ import annotations

import numpy as np

from uraniborg.algorithms.isr.linearity import correct_linearity, tabulate_spline
from uraniborg.sim.camera.effects_electronics import bend


def test_signals_are_linear_to_a_thousandth_up_to_nine_tenths_of_the_full_well(calibration_set, calibrations) -> None:
    amplifiers = calibration_set.truth.amplifiers
    for k, item in enumerate(calibrations["linearizer"].amplifiers):
        full = calibration_set.config.camera.full_well / amplifiers.gain[k]
        truth = np.linspace(0.02, 0.9, 60) * full
        measured = bend(truth, loss=float(amplifiers.nonlinearity[k]), full_scale=full)
        table = tabulate_spline(np.array(item.nodes), np.array(item.corrections))
        linear = correct_linearity(measured[None].astype(np.float32), table)[0]
        assert np.abs(linear / truth - 1.0).max() < 1e-3
