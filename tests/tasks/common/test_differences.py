import numpy as np
import pytest
from lsst.pipe.base import NoWorkFound

from uraniborg.algorithms.diffim import MatchingOptions
from uraniborg.core.pixelgrid import PsfModel
from uraniborg.model.masks import select_pixels
from uraniborg.tasks.common.differences import (
    centre_psf,
    detector_psf,
    make_difference_image,
    make_template_image,
    match_and_subtract,
    padded_planes,
    template_on_detector,
)


@pytest.fixture(scope="module")
def parts(difference_scene):
    """Visit image, its coadds with references, and the template on its pixels."""
    butler = difference_scene.butler
    image = butler.get("visit_image", instrument="Scene", visit=2, detector=1)
    refs = sorted(butler.query_datasets("template_coadd", where="visit = 2"), key=lambda ref: ref.dataId["patch"])
    coadds = [(butler.get(ref), ref) for ref in refs]
    return image, coadds, template_on_detector(coadds, image, margin=10, psf_size=31)


def test_template_covers_the_detector_and_its_frame(parts) -> None:
    image, coadds, template = parts
    assert template.bbox == image.bbox.padded(10)
    assert template.image.shape == tuple(image.bbox.padded(10).shape)
    assert np.isfinite(template.image).mean() > 0.8
    assert template.noise_factor > 1.0
    assert {info.dataset_id for info in template.sources} <= {ref.id for _, ref in coadds}
    assert all(1.0 < info.psf_shape_xx < 8.0 for info in template.sources)


def test_stars_of_template_and_visit_agree(parts) -> None:
    image, _, template = parts
    model = centre_psf(template.psf, image.bbox)
    assert model.shape == (31, 31)
    assert model.sum() == pytest.approx(1.0, abs=1e-3)
    science = image.image.array
    warped = template.image[10:-10, 10:-10]
    y, x = np.unravel_index(np.nanargmax(np.where(np.isfinite(warped), science, 0.0)), science.shape)
    window = np.s_[y - 8 : y + 9, x - 8 : x + 9]
    assert warped[window].sum() == pytest.approx(science[window].sum(), rel=0.05)


def test_planes_are_padded(parts) -> None:
    image, _, template = parts
    science, planes = padded_planes(image, template)
    assert science.bad[:10].all()
    np.testing.assert_array_equal(science.image[10:-10, 10:-10], image.image.array)
    assert planes.noise_factor == template.noise_factor
    np.testing.assert_array_equal(planes.bad, planes.bad | ~np.isfinite(template.image))


def test_images_have_the_detectors_frame_and_tell_how_they_were_made(parts) -> None:
    image, _, template = parts
    result = match_and_subtract(image, template, MatchingOptions())
    difference, stored = make_difference_image(image, template, result), make_template_image(image, template)
    for made in (difference, stored):
        assert made.bbox == image.bbox
        assert made.unit == image.unit
        assert made.band == image.band
    assert difference.metadata["kernel_stamps"] == result.n_stamps
    assert stored.metadata["noise_factor"] == template.noise_factor
    assert not select_pixels(difference.mask, ("DETECTED",)).any()
    empty = ~np.isfinite(template.image[10:-10, 10:-10])
    assert difference.mask.get("NO_DATA")[empty].all()
    assert np.isfinite(difference.image.array).all()
    kernel = difference.kernel.compute_kernel_image(x=160, y=160).array
    np.testing.assert_allclose(kernel, result.kernel, atol=1e-5)


def test_no_template(parts) -> None:
    image, _, _ = parts
    with pytest.raises(NoWorkFound):
        template_on_detector([], image, margin=5, psf_size=21)


def test_detector_psf_is_one_model(parts) -> None:
    image, coadds, _ = parts
    assert isinstance(detector_psf(image), PsfModel)
    with pytest.raises(TypeError, match="CellPsf"):
        detector_psf(coadds[0][0])
