from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.fits import Header
from hypothesis import given
from hypothesis import strategies as st

from uraniborg.algorithms.isr.assembly import read_detector
from uraniborg.algorithms.isr.geometry import Section, amplifier_view
from uraniborg.core.errors import UserError
from uraniborg.instruments.base import wcs_from_header
from uraniborg.instruments.raw_geometry import (
    amplifier_geometry,
    detector_wcs_header,
    format_section,
    parse_section,
    raw_geometry,
)
from uraniborg.instruments.simcam.headers import SimCamExposure, SimCamGeometry
from uraniborg.instruments.simcam.raw_layout import AmplifierLayout, cut_segments, make_raw_headers
from uraniborg.model.frames import RawFrame, ReducedFrame

LAYOUT = AmplifierLayout(160, 120, 4, 2, 6, 10, 8)


def frame(image: np.ndarray) -> RawFrame:
    exposure = SimCamExposure(
        exposure=1, physical_filter="r_sim", ra=150.0, dec=2.2, mjd_begin=60000.0, exposure_time=30.0, field="x", seed=1
    )
    primary, headers = make_raw_headers(
        exposure, 0, geometry=SimCamGeometry(1, 1, 160, 120), layout=LAYOUT, gain=1.5, read_noise=6.0, saturation=6e4
    )
    return RawFrame(
        primary,
        tuple(ReducedFrame(primary, h, s) for h, s in zip(headers, cut_segments(image, LAYOUT), strict=True)),
    )


coordinate = st.integers(0, 5000)


@given(coordinate, coordinate, st.integers(1, 500), st.integers(1, 500), st.booleans(), st.booleans())
def test_sections_survive_the_round_trip(x: int, y: int, width: int, height: int, flip_x: bool, flip_y: bool) -> None:
    section = Section(y, y + height, x, x + width)
    text = format_section(section, flip_x=flip_x, flip_y=flip_y)
    assert parse_section(text) == (section, flip_x and width > 1, flip_y and height > 1)


def test_the_simulated_camera_is_assembled_by_its_headers() -> None:
    image = np.random.default_rng(1).uniform(0, 1e4, (120, 160))
    raw = frame(image)
    geometry = raw_geometry(raw)
    assert geometry.shape == (120, 160)
    assert geometry.names == tuple(LAYOUT.name(k) for k in range(8))
    for k, amplifier in enumerate(geometry.amplifiers):
        np.testing.assert_array_equal(amplifier_view(image, amplifier), image[LAYOUT.detector_slices(k)])
        assert amplifier.serial_overscan.slices == LAYOUT.overscan_slices
        assert amplifier.parallel_overscan.shape == (8, 40)
    np.testing.assert_allclose(
        read_detector([s.array for s in raw.segments], geometry, overscan=None).image, image, rtol=1e-6
    )


def test_every_segment_tells_the_same_sky() -> None:
    raw = frame(np.zeros((120, 160)))
    pixels = np.random.default_rng(2).uniform(0, 150, (5, 2))
    worlds = []
    for segment, amplifier in zip(raw.segments, raw_geometry(raw).amplifiers, strict=True):
        whole = wcs_from_header(detector_wcs_header(segment.header, amplifier))
        worlds.append(whole.wcs_pix2world(pixels, 0))
        # The pixel of the segment and that of the detector are one place on the sky.
        at = np.array([[amplifier.data.x0 + 3, amplifier.data.y0 + 7]])
        view = np.indices((120, 160))[:, *amplifier.detector_slices]
        y, x = view[:, 7, 3]
        np.testing.assert_allclose(
            wcs_from_header(segment.header).wcs_pix2world(at, 0), whole.wcs_pix2world([[x, y]], 0), atol=1e-9
        )
    np.testing.assert_allclose(worlds, [worlds[0]] * 8, atol=1e-9)


def test_missing_keywords_are_all_told() -> None:
    with pytest.raises(UserError, match="A7: no DATASEC and DETSEC"):
        amplifier_geometry(Header([("EXTNAME", "A7")]), (10, 10))
    with pytest.raises(UserError, match="should look like"):
        parse_section("[1-512,1:5]")
    raw = frame(np.zeros((120, 160)))
    for segment in raw.segments[:2]:
        del segment.header["DATASEC"]
    with pytest.raises(UserError, match=r"(?s)2 fault.*C00.*C01"):
        raw_geometry(raw)


def test_without_keywords_the_overscan_is_what_follows_the_data() -> None:
    header = Header([("DATASEC", "[11:50,1:60]"), ("DETSEC", "[1:40,1:60]")])
    found = amplifier_geometry(header, (68, 60), number=3)
    assert found.name == "amplifier 3"
    assert found.serial_overscan == Section(0, 60, 50, 60)
    assert found.parallel_overscan == Section(60, 68, 10, 50)


@pytest.mark.realdata
def test_a_real_frame_of_four_amplifiers_has_one_sky() -> None:
    path = Path(os.environ.get("URANIBORG_TESTDATA", "")) / "raw" / "lco_sinistro_mef" / "mef_raw_test_frame.fits"
    if not path.is_file():
        pytest.skip(f"there is no {path}")
    with fits.open(path) as hdus:
        primary = hdus[0].header
        raw = RawFrame(primary, tuple(ReducedFrame(primary, hdu.header, np.asarray(hdu.data)) for hdu in hdus[1:5]))
    geometry = raw_geometry(raw)
    assert geometry.shape == (2048, 2048)
    read = read_detector([segment.array for segment in raw.segments], geometry, skip=2)
    assert read.covered is not None
    assert read.covered[512:1536, 512:1536].all()
    assert read.covered.sum() == 1024**2
    light = read.image.copy()
    for segment, amplifier in zip(raw.segments, geometry.amplifiers, strict=True):
        light[amplifier.detector.slices] *= np.float32(segment.header["GAIN"])
    # Twenty pixels on both sides of each seam see the same sky; the gains in the headers are good to two percent.
    low, middle, high, near = 512, 1024, 1536, 20
    ratios = []
    for plane in (light, light.T):
        for part in (slice(low + near, middle - near), slice(middle + near, high - near)):
            sides = slice(middle - near, middle), slice(middle, middle + near)
            one, other = (float(np.median(plane[rows, part])) for rows in sides)
            ratios.append(one / other)
    assert np.abs(np.array(ratios) - 1.0).max() < 0.025
    assert np.all(read.noise * 6.3 < 9.0)
    assert np.ptp(read.level) > 50.0
