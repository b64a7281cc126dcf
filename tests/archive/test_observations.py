from __future__ import annotations

import pytest
from lsst.daf.butler import Timespan

from uraniborg.archive.fits_headers import read_file_headers
from uraniborg.archive.observations import exposure_rows, insert_exposures
from uraniborg.archive.repository import create_repository
from uraniborg.instruments.simcam import SimCam
from uraniborg.testing.frames import tiny_exposure, write_raw


@pytest.fixture
def infos(tmp_path):
    files = [write_raw(tmp_path / "raw", tiny_exposure(number)) for number in (1, 2)]
    return [SimCam().observation_info(read_file_headers(path).images[0].header) for path in files]


def test_rows_say_what_the_header_says(infos) -> None:
    rows = exposure_rows(infos[0])
    assert list(rows) == ["day_obs", "group", "exposure"]
    exposure = rows["exposure"]
    assert (exposure["id"], exposure["physical_filter"], exposure["obs_id"]) == (1, "r_sim", "simcam00000000001")
    assert (exposure["tracking_ra"], exposure["tracking_dec"]) == pytest.approx((150.0, 2.0))
    assert exposure["sky_angle"] == 0.0
    assert exposure["azimuth"] is None
    assert exposure["exposure_time"] == 30.0
    night: Timespan = rows["day_obs"]["timespan"]
    assert night.contains(exposure["timespan"])
    assert (night.end - night.begin).sec == pytest.approx(86400.0)


def test_inserting_twice_changes_nothing(infos, tmp_path) -> None:
    with create_repository(tmp_path / "repo") as butler:
        SimCam().register(butler.registry)
        for _ in range(2):
            insert_exposures(butler, infos)
        records = butler.query_dimension_records("exposure", instrument="SimCam", order_by="exposure")
        assert [record.id for record in records] == [1, 2]
        assert len(butler.query_dimension_records("day_obs", instrument="SimCam")) == 1
