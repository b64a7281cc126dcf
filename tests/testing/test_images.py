from __future__ import annotations

import numpy as np
from astropy import units as u
from lsst.images.tests import assert_masked_images_equal

from uraniborg.testing.images import make_cell_coadd, make_difference_image, make_visit_image


def test_visit_image_has_all_its_parts_and_is_reproducible() -> None:
    image = make_visit_image(shape=(32, 40), visit=7, detector=3)
    assert_masked_images_equal(image, make_visit_image(shape=(32, 40), visit=7, detector=3))
    assert image.image.array.shape == (32, 40)
    assert image.unit == u.nJy
    assert (image.obs_info.visit_id, image.detector.id, image.detector.visit) == (7, 3, 7)
    np.testing.assert_array_equal(image.mask.get("NO_DATA"), np.isnan(image.image.array))
    centre = image.sky_projection.pixel_to_sky(x=19.0, y=15.0)
    assert abs(centre.ra.deg - 187.03) < 1e-3
    assert abs(centre.dec.deg - 25.56) < 1e-3


def test_noise_differs_with_the_seed() -> None:
    assert not np.array_equal(make_visit_image(seed=1).image.array, make_visit_image(seed=2).image.array)


def test_difference_image_names_its_template() -> None:
    image = make_difference_image()
    assert [(template.tract, template.patch) for template in image.templates] == [(0, 5)]


def test_coadd_has_a_psf_of_unit_sum_in_each_cell() -> None:
    coadd = make_cell_coadd(cells=(2, 3))
    cells = list(coadd.psf.bounds.cell_indices())
    assert len(cells) == 6
    for cell in cells:
        np.testing.assert_allclose(coadd.psf[cell].array.sum(), 1.0, rtol=1e-12)
