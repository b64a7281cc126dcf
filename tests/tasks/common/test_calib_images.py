from __future__ import annotations

import numpy as np
import pytest
from lsst.pipe.base import NoWorkFound

from uraniborg.tasks.common.calib_images import (
    LightPath,
    combine_biases,
    combine_darks,
    combine_flats,
    combine_skies,
)


def test_too_few_exposures_are_no_work(calibration_set, calibrations) -> None:
    path = LightPath(bias=calibrations["bias"], gains=calibrations["gain"])
    frames = calibration_set.frames
    with pytest.raises(NoWorkFound, match="biases"):
        combine_biases(frames["bias"][:2])
    with pytest.raises(NoWorkFound, match="darks"):
        combine_darks(frames["dark"][:2], path)
    with pytest.raises(NoWorkFound, match="flats between"):
        combine_flats(frames["flat"], path, levels=(1.0, 2.0))
    with pytest.raises(NoWorkFound, match="sky"):
        combine_skies([], path)


def test_a_flat_divided_by_the_flat_is_flat(calibration_set, calibrations) -> None:
    names = ("bias", "linearizer", "crosstalk", "dark", "flat", "defects")
    path = LightPath(gains=calibrations["gain"], **{name: calibrations[name] for name in names})
    _, image = path.read(calibration_set.frames["flat"][10])
    good = ~path.bad(image.shape) & np.isfinite(image)
    level = np.median(image[good])
    assert abs(level / 4e4 - 1.0) < 0.08
    expected = np.sqrt(level * (1.0 - 2.5e-6 * level))
    assert abs(0.7413 * np.subtract(*np.percentile(image[good], [75, 25])) / expected - 1.0) < 0.06
