from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import binary_dilation

from uraniborg.algorithms.isr.cosmic_rays import find_cosmic_rays, psf_pair_shares
from uraniborg.core.errors import UserError

from .scenes import Scene, star_field

# 500,000 stars in a square degree are 139 in a square arcminute: 2800 on 1024 x 1024 pixels of 0.26 arcsec.
FIELDS = {"sparse": (1, 300), "normal": (2, 1000), "crowded": (3, 2800)}


def score(scene: Scene, mask: np.ndarray) -> tuple[float, float]:
    truth = (scene.rays > 0) & ~scene.full
    return float((mask & truth).sum() / truth.sum()), float((mask & truth).sum() / max(mask.sum(), 1))


@pytest.mark.parametrize("name", FIELDS)
def test_recall_precision_and_stars(name: str) -> None:
    seed, stars = FIELDS[name]
    scene = star_field(seed, stars=stars, rays=120.0)
    found = find_cosmic_rays(scene.image, scene.variance, fwhm=scene.fwhm, exclude=scene.full)
    recall, precision = score(scene, found.mask)
    damaged = binary_dilation(found.mask) & scene.cores
    assert recall > 0.95
    assert precision > 0.93
    assert damaged.sum() <= 0.001 * max(scene.cores.sum(), 1000)
    assert found.seeds <= found.pixels == found.mask.sum()
    assert not (found.mask & scene.full).any()


def test_noise_alone_gives_next_to_nothing() -> None:
    scene = star_field(4, stars=0, rays=0.0, size=2048)
    found = find_cosmic_rays(scene.image, scene.variance, fwhm=3.3)
    assert found.pixels < 1e-5 * scene.image.size


@pytest.mark.parametrize("sharper", [1.0, 0.93])
def test_stars_survive_a_psf_that_is_sharper_than_told(sharper: float) -> None:
    scene = star_field(5, stars=1000, rays=0.0, fwhm=3.3 * sharper)
    found = find_cosmic_rays(scene.image, scene.variance, fwhm=3.3, exclude=scene.full)
    assert (binary_dilation(found.mask) & scene.cores).sum() <= 0.002 * scene.cores.sum()


def test_a_ray_on_a_star_is_found_and_the_star_kept() -> None:
    scene = star_field(6, stars=0, rays=0.0, size=128)
    v, u = np.mgrid[:128, :128]
    star = 20000.0 * np.exp(-0.5 * ((u - 60) ** 2 + (v - 60) ** 2) / 1.4**2)
    image = scene.image + np.random.default_rng(1).poisson(star)
    image[64:70, 62] += 3000.0
    found = find_cosmic_rays(image.astype(np.float32), (image + 49).astype(np.float32), fwhm=3.3)
    assert found.mask[64:70, 62].all()
    assert not found.mask[58:63, 58:63].any()


def test_answers_do_not_change_with_the_sky_level_or_orientation() -> None:
    scene = star_field(7, stars=200)
    plain = find_cosmic_rays(scene.image, scene.variance, fwhm=3.3)
    for k in (1, 2):
        turned = find_cosmic_rays(np.rot90(scene.image, k).copy(), np.rot90(scene.variance, k).copy(), fwhm=3.3)
        np.testing.assert_array_equal(turned.mask, np.rot90(plain.mask, k))


def test_shares_rise_with_the_width_of_the_psf() -> None:
    shares = np.array([psf_pair_shares(fwhm) for fwhm in (1.5, 2.0, 3.0, 5.0)])
    assert np.all(np.diff(shares, axis=0) > 0.0)
    assert np.all((shares >= 0.0) & (shares < 1.0))
    np.testing.assert_allclose(shares[:, 0], shares[:, 1])


def test_a_psf_without_width_is_refused() -> None:
    with pytest.raises(UserError, match=r"0\.3 pixels"):
        find_cosmic_rays(np.zeros((9, 9), np.float32), np.ones((9, 9), np.float32), fwhm=0.3)
