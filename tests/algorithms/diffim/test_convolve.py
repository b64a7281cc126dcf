import numpy as np
import pytest
from numba import set_num_threads
from scipy import signal

from uraniborg.algorithms.diffim.basis import chebyshev_terms
from uraniborg.algorithms.diffim.convolve import DIRECT_WIDTH, convolve, convolve_varying, spread_mask
from uraniborg.core.errors import UserError


@pytest.mark.parametrize("width", [1, 7, DIRECT_WIDTH, DIRECT_WIDTH + 6])
def test_convolve_equals_scipy(width: int) -> None:
    rng = np.random.default_rng(1)
    image, kernel = rng.normal(size=(41, 53)), rng.normal(size=(width, width))
    image.setflags(write=False)
    np.testing.assert_allclose(convolve(image, kernel), signal.convolve2d(image, kernel, mode="same"), atol=1e-10)


def test_result_does_not_depend_on_threads() -> None:
    rng = np.random.default_rng(2)
    image, kernel = rng.normal(size=(64, 64)), rng.normal(size=(9, 9))
    set_num_threads(1)
    once = convolve(image, kernel)
    from numba import config

    set_num_threads(config.NUMBA_NUM_THREADS)
    np.testing.assert_array_equal(once, convolve(image, kernel))


def test_even_kernel_is_refused() -> None:
    with pytest.raises(UserError, match="odd width"):
        convolve(np.zeros((8, 8)), np.ones((4, 4)))


def test_varying_kernel_equals_pixel_by_pixel_sum() -> None:
    rng = np.random.default_rng(3)
    image, kernels = rng.normal(size=(20, 24)), rng.normal(size=(3, 5, 5))
    result = convolve_varying(image, kernels, order=1)
    padded = np.pad(image, 2)
    for y, x in [(0, 0), (7, 13), (19, 23)]:
        terms = chebyshev_terms(np.array([(2 * y + 1) / 20 - 1]), np.array([(2 * x + 1) / 24 - 1]), order=1)[:, 0]
        local = np.einsum("t,tij->ij", terms, kernels)
        expected = (padded[y : y + 5, x : x + 5] * local[::-1, ::-1]).sum()
        assert result[y, x] == pytest.approx(expected, abs=1e-12)


def test_mask_spreads_as_far_as_the_kernel_matters() -> None:
    mask = np.zeros((21, 21), dtype=bool)
    mask[10, 10] = True
    kernel = np.zeros((5, 5))
    kernel[2, 1:4] = (0.25, 0.749, 0.001)
    spread = spread_mask(mask, kernel)
    assert set(map(tuple, np.argwhere(spread).tolist())) == {(10, 9), (10, 10)}
    assert not spread_mask(np.zeros((5, 5), dtype=bool), kernel).any()
    edges = spread_mask(np.zeros((5, 5), dtype=bool), kernel, outside=True)
    np.testing.assert_array_equal(np.flatnonzero(edges.all(axis=0)), [4])
