import numpy as np
import pytest
from astropy.io import fits

from uraniborg.alerts.cutouts import Plane, encode_cutout, read_cutout
from uraniborg.core.errors import UserError

MATRIX = np.array([[-7.3e-5, 2e-6], [2e-6, 7.3e-5]])


def plane() -> Plane:
    rng = np.random.default_rng(0)
    image = rng.normal(size=(90, 100)).astype(np.float32)
    return Plane(image, image**2 + 1, (1000, 500), (np.arange(9000).reshape(90, 100) % 7).astype(np.uint8))


def cut(position=(1040.4, 547.7), **options):
    return read_cutout(encode_cutout(plane(), position, sky=(187.1, 25.6), matrix=MATRIX, **options))


def test_pixels_are_those_round_the_source() -> None:
    found = cut(psf=np.eye(5))
    assert found.corner == (1040 - 15, 548 - 15)
    window = np.s_[33:63, 25:55]
    np.testing.assert_array_equal(found.image, plane().image[window])
    np.testing.assert_array_equal(found.variance, plane().variance[window])
    np.testing.assert_array_equal(found.mask, plane().mask[window])
    np.testing.assert_array_equal(found.psf, np.eye(5))


def test_wcs_puts_the_source_where_it_is() -> None:
    found = cut()
    x, y = 1040.4 - found.corner[0], 547.7 - found.corner[1]
    ra, dec = found.wcs.all_pix2world(x, y, 0)
    assert (float(ra), float(dec)) == pytest.approx((187.1, 25.6), abs=1e-12)
    ra, dec = found.wcs.all_pix2world(x + 10, y, 0)
    assert (float(ra) - 187.1) * np.cos(np.radians(25.6)) == pytest.approx(-7.3e-4, rel=1e-4)
    assert float(dec) - 25.6 == pytest.approx(2e-5, rel=1e-2)


def test_outside_the_image_is_nan() -> None:
    found = cut(position=(1003.0, 502.0))
    assert np.isnan(found.image[:13]).all()
    assert np.isnan(found.image[:, :12]).all()
    np.testing.assert_array_equal(found.image[13:, 12:], plane().image[:17, :18])
    assert np.isnan(cut(position=(0.0, 0.0)).image).all()


def test_it_is_a_standard_fits_file(recwarn) -> None:
    import io

    with fits.open(io.BytesIO(encode_cutout(plane(), (1040.0, 540.0), sky=(1.0, 2.0), matrix=MATRIX))) as hdus:
        hdus.verify("exception")
    assert not recwarn


def test_size_has_a_floor() -> None:
    assert cut(size=41).image.shape == (41, 41)
    with pytest.raises(UserError, match="at least 30"):
        cut(size=29)


def test_broken_stamps_are_told() -> None:
    with pytest.raises(UserError, match="not a FITS file"):
        read_cutout(b"nonsense" * 400)
    import io

    buffer = io.BytesIO()
    fits.PrimaryHDU(np.zeros((30, 30))).writeto(buffer)
    with pytest.raises(UserError, match="UNCERT"):
        read_cutout(buffer.getvalue())
