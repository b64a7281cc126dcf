from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from astropy.io.fits import Header

from uraniborg.archive.ingest import ingest_raws
from uraniborg.archive.repository import create_repository, open_repository
from uraniborg.instruments.lsst import ComCam, Latiss, LsstCam, Ts3, Ts8, UcdCam
from uraniborg.instruments.lsst.cameras import RubinCamera
from uraniborg.instruments.raw_geometry import raw_geometry

CAMERAS = (LsstCam, ComCam, Latiss, UcdCam, Ts8, Ts3)


@pytest.mark.parametrize("camera", CAMERAS, ids=lambda camera: camera.__name__)
def test_detectors_and_filters_are_complete(camera: type[RubinCamera]) -> None:
    item = camera()
    detectors = item.detectors()
    assert [detector.id for detector in detectors] == list(range(len(detectors)))
    assert len({detector.name for detector in detectors}) == len(detectors)
    assert all(band for band in item.filters.values())
    assert item.get_detector(0) is not None


def test_bands_follow_from_names() -> None:
    assert {name: LsstCam.filters[name] for name in ("u_24", "y_10", "ph_5", "SDSSi~ND_OD0.5", "unknown")} == {
        **{"u_24": "u", "y_10": "y", "ph_5": "other", "SDSSi~ND_OD0.5": "i", "unknown": "unknown"}
    }
    assert Latiss.filters["SDSSr_65mm~empty_1"] == "r"
    assert Latiss.filters["empty_1~holo4_003"] == "white"


def test_headers_tell_the_maker() -> None:
    header = Header({"INSTRUME": "lsstCam", "RAFTBAY": "R22", "CCDSLOT": "S21", "LSST_NUM": "ITL-3800C-139"})
    header["DETSIZE"] = "[1:4072,1:4000]"
    told = LsstCam().attributes_for(header)
    assert told[97].serial == "ITL-3800C-139"
    assert told[97].bbox.x.size == 4072
    assert told[96].bbox.x.size == 4096


@pytest.mark.realdata
def test_real_raws_are_ingested_and_read(testdata: Path, tmp_path: Path) -> None:
    create_repository(tmp_path / "repo").close()
    path = tmp_path / "raw.fits.gz"
    shutil.copyfile(testdata / "raw" / "lsst_raw_structure" / "3019032200002-R10-S22-det035.fits", path)
    with open_repository(tmp_path / "repo", writeable=True) as butler:
        report = ingest_raws(butler, [path], instrument=LsstCam(), transfer="direct")
        assert report.exposures == (3019032200002,)
        raw = butler.get("raw", instrument="LSSTCam", exposure=3019032200002, detector=35, collections=report.run)
        (record,) = butler.query_dimension_records("exposure", instrument="LSSTCam")
    geometry = raw_geometry(raw)
    assert geometry.shape == (4000, 4072)
    assert geometry.n_amplifiers == 16
    assert (record.observation_type, record.physical_filter, record.day_obs) == ("flat", "SDSSi~ND_OD0.5", 20190322)
