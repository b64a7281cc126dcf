from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, maximum_filter

from uraniborg.algorithms.isr.snaps import combine_snaps
from uraniborg.core.errors import UserError
from uraniborg.sim.effects import draw_cosmic_rays

from .scenes import READ_NOISE, star_field


def snaps(seed: int, *, blur: float, ratio: float = 1.0) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    """Two snaps of one field; the seeing of the second is a little worse."""
    mean, rng = star_field(seed, stars=400, rays=0.0).mean, np.random.default_rng(seed)
    images, variances, rays = [], [], []
    for light in (mean, gaussian_filter(mean, blur) / ratio):
        charge = draw_cosmic_rays(mean.shape, rng, mean_number=60).charge
        counts = np.minimum(rng.poisson(light), 120000) + charge + READ_NOISE * rng.standard_normal(mean.shape)
        images.append(counts.astype(np.float32))
        variances.append((np.maximum(counts, 0) + READ_NOISE**2).astype(np.float32))
        rays.append(charge > 0)
    return images, variances, rays


@pytest.mark.parametrize("ratio", [1.0, 1.5])
def test_rays_of_each_snap_are_found_and_the_sum_is_right(ratio: float) -> None:
    images, variances, rays = snaps(1, blur=0.3, ratio=ratio)
    found = combine_snaps((images[0], variances[0]), (images[1], variances[1]), ratio=ratio)
    for mask, truth in zip((found.first, found.second), rays, strict=True):
        assert (mask & truth).sum() / truth.sum() > 0.95
        assert (mask & truth).sum() / mask.sum() > 0.93
    mean = star_field(1, stars=400, rays=0.0).mean
    flat = (mean < 910.0) & ~found.first & ~found.second & ~rays[0] & ~rays[1]
    hit = (found.first | found.second) & (mean < 910.0) & ~(rays[0] & rays[1])
    expected = mean * (1.0 + 1.0 / ratio)
    for where, bar in ((flat, 0.02), (hit, 0.25)):
        pull = ((found.image - expected) / np.sqrt(found.variance))[where]
        assert abs(np.median(pull)) < bar
        assert pull[np.abs(pull) < 5].std() == pytest.approx(1.0, abs=max(bar, 0.05))


def test_stars_are_not_rays_when_the_seeing_changes() -> None:
    images, variances, rays = snaps(2, blur=0.45)
    found = combine_snaps((images[0], variances[0]), (images[1], variances[1]))
    scene = star_field(2, stars=400, rays=0.0)
    peaks = (scene.mean == maximum_filter(scene.mean, 5)) & (scene.mean > 1200) & ~(rays[0] | rays[1])
    assert ((found.first | found.second) & peaks).sum() <= 0.005 * peaks.sum()


def test_snaps_that_do_not_fit_are_refused() -> None:
    one, two = np.zeros((4, 4), np.float32), np.zeros((4, 5), np.float32)
    with pytest.raises(UserError, match="differ in shape"):
        combine_snaps((one, one), (two, two))
    with pytest.raises(UserError, match="positive"):
        combine_snaps((one, one), (one, one), ratio=0.0)
