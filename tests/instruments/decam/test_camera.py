from __future__ import annotations

from pathlib import Path, PurePath

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.io.fits import Header
from astropy.time import Time
from astropy.wcs import WCS

from uraniborg.archive.formatters.frames import read_reduced_frame
from uraniborg.core.errors import UserError
from uraniborg.instruments.decam import DECam
from uraniborg.model.masks import select_pixels

FIELD = "images/decam_field_187p03_25p56"
STEM = "c4d_170316_062107_{}_z_ls9.N2.fits"


def triplet(testdata: Path, stem: str = STEM):
    return [read_reduced_frame(str(testdata / FIELD / stem.format(member))) for member in ("ooi", "oow", "ood")]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("c4d_170316_062107_ooi_z_ls9.N2.fits", ("c4d_170316_062107_z_ls9.N2", "image")),
        ("c4d_170316_062107_oow_z_ls9.N2.fits", ("c4d_170316_062107_z_ls9.N2", "weight")),
        ("c4d_190402_050618_ood_VR_v1.fits.fz", ("c4d_190402_050618_VR_v1", "dq")),
        ("c4d_170316_062107_ooi_z_ls9-N2-psfex.fits", None),
        ("c4d_170329_044212_ooi_g_ls9-splinesky.fits", None),
        ("chunk-03458.fits", None),
    ],
)
def test_members_are_known_by_their_names(name: str, expected: tuple[str, str] | None) -> None:
    assert DECam().identify(PurePath(name), Header()) == expected


def test_codes_since_version_3_5() -> None:
    dq = np.array([[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]])
    planes = DECam().mask_planes(dq, Header({"PLVER": "V4.8.2a"}))
    found = {name: np.flatnonzero(where[0]).tolist() for name, where in planes.items()}
    assert found == {
        "BAD": [1, 9],
        "NO_DATA": [2],
        "SATURATED": [3],
        "BLEED": [4],
        "COSMIC_RAY": [5],
        "SUSPECT": [6, 7],
        "STREAK": [8],
    }


def test_bits_before_version_3_5() -> None:
    dq = np.array([[0, 1, 2, 5, 16, 66, 128, 8]])
    planes = DECam().mask_planes(dq, Header({"PLVER": "V3.2.1"}))
    found = {name: np.flatnonzero(where[0]).tolist() for name, where in planes.items()}
    assert found == {
        "BAD": [1, 3, 7],
        "SATURATED": [2, 5],
        "INTERPOLATED": [3],
        "COSMIC_RAY": [4],
        "BLEED": [5],
        "SUSPECT": [6],
    }
    with pytest.raises(UserError, match="PLVER is 'new'"):
        DECam().mask_planes(dq, Header({"PLVER": "new"}))


@pytest.mark.realdata
def test_image_is_in_electron_with_the_right_noise(testdata: Path) -> None:
    image, weight, dq = triplet(testdata)
    visit = DECam().build_visit_image(image, weight, dq)
    assert visit.unit == u.electron
    assert (visit.band, visit.detector.name, visit.detector.serial) == ("z", "N2", "S3-222_135959-11-1")
    good = ~select_pixels(visit.mask)
    assert (~good).sum() == (dq.array != 0).sum() == (weight.array == 0).sum()
    assert visit.mask.get("COSMIC_RAY").sum() == (dq.array == 5).sum() > 0
    # second differences of neighbours take the sky and most of the stars away
    pixels, sigma = visit.image.array.astype(float), np.sqrt(visit.variance.array)
    second = (pixels[1:, 1:] - pixels[:-1, 1:] - pixels[1:, :-1] + pixels[:-1, :-1]) / 2
    pull = (second / sigma[1:, 1:])[good[1:, 1:]]
    assert 1.4826 * np.median(np.abs(pull - np.median(pull))) == pytest.approx(1.0, abs=0.05)
    # in electron, sky and noise obey Poisson's law up to the error of the gain
    sky, noise = np.median(pixels[good]), np.median(visit.variance.array[good])
    assert sky / (noise - 6.0**2) == pytest.approx(1.0, abs=0.05)


@pytest.mark.realdata
def test_positions_are_those_of_the_header(testdata: Path) -> None:
    image, weight, dq = triplet(testdata)
    visit = DECam().build_visit_image(image, weight, dq)
    box = visit.bbox
    assert (box.x.start, box.y.start) == (15, 3274)  # legacypipe cuts 15 pixels off each edge
    header = image.header.copy()
    header["RADESYS"] = "ICRS"
    for keyword in ("RADECSYS", "EQUINOX"):
        header.remove(keyword, ignore_missing=True)
    wcs = WCS(header)
    x, y = np.random.default_rng(4).uniform(0, 240, (2, 200))
    sky = visit.sky_projection.pixel_to_sky(x=x + box.x.start, y=y + box.y.start)
    px, py = wcs.all_world2pix(sky.ra.deg, sky.dec.deg, 0)
    assert np.abs([px - x, py - y]).max() < 1e-4
    back = visit.sky_projection.sky_to_pixel(wcs.pixel_to_world(x, y))
    assert np.abs([back.x - box.x.start - x, back.y - box.y.start - y]).max() < 1e-4


@pytest.mark.realdata
def test_all_exposures_lie_on_their_detectors(testdata: Path) -> None:
    camera = DECam()
    paths = [p for p in (testdata / FIELD).glob("*_ooi_*.fits") if camera.identify(p, Header()) is not None]
    assert len(paths) == 9
    for path in paths:
        with fits.open(path) as hdus:
            header = hdus[0].header.copy()
            header.update(hdus[1].header)
            shape = hdus[1].shape
        facts = camera.describe_frame(header)
        assert 15 <= facts.x0 <= 2048 - 15 - shape[1]
        assert 15 <= facts.y0 <= 4096 - 15 - shape[0]
        assert 3.5 < facts.gain < 4.0


@pytest.mark.realdata
def test_exposure_ends_when_the_shutter_closes(testdata: Path) -> None:
    frame = triplet(testdata, "c4d_150411_035242_{}_z_ls9.N3.fits")[0]
    header = frame.primary.copy(strip=True)
    header.update(frame.header)
    info = DECam().observation_info(header)
    assert "DTUTC" in header  # what the parent class would have taken, 48 s later
    assert info.datetime_end.utc.isot == Time("2015-04-11T03:51:54.054", scale="utc").isot
    assert info.exposure_id == 431608
