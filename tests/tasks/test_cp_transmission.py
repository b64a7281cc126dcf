from __future__ import annotations

import numpy as np


def test_each_amplifier_has_a_throughput_at_each_wavelength(calibration_set, calibrations) -> None:
    curve = calibrations["transmission"]
    n = calibration_set.truth.layout.n_amplifiers
    assert len(curve) == 3 * n
    assert str(curve["wavelength"].unit) == "nm"
    np.testing.assert_array_equal(np.unique(curve["wavelength"]), [500.0, 600.0, 700.0])
    assert np.all(curve["throughputErr"] < 0.01)
    assert curve["throughput"].max() > 0.9
