from __future__ import annotations

from uraniborg.tasks.common.calib_defects import list_defects


def test_no_pixel_is_listed_twice_and_kinds_are_told(calibration_set, calibrations) -> None:
    found = list_defects(
        calibrations["dark"],
        [calibrations["flat"], calibrations["flat"]],
        calibration_set.label,
        n_sigma=6.0,
        hot_floor=0.02,
        dark_floor=0.05,
    )
    total = sum(item.width * item.height for item in found.defects)
    assert total == found.mask(calibration_set.truth.hot.shape).sum() == found.metadata["n_pixels"]
    kinds = {item.kind for item in found.defects}
    assert {"hot", "dead"} <= kinds
