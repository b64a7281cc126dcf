from __future__ import annotations

import numpy as np
import pytest

from uraniborg.instruments.camera import camera_frames, detector_attributes, make_detector

ITEM = detector_attributes(
    4, "N4", shape=(100, 80), boresight=(-20.5, 49.5), pixel_size=0.01, serial="s1", physical_type="test"
)


def test_detector_knows_where_it_is() -> None:
    detector = make_detector("Cam", ITEM, plate_scale=20.0, visit=7)
    assert (detector.id, detector.name, detector.serial, detector.visit) == (4, "N4", "s1", 7)
    assert detector.bbox.shape == (100, 80)
    assert detector.orientation.focal_plane_x == pytest.approx(60.0 * 0.01)
    assert detector.orientation.focal_plane_y == pytest.approx(0.0)
    at_boresight = detector.to_focal_plane.apply_forward(x=-20.5, y=49.5)
    assert np.allclose([at_boresight.x, at_boresight.y], 0.0, atol=1e-12)
    angle = detector.to_field_angle.apply_forward(x=-20.5 + 100.0, y=49.5)
    assert np.rad2deg(angle.x) * 3600 == pytest.approx(1.0 * 20.0)
    back = detector.to_focal_plane.apply_inverse(x=0.6, y=0.0)
    assert np.allclose([back.x, back.y], [39.5, 49.5])


def test_frame_set_holds_all_detectors() -> None:
    other = detector_attributes(
        5, "N5", shape=(100, 80), boresight=(-120.5, 49.5), pixel_size=0.01, serial="s2", physical_type="test"
    )
    frames = camera_frames("Cam", (ITEM, other), plate_scale=20.0)
    between = frames[frames.detector(4), frames.detector(5)].apply_forward(x=100.0, y=10.0)
    assert np.allclose([between.x, between.y], [0.0, 10.0])
