import numpy as np
import pytest

from uraniborg.algorithms.diffim.stars import select_kernel_stars
from uraniborg.algorithms.diffim.subtract import Planes


@pytest.fixture(scope="module")
def field(stamp_of) -> tuple[Planes, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(9)
    psf = stamp_of(1.6, 12)
    image = rng.normal(size=(820, 800))
    stars = np.column_stack([rng.integers(20, 800, 60), rng.integers(20, 780, 60)])
    for y, x in stars:
        image[y - 12 : y + 13, x - 12 : x + 13] += 2000.0 * psf
    return Planes(image, np.ones(image.shape), np.zeros(image.shape, dtype=bool)), psf, stars


def test_bright_stars_of_every_cell(field) -> None:
    planes, psf, stars = field
    found = select_kernel_stars(planes, psf, stars_per_cell=5)
    assert found.shape == (20, 2)
    distance = np.abs(found[:, None] - stars[None]).max(axis=-1).min(axis=1)
    assert (distance <= 1).all()


def test_unusable_pixels_keep_stars_away(field) -> None:
    planes, psf, _ = field
    unusable = np.zeros(planes.image.shape, dtype=bool)
    unusable[:, :300] = True
    found = select_kernel_stars(planes, psf, unusable=unusable, stars_per_cell=20)
    assert (found[:, 1] >= 312).all()


def test_small_or_empty_images_use_all_pixels(field) -> None:
    planes, psf, _ = field
    small = Planes(planes.image[:300, :300], planes.variance[:300, :300], planes.bad[:300, :300])
    assert select_kernel_stars(small, psf) is None
    assert select_kernel_stars(planes, psf, threshold=1e5) is None
