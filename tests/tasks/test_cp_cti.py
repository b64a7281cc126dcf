from __future__ import annotations

import numpy as np


def test_charge_transfer_is_true_to_a_tenth(calibration_set, calibrations) -> None:
    sensor = calibration_set.config.sensor
    serial = np.mean([item.serial for item in calibrations["cti"].amplifiers])
    parallel = np.mean([item.parallel for item in calibrations["cti"].amplifiers])
    assert abs(serial / sensor.serial_cti - 1.0) < 0.1
    assert abs(parallel / sensor.parallel_cti - 1.0) < 0.15
