from __future__ import annotations

import dataclasses

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.io import fits
from astropy.wcs import WCS

from uraniborg.core.errors import UserError
from uraniborg.instruments.simcam.headers import (
    FILTERS,
    PRODUCT_TYPES,
    SimCamExposure,
    SimCamGeometry,
    file_name,
    geometry_from_headers,
    make_headers,
)

EXPOSURE = SimCamExposure(exposure=17, physical_filter="r_sim", ra=150.0, dec=2.0, mjd_begin=60000.25, rotation=30.0)
SENSOR = {"gain": 1.5, "read_noise": 6.0, "saturation": 60000.0, "fwhm": 4.0, "sky_level": 300.0}


def test_wcs_has_scale_orientation_and_boresight() -> None:
    geometry = SimCamGeometry(columns=2, rows=1, width=100, height=80, gap=10, pixel_scale=0.25)
    _, extension = make_headers(EXPOSURE, 1, "image", geometry=geometry, **SENSOR)
    wcs = WCS(extension)
    x, y = geometry.boresight(1)
    assert (x, y) == (-5.5, 39.5)
    here = wcs.pixel_to_world(x, y)
    assert here.separation(SkyCoord(150.0, 2.0, unit="deg")) < 1e-6 * u.arcsec
    up = wcs.pixel_to_world(x, y + 1)
    assert here.separation(up).arcsec == pytest.approx(0.25, abs=1e-6)
    assert here.position_angle(up).deg == pytest.approx(30.0, abs=1e-3)
    right = wcs.pixel_to_world(x + 1, y)
    assert here.position_angle(right).deg == pytest.approx(30.0 - 90.0 + 360.0, abs=1e-3)


def test_detectors_do_not_overlap_and_surround_the_boresight() -> None:
    geometry = SimCamGeometry(columns=3, rows=2, width=100, height=80, gap=10)
    boresights = np.array([geometry.boresight(n) for n in range(geometry.n_detectors)])
    centres = np.array([49.5, 39.5]) - boresights
    assert np.allclose(centres.mean(axis=0), 0.0)
    assert np.allclose(centres[1] - centres[0], [110.0, 0.0])
    assert np.allclose(centres[3] - centres[0], [0.0, 90.0])


@pytest.mark.parametrize("member", sorted(PRODUCT_TYPES))
def test_headers_are_valid_fits(member: str, tmp_path) -> None:
    geometry = SimCamGeometry(width=32, height=16)
    primary, extension = make_headers(EXPOSURE, 0, member, geometry=geometry, **SENSOR)
    path = tmp_path / file_name(17, 0, member)
    hdus = [fits.PrimaryHDU(header=primary), fits.ImageHDU(np.zeros((16, 32), "f4"), header=extension)]
    fits.HDUList(hdus).writeto(path, output_verify="exception")
    with fits.open(path) as back:
        back.verify("exception")
        assert back[0].header["PRODTYPE"] == PRODUCT_TYPES[member]
        assert back[0].header["DAYOBS"] == 20230224
        assert geometry_from_headers(back[0].header) == geometry
        assert back[1].name == "D00"
        assert all(keyword in back[1].header for keyword in ("GAIN", "RDNOISE", "SATURATE", "FWHM", "SKYLEVEL"))


def test_site_is_cerro_pachon() -> None:
    primary, _ = make_headers(EXPOSURE, 0, "image", geometry=SimCamGeometry(), **SENSOR)
    site = EarthLocation.from_geocentric(*(primary[f"OBSGEO-{axis}"] for axis in "XYZ"), unit=u.m)
    assert site.lon.deg == pytest.approx(-70.7494, abs=0.002)
    assert site.lat.deg == pytest.approx(-30.2446, abs=0.002)
    assert site.height.to_value(u.m) == pytest.approx(2663.0, abs=60.0)


def test_faults_are_told_together() -> None:
    with pytest.raises(UserError, match=r"3 fault.*\n.*physical_filter.*\n.*exposure.*\n.*dec"):
        SimCamExposure(exposure=1 << 34, physical_filter="g", ra=0.0, dec=91.0, mjd_begin=60000.0)
    with pytest.raises(UserError, match="must be positive"):
        SimCamGeometry(width=0)
    with pytest.raises(UserError, match="more than 189"):
        SimCamGeometry(columns=14, rows=14)
    with pytest.raises(UserError, match="no detector 1"):
        SimCamGeometry().boresight(1)
    with pytest.raises(UserError, match="no member"):
        make_headers(EXPOSURE, 0, "mask", geometry=SimCamGeometry(), **SENSOR)  # type: ignore[arg-type]
    primary, _ = make_headers(EXPOSURE, 0, "image", geometry=SimCamGeometry(), **SENSOR)
    del primary["DETGAP"], primary["PIXSCALE"]
    with pytest.raises(UserError, match=r"DETGAP(?s:.*)PIXSCALE"):
        geometry_from_headers(primary)


def test_bands() -> None:
    assert {dataclasses.replace(EXPOSURE, physical_filter=name).band for name in FILTERS} == set("ugrizy")
