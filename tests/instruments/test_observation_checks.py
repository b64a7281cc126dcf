"""One test for the headers of all cameras: the real ones, and those that SimCam writes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from astro_metadata_translator import ObservationInfo
from astro_metadata_translator.tests import read_test_file
from astropy.coordinates import EarthLocation
from astropy.io.fits import Header

from uraniborg.instruments.base import merged_header
from uraniborg.instruments.observation_checks import observation_faults
from uraniborg.instruments.simcam import SimCam
from uraniborg.instruments.simcam.geometry import NOMINAL, SimCamGeometry
from uraniborg.instruments.simcam.headers import OBSERVATION_TYPES, ON_SKY, SimCamExposure, make_headers
from uraniborg.instruments.simcam.raw_layout import AmplifierLayout, make_raw_headers

HEADERS = Path(os.environ.get("URANIBORG_TESTDATA", Path(__file__).parents[3] / "shared" / "data")) / "raw"
NOT_HEADERS = {
    "fitsheader-hsc.json": "lacks the keywords that the camera is known by",
    "visit_info.yaml": "is not the header of a file",
}
REAL = sorted(path for path in (HEADERS / "headers_many_cameras").glob("*") if path.name not in NOT_HEADERS)
APACHE_POINT = EarthLocation.from_geodetic(-105.820417, 32.780361, 2788.0)


def _simulated(kind: str, **changes: object) -> SimCamExposure:
    values: dict[str, object] = {
        "exposure": 250101003, "physical_filter": "z_sim", "ra": 150.0, "dec": 2.2, "mjd_begin": 60676.1,
        "exposure_time": 0.0 if kind == "bias" else 30.0, "observation_type": kind,
        "wavelength": 950.0 if kind == "monoflat" else None,
    }  # fmt: skip
    return SimCamExposure(**(values | changes))


SIMULATED = {
    **{kind: _simulated(kind) for kind in OBSERVATION_TYPES},
    "second of two snaps": _simulated("science", snap=1, snaps=2),
    "with its altitude": _simulated("science", altitude=60.0, azimuth=200.0, airmass=1.1547),
    "dark with clearing before": _simulated("dark", dark_time=33.0),
}


@pytest.mark.realdata
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_headers_of_many_cameras_hold_what_is_needed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EarthLocation, "of_site", lambda name: {"apo": APACHE_POINT}[name])
    info = ObservationInfo(read_test_file(str(path)), filename=str(path))
    assert observation_faults(info) == []


@pytest.mark.parametrize("name", SIMULATED)
@pytest.mark.parametrize("geometry", [SimCamGeometry(2, 1, 80, 60), NOMINAL], ids=["two", "largest"])
def test_raw_headers_of_simcam_hold_what_is_needed(name: str, geometry: SimCamGeometry) -> None:
    exposure, detector = SIMULATED[name], geometry.n_detectors - 1
    layout = AmplifierLayout(geometry.width, geometry.height, 2, 2)
    primary, segments = make_raw_headers(
        exposure, detector, geometry=geometry, layout=layout, gain=1.6, read_noise=7.0, saturation=8e4
    )
    info = SimCam().observation_info(merged_header(primary, segments[0]))
    assert observation_faults(info) == []
    assert info.can_see_sky == (exposure.observation_type in ON_SKY)
    assert (info.observation_type, info.detector_num) == (exposure.observation_type, detector)
    assert (info.visit_id, info.group_counter_end) == (exposure.group, exposure.group + exposure.snaps - 1)
    assert info.dark_time >= info.exposure_time
    assert (info.altaz_begin is None) == (exposure.altitude is None)


@pytest.mark.parametrize("member", ["image", "weight", "dq"])
def test_reduced_headers_of_simcam_hold_what_is_needed(member: str) -> None:
    primary, extension = make_headers(
        SIMULATED["science"], 1, member, geometry=SimCamGeometry(2, 1, 80, 60), gain=1.6, read_noise=7.0,
        saturation=8e4, fwhm=4.0, sky_level=100.0,
    )  # fmt: skip
    assert observation_faults(SimCam().observation_info(merged_header(primary, extension))) == []


def _header() -> Header:
    primary, segments = make_raw_headers(
        SIMULATED["with its altitude"], 0, geometry=SimCamGeometry(1, 1, 80, 60), layout=AmplifierLayout(80, 60, 2, 2),
        gain=1.6, read_noise=7.0, saturation=8e4,
    )  # fmt: skip
    return merged_header(primary, segments[0])


@pytest.mark.parametrize(
    ("keyword", "value", "fault"),
    [
        ("OBJECT", "x", None),
        ("OBSTYPE", "SCIENCE", "lower case"),
        ("EXPTIME", 40.0, "less than the exposure time"),
        ("DARKTIME", -3.0, "dark_time is -3.0 s"),
        ("DAYOBS", 20240101, "the exposure began at"),
        ("AIRMASS", 1.5, "the altitude says 1.155"),
        ("AIRMASS", 0.5, "must be at least 1"),
        ("OBSGEO-X", 3e6, "not on the Earth's surface"),
    ],
)
def test_faults_are_found(keyword: str, value: object, fault: str | None) -> None:
    header = _header()
    header[keyword] = value
    found = observation_faults(SimCam().observation_info(header))
    assert [] == found if fault is None else any(fault in line for line in found)
