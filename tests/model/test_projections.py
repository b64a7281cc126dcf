from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from lsst.images import Box, DetectorFrame, Image, MaskedImage, SkyProjection
from lsst.images.serialization import read_archive, write_archive

from uraniborg.algorithms.astrometry import PlaneCorrection, sky_offsets
from uraniborg.core.errors import AlgorithmError
from uraniborg.model.masks import mask_schema
from uraniborg.model.projections import (
    correct_projection,
    pixel_areas,
    pixel_jacobians,
    pixel_scale,
    pixel_to_sky,
    sip_wcs,
    sky_to_pixel,
    with_fits_approximation,
)

EXPONENTS = np.array([(0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2)])
TERMS = {"shift": 1, "affine": 3, "quadratic": 6}
TPV = {
    "CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV", "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS",
    "CRVAL1": 187.0347588255, "CRVAL2": 25.56018629818, "CRPIX1": -1222.2, "CRPIX2": 3716.3,
    "CD1_1": -1.3635e-7, "CD1_2": 7.2854e-5, "CD2_1": -7.2882e-5, "CD2_2": -1.3341e-7,
    "PV1_0": 6.0e-4, "PV1_1": 1.00587, "PV1_2": -4.6e-4, "PV1_4": 8.1e-4, "PV1_7": -3.1e-3, "PV1_9": -4.5e-3,
    "PV2_0": 2.4e-4, "PV2_1": 1.00551, "PV2_2": 4.6e-4, "PV2_4": -2.2e-3, "PV2_7": -1.08e-2, "PV2_9": -3.4e-3,
}  # fmt: skip


def _first(box: Box) -> SkyProjection[DetectorFrame]:
    frame = DetectorFrame(instrument="DECam", detector=34, visit=1, bbox=box)
    return SkyProjection.from_fits_wcs(WCS(fits.Header(TPV)), frame)


def _points(box: Box, n: int = 200) -> np.ndarray:
    points = np.random.default_rng(1).uniform(0.0, 1.0, (n, 2)) * box.shape[::-1] + [box.x.min, box.y.min] - 0.5
    points.flags.writeable = False
    return points


def _correction(model: str) -> PlaneCorrection:
    values = np.random.default_rng(2).normal(0.0, 0.5, (2, TERMS[model]))
    return PlaneCorrection(values, EXPONENTS[: TERMS[model]], np.array([1000.0, 2000.0]), 1500.0)


SMALL = Box.from_shape((250, 249), start=(40, 30))
CHIP = Box.from_shape((4094, 2046))


@pytest.mark.parametrize("model", sorted(TERMS))
@pytest.mark.parametrize("box", [SMALL, CHIP], ids=["cutout", "chip"])
def test_correction_moves_pixels_before_the_first_guess(box: Box, model: str) -> None:
    first, correction, points = _first(box), _correction(model), _points(box)
    refined = correct_projection(first, correction, bbox=box)
    sky = pixel_to_sky(refined, *points.T)
    assert np.abs(sky_offsets(sky, pixel_to_sky(first, *correction.apply(points).T))).max() < 1e-5
    assert np.abs(np.column_stack(sky_to_pixel(refined, *sky)) - points).max() < 1e-7
    assert refined.pixel_frame == first.pixel_frame


@pytest.mark.parametrize("model", sorted(TERMS))
def test_it_survives_a_file_and_astropy_reads_the_same_wcs_from_the_header(tmp_path: Path, model: str) -> None:
    refined = correct_projection(_first(SMALL), _correction(model), bbox=SMALL)
    image = Image(np.zeros(SMALL.shape, dtype=np.float32), bbox=SMALL, sky_projection=refined)
    write_archive(MaskedImage(image, mask_schema=mask_schema()), str(tmp_path / "image.fits"))
    points = _points(SMALL)
    sky = pixel_to_sky(refined, *points.T)
    stored = read_archive(str(tmp_path / "image.fits"), MaskedImage).sky_projection
    assert stored == refined
    assert np.abs(np.column_stack(sky_to_pixel(stored, *sky)) - points).max() < 1e-7
    with fits.open(tmp_path / "image.fits") as hdus:
        header = next(hdu.header for hdu in hdus if "CTYPE1" in hdu.header)
        wcs = WCS(header)
    assert list(wcs.wcs.ctype) == ["RA---TAN-SIP", "DEC--TAN-SIP"]
    found = np.column_stack(wcs.all_world2pix(*sky, 0)) + np.array([SMALL.x.min, SMALL.y.min])
    assert np.abs(found - points).max() < 1e-4


def test_without_an_approximation_astropy_is_misled_by_tpv() -> None:
    # Why every projection gets an approximation: AST writes TPV with private keywords.
    first, points = _first(CHIP), _points(CHIP)
    sky = pixel_to_sky(first, *points.T)
    bare, mended = (
        np.column_stack(projection.as_fits_wcs(CHIP, allow_approximation=True).all_world2pix(*sky, 0))
        for projection in (first, with_fits_approximation(first, bbox=CHIP))
    )
    assert np.abs(bare - points).max() > 1.0
    assert np.abs(mended - points).max() < 1e-4


def test_sip_takes_the_lowest_degree_that_serves() -> None:
    plain = WCS(fits.Header({key: value for key, value in TPV.items() if not key.startswith("PV")}))
    plain.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    frame = DetectorFrame(instrument="DECam", detector=34, visit=1, bbox=SMALL)
    linear = sip_wcs(SkyProjection.from_fits_wcs(plain, frame), bbox=SMALL)
    assert sip_wcs(_first(CHIP), bbox=CHIP).sip.a_order > 2
    assert linear.sip is None or linear.sip.a_order == 2  # a tangent point elsewhere is not quite linear


def test_what_sip_cannot_follow_is_an_error() -> None:
    wave = PlaneCorrection(np.array([[0.0, 0.0], [0.0, 300.0]]), np.array([(0, 0), (9, 0)]), np.zeros(2), 2000.0)
    with pytest.raises(AlgorithmError, match="misfit"):
        correct_projection(_first(CHIP), wave, bbox=CHIP)


def test_scale_area_and_jacobian_agree() -> None:
    first = _first(SMALL)
    assert pixel_scale(first, 100.0, 100.0) == pytest.approx(0.2635, abs=0.0005)
    assert pixel_areas(first, [100.0], [100.0])[0] == pytest.approx(pixel_scale(first, 100.0, 100.0) ** 2)
    jacobian = pixel_jacobians(first, [100.0], [100.0])[0]
    step = sky_offsets(pixel_to_sky(first, [101.0], [102.0]), pixel_to_sky(first, [100.0], [100.0]))[0] / 1000.0
    assert jacobian @ [1.0, 2.0] == pytest.approx(step, abs=1e-5)
