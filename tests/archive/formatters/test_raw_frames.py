from __future__ import annotations

import numpy as np
import pytest

from uraniborg.archive.formatters.raw_frames import read_raw_frame, write_raw_frame
from uraniborg.core.errors import UserError
from uraniborg.testing.frames import tiny_exposure, write_raw


def test_all_images_of_the_detector_are_read(tmp_path) -> None:
    path = str(write_raw(tmp_path, tiny_exposure(1), (0, 1, 1)))
    assert len(read_raw_frame(path, 0).segments) == 1
    frame = read_raw_frame(path, 1)
    assert [segment.header["CCDNUM"] for segment in frame.segments] == [1, 1]
    assert frame.header["CCDNUM"] == 1
    assert all(segment.array.dtype.isnative for segment in frame.segments)
    with pytest.raises(UserError, match="none of its 3 images is of detector 5"):
        read_raw_frame(path, 5)


def test_a_frame_comes_back_as_it_was_written(tmp_path) -> None:
    frame = read_raw_frame(str(write_raw(tmp_path, tiny_exposure(1), (1, 1))), 1)
    write_raw_frame(frame, str(tmp_path / "again.fits"))
    again = read_raw_frame(str(tmp_path / "again.fits"), 1)
    for mine, theirs in zip(frame.segments, again.segments, strict=True):
        assert np.array_equal(mine.array, theirs.array)
        assert mine.array.dtype == theirs.array.dtype == np.uint16


def test_unreadable_file(tmp_path) -> None:
    path = tmp_path / "x.fits"
    path.write_bytes(b"SIMPLE")
    with pytest.raises(UserError, match="cannot be read as FITS"):
        read_raw_frame(str(path), 1)
