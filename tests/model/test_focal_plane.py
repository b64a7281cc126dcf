from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lsst.images import Box, DetectorFrame, Image, MaskedImage
from lsst.images.serialization import read_archive, write_archive

from uraniborg.algorithms.astrometry import from_tangent_plane, sky_offsets
from uraniborg.algorithms.astrometry.focal_plane import DetectorPlaces, FocalPlanePolynomial
from uraniborg.model.focal_plane import (
    field_angle_to_sky,
    focal_plane_projection,
    focal_plane_to_field_angle,
    pixel_to_focal_plane,
)
from uraniborg.model.masks import mask_schema
from uraniborg.model.projections import pixel_to_sky, sky_to_pixel

BORESIGHT = (150.2, 2.23)
BOX = Box.from_shape((4176, 2048))
FRAME = DetectorFrame(instrument="HSC", visit=1180, detector=1, bbox=BOX)


def _places() -> DetectorPlaces:
    place = np.array([[2240.9, -14886.6], [0.0, 100.0]])
    return DetectorPlaces(np.array([1023.5, 2087.5]), place, np.array([-1.57, 0.02]), True)


def _polynomial() -> FocalPlanePolynomial:
    exponents = np.array([(i, total - i) for total in range(6) for i in range(total, -1, -1)])
    coefficients = np.random.default_rng(1).normal(0.0, 3.0, (2, len(exponents)))
    scale = 16000.0
    for axis, power in enumerate(((1, 0), (0, 1))):
        coefficients[axis, (exponents == power).all(axis=1)] = 0.168 * scale
    for axis in (0, 1):  # barrel distortion of a prime-focus corrector
        for power in ((3, 0), (1, 2)) if axis == 0 else ((0, 3), (2, 1)):
            coefficients[axis, (exponents == power).all(axis=1)] = -0.018 * 0.168 * scale
    return FocalPlanePolynomial(coefficients, exponents, scale)


def _points() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    return rng.uniform(0.0, 2047.0, 500), rng.uniform(0.0, 4175.0, 500)


@pytest.mark.parametrize("row", [0, 1])
def test_steps_give_what_the_arrays_give_and_go_back_to_a_ten_thousandth_of_a_pixel(row: int) -> None:
    places, polynomial, (x, y) = _places(), _polynomial(), _points()
    projection = focal_plane_projection(places, polynomial, BORESIGHT, row=row, frame=FRAME)
    sky = pixel_to_sky(projection, x, y)
    angles = polynomial.apply(places.to_focal_plane(np.full(len(x), row), x, y))
    assert np.abs(sky_offsets(sky, from_tangent_plane(angles, BORESIGHT))).max() < 1e-5
    back = sky_to_pixel(projection, *sky)
    assert max(np.abs(back[0] - x).max(), np.abs(back[1] - y).max()) < 1e-4


def test_what_is_stored_is_what_was_there(tmp_path: Path) -> None:
    projection = focal_plane_projection(_places(), _polynomial(), BORESIGHT, row=0, frame=FRAME)
    box = Box.from_shape((20, 20))
    image = Image(np.zeros(box.shape, np.float32), bbox=box, sky_projection=projection)
    write_archive(MaskedImage(image, mask_schema=mask_schema()), str(tmp_path / "image.fits"))
    stored = read_archive(str(tmp_path / "image.fits"), MaskedImage).sky_projection
    assert stored == projection
    x, y = _points()
    for before, after in zip(pixel_to_sky(projection, x, y), pixel_to_sky(stored, x, y), strict=True):
        assert np.array_equal(before, after)
    assert stored.pixel_to_sky_transform.show() == projection.pixel_to_sky_transform.show()


def test_steps_compose_to_the_projection() -> None:
    places, polynomial, (x, y) = _places(), _polynomial(), _points()
    projection = focal_plane_projection(places, polynomial, BORESIGHT, row=0, frame=FRAME)
    to_plane = pixel_to_focal_plane(places, 0, FRAME, pixel_size=0.015)
    to_angle = focal_plane_to_field_angle(polynomial, to_plane.out_frame, pixel_size=0.015)
    to_sky = field_angle_to_sky(BORESIGHT, to_angle.out_frame)
    mm = to_plane.apply_forward(x=x, y=y)
    assert np.abs(np.column_stack([mm.x, mm.y]) / 0.015 - places.to_focal_plane(np.zeros(500, int), x, y)).max() < 1e-8
    sky = to_sky.apply_forward(to_angle.apply_forward(mm))
    ra, dec = pixel_to_sky(projection, x, y)
    assert np.abs(np.degrees(sky.x) - ra).max() < 1e-11
    assert np.abs(np.degrees(sky.y) - dec).max() < 1e-11
