from __future__ import annotations

import numpy as np

from uraniborg.algorithms.measurement.blocks import BLOCK_SIZE, source_blocks
from uraniborg.algorithms.measurement.psffit import fit_points, masked_image
from uraniborg.algorithms.psf import gaussian_psf

PSF = gaussian_psf(1.8, stamp_size=25)
RADII = np.array([3.0, 12.0])


def _image(x: np.ndarray, y: np.ndarray, flux: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    image = np.zeros(shape, np.float32)
    for stamp, column, row, value in zip(PSF.evaluate(x, y), x.astype(int), y.astype(int), flux, strict=True):
        image[row - 12 : row + 13, column - 12 : column + 13] += (value * stamp).astype(np.float32)
    return image


def test_boxes_hold_the_source_alone_and_parents_all_light() -> None:
    x, y, flux = np.array([50.0, 57.0]), np.array([50.0, 50.0]), np.array([2e4, 1e4])
    image = _image(x, y, flux, (100, 110))
    variance = np.full_like(image, 100.0)
    bits = np.zeros(image.shape, np.uint8)
    bits[49, 52] = 1
    fit = fit_points(masked_image(image, variance, bits, 1), variance, PSF, x=x, y=y, free=False)
    ((rows, block),) = source_blocks(fit, image, variance, signs=np.ones(2), radii=RADII)
    assert sorted(rows.tolist()) == [0, 1]
    for place, row in enumerate(rows):
        half = block.data.shape[1] // 2
        alone = block.data[place, half - 12 : half + 13, half - 12 : half + 13]
        np.testing.assert_allclose(alone, flux[row] * PSF.evaluate(x[row], y[row])[0], atol=1.0)
        whole = image[38:63, int(x[row]) - 12 : int(x[row]) + 13].copy()
        hidden = 52 - (int(x[row]) - 12)
        whole[11, hidden] = alone[11, hidden]  # the unusable pixel shows the source alone
        np.testing.assert_allclose(block.parent[place], whole, atol=1.0)
        assert (block.variance[place] == 0.0).sum() == 1
        np.testing.assert_allclose(block.center[place], half, atol=1e-9)


def test_every_source_is_in_one_block_and_borders_have_no_variance() -> None:
    rng = np.random.default_rng(2)
    n = BLOCK_SIZE + 30
    x, y = rng.uniform(13, 380, n), rng.uniform(13, 380, n)
    image = _image(np.floor(x), np.floor(y), np.full(n, 1e4), (400, 400))
    variance = np.full_like(image, 100.0)
    fit = fit_points(
        masked_image(image, variance, np.zeros((1, 1), np.uint8), 1), variance, PSF, x=np.floor(x), y=np.floor(y)
    )
    seen = []
    for rows, block in source_blocks(fit, image, variance, signs=np.ones(n), radii=RADII):
        half = block.data.shape[1] // 2
        outside = fit.x[rows] - half < -1.0
        assert (block.variance[outside][:, :, 0] == 0.0).all()
        seen += rows.tolist()
    assert sorted(seen) == list(range(n))
