import numpy as np
import pytest
from lsst.images import DifferenceImage
from lsst.images.psfs import PointSpreadFunction
from lsst.pipe.base import NoWorkFound
from scipy import ndimage

from uraniborg.algorithms.detection import matched_filter
from uraniborg.model.masks import select_pixels
from uraniborg.model.psf import stamps
from uraniborg.tasks.common.differences import centre_psf, detector_psf
from uraniborg.tasks.subtract_images import SubtractImagesTask


@pytest.fixture(scope="module")
def subtracted(scene_products):
    """Visit image and products of visit 5 in r, the broadest, and of visit 1, the sharpest."""
    found = {}
    for visit in (1, 5):
        refs = scene_products.query_datasets("template_coadd", where=f"visit = {visit} AND skymap = 'scene'")
        coadds = [(scene_products.get(ref), ref) for ref in sorted(refs, key=lambda ref: ref.dataId["patch"])]
        image = scene_products.get("visit_image", instrument="Scene", visit=visit, detector=1)
        found[visit] = image, SubtractImagesTask().run(image, coadds)
    return found


@pytest.mark.parametrize(("visit", "convolved"), [(1, "science"), (5, "template")])
def test_static_stars_vanish(subtracted, visit: int, convolved: str) -> None:
    image, outputs = subtracted[visit]
    difference = outputs.difference_image
    assert difference.metadata["convolved"] == convolved
    assert difference.metadata["kernel_sum"] == pytest.approx(1.0, abs=0.01)
    good = ~select_pixels(difference.mask, ("NO_DATA", "BAD", "SATURATED", "SAT_TEMPLATE"))
    assert good.mean() > 0.5
    # Noise on the scale of sources: warping has made that of single pixels smaller.
    significance = matched_filter(
        difference.image.array,
        difference.variance.array,
        centre_psf(detector_psf(difference), difference.bbox),
        unusable=~good,
    )
    assert np.std(significance[good]) == pytest.approx(1.0, abs=0.1)
    stars = good & (image.image.array > 200)
    assert stars.sum() > 100
    # Near the edge only one visit is in the template, which is sharper there than where there are two.
    inner = stars & (ndimage.minimum_filter(good, 81) > 0)
    assert inner.sum() > 50
    assert np.abs(difference.image.array[inner]).max() < 0.05 * image.image.array[inner].max()


def test_products_are_stored_types_with_all_parts(subtracted, tmp_path) -> None:
    image, outputs = subtracted[5]
    path = tmp_path / "difference.fits"
    from lsst.images.serialization import read_archive, write_archive

    write_archive(outputs.difference_image, path)
    back = read_archive(path, DifferenceImage)
    assert back.bbox == image.bbox
    assert back.unit == image.unit
    assert isinstance(back.psf, PointSpreadFunction)
    kernel = back.kernel.compute_kernel_image(x=250, y=150).array
    assert kernel.sum() == pytest.approx(back.metadata["kernel_sum"], rel=1e-5)
    assert {info.skymap for info in back.templates} == {"scene"}
    assert outputs.template_detector.psf.compute_kernel_image(x=250, y=150).array.sum() == pytest.approx(1.0, abs=1e-3)


def test_point_source_has_the_shape_of_the_differences_psf(subtracted, scene_products) -> None:
    image, _ = subtracted[5]
    refs = scene_products.query_datasets("template_coadd", where="visit = 5 AND skymap = 'scene'")
    coadds = [(scene_products.get(ref), None) for ref in refs]
    flux, x, y = 20000.0, 262.3, 171.6
    changed = image.copy()
    stamp = stamps(image.psf, [x], [y])[0]
    half = stamp.shape[0] // 2
    j, i = int(np.floor(y + 0.5)), int(np.floor(x + 0.5))
    window = np.s_[j - half : j + half + 1, i - half : i + half + 1]
    changed.image.array[window] += flux * stamp
    difference = SubtractImagesTask().run(changed, coadds).difference_image
    model = stamps(difference.psf, [x], [y], size=stamp.shape[0])[0]
    weight = (model**2).sum()
    measured = (difference.image.array[window] * model).sum() / weight
    error = np.sqrt(difference.variance.array[window].mean() / weight)
    assert measured == pytest.approx(flux, abs=4 * error)
    residual = (difference.image.array[window] - measured * model) / np.sqrt(difference.variance.array[window])
    assert np.std(residual) < 1.3


def test_no_template_no_work(subtracted) -> None:
    image, _ = subtracted[5]
    with pytest.raises(NoWorkFound, match="no template"):
        SubtractImagesTask().run(image, [])
