from __future__ import annotations

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from lsst.images import VisitImage
from lsst.images.serialization import read_archive, write_archive

from uraniborg.algorithms.photometry import color_terms
from uraniborg.model.projections import pixel_to_sky, sky_to_pixel
from uraniborg.tasks.common.calibrated_image import calibrated_image
from uraniborg.tasks.common.calibrated_tables import summary_stats
from uraniborg.tasks.common.calibration import Calibration, solve_calibration
from uraniborg.testing.star_fields import StarField, make_star_field


def _calibrate(field: StarField) -> Calibration:
    return solve_calibration(
        field.image, field.sources, field.references, terms=color_terms("simcam_gaia"), max_shift=30.0,
        max_rotation=2.0, match_radius=0.5, min_snr=10.0, position_floor=5.0, unknown_motion=8.0, max_model="cubic",
        min_astrometry_stars=2, min_photometry_stars=2,
    )  # fmt: skip


def test_pixels_are_in_njy_and_can_be_taken_back() -> None:
    field = make_star_field(seed=7)
    before = field.image.image.array.copy()
    calibration = _calibrate(field)
    image = calibrated_image(calibration, summary_stats(calibration))
    scale = 10.0 ** (-0.4 * (calibration.photometry.zero_point - 31.4))
    assert image.unit == u.nJy
    assert image.image.array == pytest.approx(before * scale, rel=1e-5, abs=1e-4)
    assert image.variance.array == pytest.approx(100.0 * scale**2, rel=1e-5)
    back = image.convert_unit(u.electron)
    assert back.image.array == pytest.approx(before, rel=1e-5, abs=1e-4)
    assert (field.image.image.array == before).all()
    assert image.summary_stats.zeroPoint == calibration.photometry.zero_point
    assert dict(image.metadata) == dict(field.image.metadata)


def test_it_reopens_with_plain_lsst_images_and_astropy(tmp_path: Path) -> None:
    field = make_star_field(seed=8)
    calibration = _calibrate(field)
    image = calibrated_image(calibration, summary_stats(calibration))
    write_archive(image, str(tmp_path / "visit.fits"))
    again = read_archive(str(tmp_path / "visit.fits"), VisitImage)
    x, y = np.random.default_rng(1).uniform(0.0, 480.0, (2, 50))
    sky = pixel_to_sky(calibration.astrometry.projection, x, y)
    assert np.abs(np.subtract(sky_to_pixel(again.sky_projection, *sky), (x, y))).max() < 1e-7
    assert again.photometric_scaling is not None
    assert again.photometric_scaling(x=3.0, y=4.0) == pytest.approx(image.photometric_scaling(x=3.0, y=4.0))
    assert again.summary_stats == image.summary_stats
    with fits.open(tmp_path / "visit.fits") as hdus:
        wcs = WCS(next(hdu.header for hdu in hdus if "CTYPE1" in hdu.header))
    assert np.abs(np.subtract(wcs.all_world2pix(*sky, 0), (x, y))).max() < 1e-4
