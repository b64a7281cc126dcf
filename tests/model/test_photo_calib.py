from __future__ import annotations

from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
from lsst.images import Box, VisitImage
from lsst.images.serialization import read_archive, write_archive

from uraniborg.algorithms.photometry import CalibrationField
from uraniborg.core.errors import UserError
from uraniborg.model.photo_calib import constant_field, from_chebyshev, scale_pixels, to_chebyshev
from uraniborg.testing.star_fields import make_star_field

BOX = Box.from_shape((600, 500))


def _field(degree: int, box: Box = BOX) -> CalibrationField:
    coefficients = np.random.default_rng(degree).normal(0.0, 0.01, (degree + 1, degree + 1))
    coefficients[0, 0] = 0.7
    corner = (box.x.min - 0.5, box.y.min - 0.5)
    return CalibrationField(coefficients, corner, (box.x.size, box.y.size), 0.001, 0.01, np.zeros(0, bool))


@pytest.mark.parametrize("degree", [0, 1, 5, 8, 12])
def test_any_degree_survives_a_file_to_the_last_digits(tmp_path: Path, degree: int) -> None:
    field, image = _field(degree), make_star_field(seed=1).image
    stored = VisitImage(
        image.image, mask=image.mask, variance=image.variance, sky_projection=image.sky_projection,
        obs_info=image.obs_info, psf=image.psf, detector=image.detector, band=image.band,
        photometric_scaling=to_chebyshev(field, BOX, unit=u.nJy / u.electron),
        aperture_corrections=dict(image.aperture_corrections), metadata={},
    )  # fmt: skip
    write_archive(stored, str(tmp_path / "image.fits"))
    again = read_archive(str(tmp_path / "image.fits"), VisitImage).photometric_scaling
    x, y = np.random.default_rng(1).uniform(0.0, 499.0, (2, 200))
    assert np.abs(again(x=x, y=y) / field.evaluate(x, y) - 1.0).max() < 1e-12
    assert np.array_equal(from_chebyshev(again).coefficients, field.coefficients)
    assert np.array_equal(from_chebyshev(again).evaluate(x, y), field.evaluate(x, y))


def test_pixels_are_multiplied_where_they_are() -> None:
    box = Box.from_shape((700, 300), start=(40, 1000))
    stored = to_chebyshev(_field(3, box), box)
    pixels = np.random.default_rng(2).normal(100.0, 1.0, box.shape).astype(np.float32)
    pixels.flags.writeable = False
    scaled, twice = scale_pixels(pixels, stored), scale_pixels(pixels, stored, power=2)
    for row, column in ((0, 0), (255, 17), (256, 299), (699, 5)):
        factor = float(stored(x=float(column + box.x.min), y=float(row + box.y.min)))
        assert scaled[row, column] == pytest.approx(pixels[row, column] * factor, rel=1e-6)
        assert twice[row, column] == pytest.approx(pixels[row, column] * factor**2, rel=1e-6)
    constant = constant_field(0.5, box)
    assert np.array_equal(scale_pixels(pixels, constant, power=2), pixels * np.float32(0.25))


def test_a_field_of_another_region_is_refused() -> None:
    with pytest.raises(UserError, match="fit it there"):
        to_chebyshev(_field(2), Box.from_shape((600, 501)))
