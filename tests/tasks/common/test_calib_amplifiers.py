from __future__ import annotations

import numpy as np
import pytest
from lsst.pipe.base import NoWorkFound

from uraniborg.tasks.common.calib_amplifiers import measure_charge_transfer, measure_crosstalk, measure_linearity


def test_faint_flats_show_no_trails(calibration_set) -> None:
    with pytest.raises(NoWorkFound, match="bright flats"):
        measure_charge_transfer(calibration_set.frames["flat"], calibration_set.label, faintest=1e9)


def test_no_spots_no_crosstalk(calibration_set, calibrations) -> None:
    with pytest.raises(NoWorkFound, match="crosstalk"):
        measure_crosstalk([], calibration_set.label, bias=calibrations["bias"], bright=1e4)


def test_a_quadratic_is_enough_for_a_quadratic_answer(calibration_set, calibrations) -> None:
    model = measure_linearity(
        calibration_set.frames["flat"],
        calibration_set.label,
        bias=calibrations["bias"],
        crosstalk=calibrations["crosstalk"],
        kind="quadratic",
        knots=5,
    )
    truth = calibration_set.truth.amplifiers
    full = calibration_set.config.camera.full_well / truth.gain
    found = np.array([item.coefficient for item in model.amplifiers])
    assert np.abs(found * full / truth.nonlinearity - 1.0).max() < 0.1
    assert max(model.metadata["largest_residual"]) < 2e-3
