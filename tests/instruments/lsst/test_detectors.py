from __future__ import annotations

import pytest
from astropy.io.fits import Header
from lsst.images.cameras import DetectorType

from uraniborg.core.errors import UserError
from uraniborg.instruments.lsst.detectors import detector_of, full_camera, raft_detectors, slot_number, with_header


@pytest.mark.parametrize(
    ("raft", "slot", "number"),
    [
        ("R01", "S00", 0),
        ("R10", "S02", 29),
        ("R22", "S21", 97),
        ("R43", "S22", 188),
        ("R00", "SG0", 189),
        ("R44", "SW1", 204),
    ],
)
def test_numbers(raft: str, slot: str, number: int) -> None:
    assert detector_of(raft, slot) == number


@pytest.mark.parametrize(("raft", "slot"), [("R00", "S00"), ("R22", "SG0"), ("R55", "S00"), ("R22", "S33")])
def test_places_without_detectors_are_refused(raft: str, slot: str) -> None:
    with pytest.raises(UserError, match=slot):
        detector_of(raft, slot)


def test_the_full_camera_is_numbered_in_order() -> None:
    camera = full_camera()
    assert [item.id for item in camera] == list(range(205))
    assert len({item.name for item in camera}) == 205
    kinds = [item.type for item in camera]
    assert (kinds.count(DetectorType.SCIENCE), kinds.count(DetectorType.GUIDER)) == (189, 8)
    assert all(detector_of(*item.name.split("_")) == item.id for item in camera)


def test_science_detectors_do_not_overlap_and_are_centred() -> None:
    science = [item for item in full_camera() if item.type is DetectorType.SCIENCE]
    centres = {(item.orientation.focal_plane_x, item.orientation.focal_plane_y) for item in science}
    assert len(centres) == 189
    gap = min(max(abs(x - u), abs(y - v)) for x, y in centres for u, v in centres if (x, y) != (u, v))
    assert gap == pytest.approx(42.25)
    assert sum(x for x, _ in centres) == pytest.approx(0.0)
    middle = science[[item.name for item in science].index("R22_S11")]
    assert (middle.orientation.focal_plane_x, middle.orientation.focal_plane_y) == (0.0, 0.0)


def test_slots_have_numbers() -> None:
    assert [slot_number(slot) for slot in ("S00", "S12", "S22", "SG0", "SW1")] == [0, 5, 8, 0, 3]


def test_headers_tell_the_sensor() -> None:
    item = raft_detectors("R22")[0]
    told = with_header(item, Header({"DETSIZE": "[1:4072,1:4000]", "CCD_MANU": "ITL", "LSST_NUM": "ITL-3800C-139"}))
    assert (told.serial, told.physical_type) == ("ITL-3800C-139", "ITL")
    assert (told.bbox.y.size, told.bbox.x.size) == (4000, 4072)
    assert (item.bbox.y.size, item.bbox.x.size) == (4004, 4096)
    sensor = full_camera()[203]
    assert with_header(sensor, Header({"DETSIZE": "[1:4072,1:4000]"})).bbox.y.size == 2000
