import numpy as np
import pytest

from uraniborg.core.flags import PixelBit
from uraniborg.tasks.common.dia_sources import (
    dia_source_rows,
    difference_bits,
    flux_correction,
    forced_on,
    measure_difference,
)


@pytest.fixture(scope="module")
def images(difference_scene):
    names = ("difference_image", "visit_image", "template_detector")
    return [difference_scene.butler.get(name, instrument="Scene", visit=3, detector=1) for name in names]


def test_measurements_of_both_signs(images) -> None:
    found = measure_difference(images[0], threshold=8.0)
    sign = found.footprints.sign[found.footprints.peak_footprint]
    assert set(sign) == {-1, 1}
    np.testing.assert_array_equal(np.sign(found.sources.psf_flux), sign)
    assert 3.0 < found.fwhm < 7.0
    # The fit of a line is at least as good as that of a point where there is nothing long.
    ratio = (found.trail.chi2 / found.trail.n_data) / (found.point.chi2 / found.point.n_data)
    assert np.median(ratio) == pytest.approx(1.0, abs=0.1)
    assert (found.trail.length < 6.0).all()


def test_nothing_found(images) -> None:
    assert measure_difference(images[0], threshold=1e6) is None


def test_rows_keep_the_order_of_their_parts(images) -> None:
    difference, science, template = images
    found = measure_difference(difference, threshold=8.0)
    rows = dia_source_rows(difference, found, science=science, template=template, processed=5.0)
    assert set(rows["timeProcessedMjdTai"]) == {5.0}
    assert len(rows) == len(found.sources.x) - rows["isDipole"].sum()
    np.testing.assert_allclose(rows["scienceFlux"] - rows["templateFlux"], rows["psfFlux"], atol=600.0)


def test_saturated_template_is_not_usable(images) -> None:
    difference = images[0].copy()
    where = np.zeros(difference.image.array.shape, dtype=bool)
    where[5, 6] = True
    difference.mask.set("SAT_TEMPLATE", where)
    assert difference_bits(difference)[5, 6] & int(PixelBit.SATURATED)


def test_forced_fluxes_of_stars_are_those_of_the_image(images, difference_scene) -> None:
    science = images[1]
    sky = science.sky_projection.pixel_to_sky(x=np.array([-400.0]), y=np.array([20.0]))
    off = forced_on(science, np.atleast_1d(sky.ra.deg), np.atleast_1d(sky.dec.deg))
    assert np.isnan(off.flux).all()
    places = difference_scene.transients
    on = forced_on(science, places.ra.deg, places.dec.deg)
    pulls = (on.flux - difference_scene.fluxes[2]) / on.flux_err
    assert np.abs(pulls).max() < 4.0


def test_correction_is_one_without_a_field(images) -> None:
    np.testing.assert_array_equal(flux_correction(images[1], np.zeros(3), np.zeros(3)), 1.0)
