from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from uraniborg.algorithms.warp import lanczos_taps, sample_pixel_map, warp_image, warp_psf, warp_psf_stamps
from uraniborg.core.errors import UserError


def gaussian(covariance: NDArray[np.float64], size: int, x: float = 0.0, y: float = 0.0) -> NDArray[np.float64]:
    steps = np.arange(size) - size // 2
    dx, dy = np.meshgrid(steps - x, steps - y)
    inverse = np.linalg.inv(covariance)
    exponent = inverse[0, 0] * dx**2 + 2 * inverse[0, 1] * dx * dy + inverse[1, 1] * dy**2
    return np.exp(-0.5 * exponent) / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))


JACOBIAN = np.array([[0.9, -0.25], [0.3, 1.05]])
COVARIANCE = np.array([[3.4, 0.6], [0.6, 2.7]])


@pytest.mark.parametrize("offset", [(0.0, 0.0), (0.37, -0.42)])
def test_covariance_changes_by_the_inverse_jacobian(offset: tuple[float, float]) -> None:
    inverse = np.linalg.inv(JACOBIAN)
    expected = gaussian(inverse @ COVARIANCE @ inverse.T, 31, *offset)
    stamp = gaussian(COVARIANCE, 41)
    stamp.flags.writeable = False
    found = warp_psf(stamp, JACOBIAN, np.array(offset), size=31)
    assert found.shape == (31, 31)
    assert found.sum() == pytest.approx(1.0, abs=2e-3)
    assert np.max(np.abs(found - expected)) < 0.01 * expected.max()


def test_identity_returns_the_stamp() -> None:
    stamp = gaussian(COVARIANCE, 25)
    np.testing.assert_allclose(warp_psf(stamp, np.eye(2)), stamp, atol=1e-15)
    np.testing.assert_allclose(warp_psf(stamp, np.eye(2), size=15), stamp[5:20, 5:20], atol=1e-15)
    assert warp_psf(stamp, np.eye(2), size=61).sum() == pytest.approx(stamp.sum(), rel=1e-12)


def test_stamp_is_warped_like_an_image_of_a_star() -> None:
    shape, x, y = (81, 81), 40.0, 40.0  # the star sits on a pixel centre, as the stamp does
    image = gaussian(COVARIANCE, 81)
    home = np.array([25.3, 26.1])  # and lands here

    pixel_map = sample_pixel_map(
        lambda u, v: (
            JACOBIAN[0, 0] * (u - home[0]) + JACOBIAN[0, 1] * (v - home[1]) + x,
            JACOBIAN[1, 0] * (u - home[0]) + JACOBIAN[1, 1] * (v - home[1]) + y,
        ),
        (51, 51),
    )
    zero = np.zeros(shape, np.uint8)
    star = warp_image(image, np.ones(shape), zero, pixel_map=pixel_map, no_data_bit=1).image
    stamp = warp_psf(gaussian(COVARIANCE, 41), JACOBIAN, home - [25, 26], size=31)
    np.testing.assert_allclose(stamp, star[26 - 15 : 26 + 16, 25 - 15 : 25 + 16], atol=2e-5 * star.max())


def test_bad_stamps_are_refused() -> None:
    with pytest.raises(UserError, match="odd square"):
        warp_psf(np.ones((10, 10)), np.eye(2))
    with pytest.raises(UserError, match="odd square"):
        warp_psf(np.ones((11, 11)), np.zeros((2, 2)))


def test_many_stamps_are_warped_like_each_one() -> None:
    rng = np.random.default_rng(6)
    stamps = np.array([gaussian(scale * COVARIANCE, 25) for scale in (0.8, 1.0, 1.3)])
    jacobians = JACOBIAN + rng.normal(0, 0.05, (3, 2, 2))
    offsets = rng.uniform(-0.5, 0.5, (3, 2))
    together = warp_psf_stamps(stamps, jacobians, offsets, size=21)
    for n in range(3):
        np.testing.assert_array_equal(together[n], warp_psf(stamps[n], jacobians[n], offsets[n], size=21))


def test_kernel_equals_its_plain_twin() -> None:
    stamp, size = gaussian(COVARIANCE, 31), 21
    found = warp_psf(stamp, JACOBIAN, np.array([0.2, -0.3]), size=size)
    padded = np.pad(stamp, 6)
    for row, column in ((3, 4), (10, 10), (12, 9), (20, 0)):
        x, y = JACOBIAN @ [column - 10 - 0.2, row - 10 + 0.3] + 21
        x0, y0 = int(np.floor(x)), int(np.floor(y))
        wx, wy = lanczos_taps(np.array([x - x0]))[0], lanczos_taps(np.array([y - y0]))[0]
        plain = abs(np.linalg.det(JACOBIAN)) * wy @ padded[y0 - 2 : y0 + 4, x0 - 2 : x0 + 4] @ wx
        assert found[row, column] == pytest.approx(plain, abs=1e-5 * stamp.max())
