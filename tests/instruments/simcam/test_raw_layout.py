from __future__ import annotations

import re

import numpy as np
import pytest
from astro_metadata_translator import ObservationInfo
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from uraniborg.core.errors import UserError
from uraniborg.instruments.base import merged_header
from uraniborg.instruments.simcam import SimCam
from uraniborg.instruments.simcam.headers import SimCamExposure, SimCamGeometry
from uraniborg.instruments.simcam.raw_layout import (
    AmplifierLayout,
    cut_segments,
    join_segments,
    make_raw_headers,
    raw_file_name,
)

LAYOUT = AmplifierLayout(64, 32, columns=4, rows=2, prescan=3, overscan=5, parallel_overscan=4)
GEOMETRY = SimCamGeometry(columns=2, rows=1, width=64, height=32, gap=4)


def _exposure(kind: str = "science", seconds: float = 30.0) -> SimCamExposure:
    return SimCamExposure(
        250101007, "r_sim", 150.0, 2.0, 60676.1, exposure_time=seconds, rotation=3.0, observation_type=kind
    )


def _headers(kind: str = "science", seconds: float = 30.0):
    return make_raw_headers(
        _exposure(kind, seconds), 1, geometry=GEOMETRY, layout=LAYOUT, gain=1.5, read_noise=5.0, saturation=1e5
    )


def _section(text: str) -> list[int]:
    return [int(number) for number in re.fullmatch(r"\[(\d+):(\d+),(\d+):(\d+)\]", text).groups()]


@given(
    columns=st.integers(1, 5),
    rows=st.integers(1, 2),
    width=st.integers(1, 6),
    height=st.integers(1, 6),
    scans=st.tuples(*[st.integers(0, 4)] * 3),
)
def test_segments_join_to_what_was_cut(columns, rows, width, height, scans) -> None:
    layout = AmplifierLayout(columns * width, rows * height, columns, rows, *scans)
    image = np.arange(float(layout.width * layout.height)).reshape(layout.height, layout.width)
    image.flags.writeable = False
    segments = cut_segments(image, layout)
    assert segments.shape == (layout.n_amplifiers, *layout.segment_shape)
    assert np.array_equal(join_segments(segments, layout), image)
    assert segments.sum() == image.sum()


def test_upper_amplifiers_read_towards_the_upper_edge() -> None:
    image = np.arange(float(64 * 32)).reshape(32, 64)
    segments = cut_segments(image, LAYOUT)
    assert segments[0, 0, 3] == image[0, 0]
    assert segments[5, 0, 3] == image[31, 16]
    assert segments[5, 1, 3] == image[30, 16]
    assert LAYOUT.name(5) == "C11"


def test_sections_say_where_the_pixels_are() -> None:
    image = np.arange(1.0, 64 * 32 + 1).reshape(32, 64)
    segments = cut_segments(image, LAYOUT)
    for header, segment in zip(_headers()[1], segments, strict=True):
        x1, x2, y1, y2 = _section(header["DATASEC"])
        data = segment[y1 - 1 : y2, x1 - 1 : x2]
        a1, a2, b1, b2 = _section(header["DETSEC"])
        where = image[min(b1, b2) - 1 : max(b1, b2), a1 - 1 : a2]
        assert np.array_equal(data, where if b1 < b2 else where[::-1])
        for keyword, shape in (("BIASSEC", (16, 5)), ("PRESEC", (16, 3)), ("POVSEC", (4, 16))):
            x1, x2, y1, y2 = _section(header[keyword])
            scan = segment[y1 - 1 : y2, x1 - 1 : x2]
            assert scan.shape == shape
            assert not scan.any()
        assert header["DETSIZE"] == "[1:64,1:32]"
        assert (header["GAIN"], header["CCDNUM"], header["DETPOS"]) == (1.5, 1, "D01")


def test_wcs_of_segments_is_that_of_the_detector() -> None:
    whole = GEOMETRY.wcs(1, ra=150.0, dec=2.0, rotation=3.0)
    number = np.arange(64 * 32, dtype=float).reshape(32, 64)
    for header, segment in zip(_headers()[1], cut_segments(number, LAYOUT), strict=True):
        wcs = WCS(header)
        for s, t in ((3, 0), (10, 7), (18, 15)):
            y, x = divmod(int(segment[t, s]), 64)
            assert wcs.wcs_pix2world([[s, t]], 0)[0] == pytest.approx(whole.wcs_pix2world([[x, y]], 0)[0], abs=1e-9)


def test_a_raw_science_header_translates_like_a_reduced_one() -> None:
    primary, segments = _headers()
    for header in (primary, merged_header(primary, segments[3])):
        info = SimCam().observation_info(header)
        assert (info.exposure_id, info.detector_num, info.observation_type) == (250101007, 1, "science")
        assert (info.observation_reason, info.can_see_sky) == ("science", True)
        assert info.tracking_radec.ra.deg == pytest.approx(150.0)
        assert info.boresight_rotation_angle.deg == pytest.approx(3.0)


@pytest.mark.parametrize(("kind", "seconds"), [("bias", 0.0), ("dark", 60.0), ("flat", 5.0)])
def test_calibrations_do_not_see_the_sky(kind, seconds) -> None:
    primary, segments = _headers(kind, seconds)
    assert "CTYPE1" not in segments[0]
    info = SimCam().observation_info(merged_header(primary, segments[0]))
    assert (info.observation_type, info.can_see_sky, info.observation_reason) == (kind, False, "calibration")
    assert info.exposure_time.to_value("s") == seconds == info.dark_time.to_value("s")
    assert info.tracking_radec is None
    assert info.boresight_rotation_angle is None


def test_the_translator_is_found_from_the_header_alone() -> None:
    primary, _ = _headers("flat", 5.0)
    info = ObservationInfo(primary, pedantic=True)
    assert (info.instrument, info.observation_type, info.physical_filter) == ("SimCam", "flat", "r_sim")


def test_faults_are_told() -> None:
    with pytest.raises(UserError, match="cannot be cut into 3 equal columns"):
        AmplifierLayout(64, 32, columns=3)
    with pytest.raises(UserError, match="only be read towards two edges"):
        AmplifierLayout(64, 32, rows=4)
    with pytest.raises(UserError, match="the layout says"):
        cut_segments(np.zeros((3, 3)), LAYOUT)
    with pytest.raises(UserError, match="the layout says"):
        join_segments(np.zeros((2, 3, 3)), LAYOUT)
    with pytest.raises(UserError, match="no amplifier 8"):
        LAYOUT.name(8)
    with pytest.raises(UserError, match="must be positive"):
        _exposure("flat", 0.0)
    with pytest.raises(UserError, match="observation_type"):
        _exposure("arc")


def test_file_name() -> None:
    assert raw_file_name(250101007, 3) == "simcam_00250101007_03_raw.fits"
