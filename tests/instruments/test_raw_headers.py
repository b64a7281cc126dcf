from __future__ import annotations

from pathlib import PurePath

import numpy as np
import pytest
from astropy.io.fits import Header

from uraniborg.core.errors import UserError
from uraniborg.instruments.lsst import Latiss
from uraniborg.instruments.raw_headers import completed_segment


def test_mended_sections_come_to_the_segment() -> None:
    primary = Header({"INSTRUME": "LATISS", "OBSID": "AT_O_20210212_000006", "DATE": "2021-02-12T12:36:23"})
    segment = Header({"DATASEC": "[1:509,1:2000]", "DETSEC": "[509:1,1:2000]", "DETSIZE": "[1:4072,1:4000]"})
    assert completed_segment(primary, segment)["DATASEC"] == "[4:512,1:2000]"
    assert segment["DATASEC"] == "[1:509,1:2000]"


def test_other_headers_stay_as_they_are() -> None:
    segment = Header({"DATASEC": "[1:509,1:2000]", "DETSIZE": "[1:4072,1:4000]"})
    assert completed_segment(Header({"INSTRUME": "a camera that nobody knows"}), segment) == segment


def test_frames_that_others_reduced_are_refused() -> None:
    camera = Latiss()
    assert camera.identify(PurePath("x.fits"), Header()) is None
    with pytest.raises(UserError, match="ingest its raw frames"):
        camera.describe_frame(Header())
    with pytest.raises(UserError, match="ingest its raw frames"):
        camera.mask_planes(np.zeros((2, 2), dtype=int), Header())
