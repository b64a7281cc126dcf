from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from astropy.io.fits import Header

from uraniborg.model.frames import RawFrame, ReducedFrame


def test_a_frame_cannot_be_changed_by_accident() -> None:
    frame = ReducedFrame(Header(), Header([("EXTNAME", "N3")]), np.zeros((2, 3), dtype=np.float32))
    assert frame.header["EXTNAME"] == "N3"
    with pytest.raises(dataclasses.FrozenInstanceError):
        frame.array = np.ones((2, 3))  # type: ignore[misc]


def test_the_header_of_a_raw_frame_is_that_of_its_first_segment() -> None:
    names = ("Segment00", "Segment01")
    segments = tuple(ReducedFrame(Header(), Header([("EXTNAME", name)]), np.zeros((2, 3))) for name in names)
    assert RawFrame(Header(), segments).header["EXTNAME"] == "Segment00"
