from __future__ import annotations

import pytest

from uraniborg.archive.formatters.detector_frames import read_detector_frame
from uraniborg.core.errors import UserError
from uraniborg.testing.frames import tiny_exposure, write_raw


def test_the_detector_asked_for_is_read(tmp_path) -> None:
    path = str(write_raw(tmp_path, tiny_exposure(1), (0, 1)))
    frame = read_detector_frame(path, 1)
    assert (frame.header["CCDNUM"], frame.primary["EXPNUM"]) == (1, 1)
    assert frame.array.dtype.isnative
    assert frame.array.mean() == pytest.approx(1100, abs=2)
    with pytest.raises(UserError, match="none of its 2 images is of detector 5"):
        read_detector_frame(path, 5)


def test_single_image_and_unreadable_file(tmp_path) -> None:
    path = write_raw(tmp_path, tiny_exposure(1), (1,))
    assert read_detector_frame(str(path), 1).array.shape == (32, 40)
    path.write_bytes(b"SIMPLE")
    with pytest.raises(UserError, match="cannot be read as FITS"):
        read_detector_frame(str(path), 1)
