from __future__ import annotations

from pathlib import Path
from typing import Any

import astropy.units as u
import pytest
from astro_metadata_translator import ObservationInfo

from uraniborg.instruments.lsst.translators import ComCamTranslator, LatissTranslator, LsstCamTranslator, Ts8Translator
from uraniborg.verify.cameras import translate

SCIENCE: dict[str, Any] = {
    **{"INSTRUME": "lsstCam", "OBSID": "MC_O_20250609_000578", "IMGTYPE": "OBJECT", "FILTER": "y_10", "EXPTIME": 30.0},
    **{"DATE-BEG": "2025-06-10T07:31:55.280", "DATE-END": "2025-06-10T07:32:26.229", "TIMESYS": "TAI"},
    **{"RA": 320.5, "DEC": -17.9, "ROTPA": 131.0, "ROTCOORD": "sky", "RAFTBAY": "R01", "CCDSLOT": "S01"},
    **{"ELSTART": 68.0, "AZSTART": -10.0, "AMSTART": 1.08, "PRESSURE": 74210.0, "CURINDEX": 2, "MAXINDEX": 3},
}


def info(translator: type, **changes: Any) -> ObservationInfo:
    header = {key: value for key, value in {**SCIENCE, **changes}.items() if value != "absent"}
    return ObservationInfo(header, translator_class=translator, pedantic=True, quiet=True)


def test_a_science_exposure() -> None:
    found = info(LsstCamTranslator)
    assert (found.exposure_id, found.visit_id, found.detector_num) == (2025060900578, 2025060900577, 1)
    assert (found.group_counter_start, found.group_counter_end) == (577, 579)
    assert (found.observation_type, found.can_see_sky, found.observing_day) == ("science", True, 20250609)
    assert found.tracking_radec.ra.deg == pytest.approx(320.5)
    assert found.altaz_begin.az.deg == pytest.approx(350.0)
    assert found.pressure.to_value(u.hPa) == pytest.approx(742.1)
    assert found.datetime_begin.scale == "tai"
    assert (found.datetime_end - found.datetime_begin).to_value("sec") == pytest.approx(30.949)


def test_what_does_not_see_the_sky_has_no_position() -> None:
    for changes in ({"IMGTYPE": "DARK"}, {"VIGN_MIN": "FULLY"}):
        found = info(LsstCamTranslator, **changes)
        assert found.can_see_sky is False
        assert found.tracking_radec is None
        assert found.boresight_rotation_angle is None
        assert found.altaz_begin is None


def test_a_clock_at_1970_gives_way_to_the_time_of_writing() -> None:
    found = info(LsstCamTranslator, **{"DATE-BEG": "1970-01-01T00:00:08.000", "DATE": "2025-06-10T07:32:26.000"})
    assert found.datetime_begin.isot == "2025-06-10T07:31:56.000"
    assert (found.datetime_end - found.datetime_begin).to_value("sec") == pytest.approx(30.229)


def test_an_end_before_the_exposure_is_over_is_not_believed() -> None:
    found = info(LsstCamTranslator, **{"DATE-END": "2025-06-10T07:31:50.000"})
    assert (found.datetime_end - found.datetime_begin).to_value("sec") == pytest.approx(30.0)


def test_two_elements_in_the_beam() -> None:
    assert info(LsstCamTranslator, FILTER="SDSSi", FILTER2="ND_OD0.5").physical_filter == "SDSSi~ND_OD0.5"
    assert info(LsstCamTranslator, FILTER="SDSSi", FILTER2="empty").physical_filter == "SDSSi"
    latiss = {"OBSID": "AT_O_20210212_000006", "FILTER": "empty_1", "GRATING": "ronchi90lpmm"}
    assert info(LatissTranslator, **latiss).physical_filter == "empty_1~ronchi90lpmm"


def test_latiss_wrote_radians_before_2020() -> None:
    found = info(LatissTranslator, OBSID="AT_O_20191113_000061", RA=4.71238898038469, DEC=-0.349065850398866)
    assert (found.tracking_radec.ra.deg, found.tracking_radec.dec.deg) == pytest.approx((270.0, -20.0))


def test_latiss_sections_are_mended() -> None:
    header = {"DATASEC": "[1:509,1:2000]", "DETSIZE": "[1:4072,1:4000]"}
    assert LatissTranslator.fix_header(header, "LATISS", "x")
    assert header["DATASEC"] == "[4:512,1:2000]"
    assert not LatissTranslator.fix_header(header, "LATISS", "x")


def test_early_headers_name_no_camera() -> None:
    assert ComCamTranslator.can_translate({"INSTRUME": "LSST_CAMERA", "OBSID": "CC_C_20190526_000223"})
    assert not ComCamTranslator.can_translate({"INSTRUME": "LSST_CAMERA", "OBSID": "MC_C_20190526_000223"})
    assert Ts8Translator.can_translate({"REBNAME": "R00.Reb1", "RAFTNAME": "LCA-11021_RTM-010"})
    assert not Ts8Translator.can_translate({"INSTRUME": "HSC"})


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "camera", "exposure", "detector"),
    [
        ("3019032200002-R10-S22-det035.fits", "LSSTCam", 3019032200002, 35),
        ("3019053000001-R22-S00-det000.fits", "LSSTComCam", 3019053000001, 0),
        ("3018092000065-det000.fits", "LATISS", 3018092000065, 0),
        ("3023073000237-R22-S01-det001.fits", "LSST-UCDCam", 3023073000237, 1),
        ("201811151255111-R433-S00-det433.fits", "LSST-TS3", 201811151255111, 0),
        ("ts8-E2V-CCD250-179_lambda_bias_024_6006D_20180724104156.yaml", "LSST-TS8", 201807241041568, 4),
        ("MC_C_20230616_000013_R04_SG0.fits", "LSSTCam", 3023061600013, 193),
    ],
)
def test_numbers_of_real_files_are_those_of_their_names(
    testdata: Path, name: str, camera: str, exposure: int, detector: int
) -> None:
    found = translate(testdata / "raw" / "lsst_raw_structure" / name)
    assert (found.instrument, found.exposure_id, found.detector_num) == (camera, exposure, detector)
