from __future__ import annotations

from pathlib import PurePath

import numpy as np
import pytest
from astropy.io.fits import Header

from uraniborg.archive.formatters.frames import read_reduced_frame
from uraniborg.instruments.base import MEMBERS, merged_header
from uraniborg.instruments.simcam import SimCam
from uraniborg.instruments.simcam.headers import DQ_BITS
from uraniborg.testing.frames import TINY_GEOMETRY, tiny_exposure, write_triplet


def test_headers_translate(tmp_path) -> None:
    frame = read_reduced_frame(str(write_triplet(tmp_path, tiny_exposure(5), 1)["image"]))
    info = SimCam().observation_info(merged_header(frame.primary, frame.header))
    assert (info.instrument, info.exposure_id, info.visit_id, info.detector_num) == ("SimCam", 5, 5, 1)
    assert (info.physical_filter, info.observing_day, info.detector_unique_name) == ("r_sim", 20251120, "D01")
    assert info.datetime_begin.tai.mjd == pytest.approx(61000.2 + 5 / 1440, abs=1e-9)
    assert (info.datetime_end - info.datetime_begin).sec == pytest.approx(30.0, abs=1e-3)
    assert info.tracking_radec.ra.deg == pytest.approx(150.0)
    assert info.has_simulated_content
    assert info.can_see_sky


def test_image_has_bits_geometry_and_positions(tmp_path) -> None:
    paths = write_triplet(tmp_path, tiny_exposure(5), 1)
    image = SimCam().build_visit_image(*(read_reduced_frame(str(paths[member])) for member in MEMBERS))
    assert image.detector.bbox.shape == (32, 40)
    assert image.detector.visit == 5
    for column, name in enumerate(DQ_BITS):
        assert np.argwhere(image.mask.get(name)).tolist() == [[3, column]]
    x, y = TINY_GEOMETRY.boresight(1)
    sky = image.sky_projection.pixel_to_sky(x=x, y=y)
    assert (sky.ra.deg, sky.dec.deg) == pytest.approx((150.0, 2.0), abs=1e-9)
    assert np.median(image.image.array) == pytest.approx(300.0, abs=2.0)
    assert np.median(image.variance.array) == pytest.approx(300.0 + 36.0, abs=0.1)


def test_other_files_are_not_members() -> None:
    camera = SimCam()
    assert camera.identify(PurePath("x_image.fits"), Header({"INSTRUME": "SimCam", "PRODTYPE": "raw"})) is None
    assert camera.identify(PurePath("x_image.fits"), Header({"INSTRUME": "DECam", "PRODTYPE": "image"})) is None
    found = camera.identify(PurePath("x_dq.fits"), Header({"INSTRUME": "SimCam", "PRODTYPE": "dqmask"}))
    assert found == ("x", "dq")
