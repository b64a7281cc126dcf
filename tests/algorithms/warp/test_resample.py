from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from uraniborg.algorithms.warp import PixelMap, WarpResult, lanczos_taps, sample_pixel_map, warp_image
from uraniborg.core.errors import UserError

NO_DATA = 128
SHAPE = (120, 140)


def affine(matrix: NDArray[np.float64], shift: tuple[float, float], shape: tuple[int, int] = SHAPE) -> PixelMap:
    """Map an output pixel about the middle of the output to ``matrix (p - middle) + middle of input + shift``."""
    middle = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
    home = np.array([(SHAPE[1] - 1) / 2, (SHAPE[0] - 1) / 2]) + shift

    def transform(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        dx, dy = x - middle[0], y - middle[1]
        return (
            matrix[0, 0] * dx + matrix[0, 1] * dy + home[0],
            matrix[1, 0] * dx + matrix[1, 1] * dy + home[1],
        )

    return sample_pixel_map(transform, shape)


def rotation(degrees: float, scale: float = 1.0) -> NDArray[np.float64]:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return scale * np.array([[c, -s], [s, c]])


def star(x: float, y: float, fwhm: float, flux: float, shape: tuple[int, int] = SHAPE) -> NDArray[np.float64]:
    """Moffat (beta 3.5) star, as sharp-cored as a real one."""
    rows, columns = np.indices(shape)
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / 3.5) - 1))
    profile = (1 + ((columns - x) ** 2 + (rows - y) ** 2) / alpha**2) ** -3.5
    return flux * 2.5 / (np.pi * alpha**2) * profile


def warp(image: NDArray[np.floating], pixel_map: PixelMap, **options: float) -> WarpResult:
    plane = np.ones(image.shape)
    zero = np.zeros(image.shape, dtype=np.uint16)
    for array in (image, plane, zero):
        array.flags.writeable = False
    return warp_image(image, plane, zero, pixel_map=pixel_map, no_data_bit=NO_DATA, **options)


def flux_and_centroid(image: NDArray[np.floating], x: float, y: float) -> NDArray[np.float64]:
    """Sum in a circle of 20 pixels and Gaussian-weighted centroid (both from pixels alone)."""
    rows, columns = np.indices(image.shape)
    r2 = (columns - x) ** 2 + (rows - y) ** 2
    total = image[r2 < 400].sum(dtype=np.float64)
    for _ in range(20):
        weight = image * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.0**2))
        dx, dy = np.sum(weight * (columns - x)) / weight.sum(), np.sum(weight * (rows - y)) / weight.sum()
        x, y = x + 2 * dx, y + 2 * dy
    return np.array([total, x, y])


@pytest.mark.parametrize("fwhm", [3.0, 4.0])
@pytest.mark.parametrize(
    ("degrees", "scale", "shift"),
    [(0, 1.0, (0.5, 0.5)), (0, 1.0, (0.31, -0.77)), (33, 1.0, (0.2, 0.4)), (180, 0.8, (0, 0)), (-70, 1.15, (0.6, 1.3))],
)
def test_flux_and_centroid_of_a_star_survive(
    fwhm: float, degrees: float, scale: float, shift: tuple[float, float]
) -> None:
    x, y = 71.3, 57.9
    pixel_map = affine(rotation(degrees, scale), shift)
    result = warp(star(x, y, fwhm, 1e5), pixel_map)
    middle = (np.array(SHAPE[::-1]) - 1) / 2
    expected = np.linalg.solve(rotation(degrees, scale), [x, y] - middle - shift) + middle
    image = np.nan_to_num(result.image)
    flux, cx, cy = flux_and_centroid(image, *expected)
    truth = flux_and_centroid(star(*expected, fwhm / scale, 1e5), *expected)
    assert abs(flux / truth[0] - 1) < 1e-3
    assert np.hypot(cx - expected[0], cy - expected[1]) * 0.262 * scale < 5e-3  # arcsec, at DECam's scale


def test_size_of_a_star_is_kept_within_half_a_percent() -> None:
    rows, columns = np.indices(SHAPE)
    for shift in (0.25, 0.5):
        result = warp(star(70.0, 60.0, 4.0, 1e5), affine(np.eye(2), (shift, 0.0)))
        image = np.nan_to_num(result.image)
        weight = np.exp(-((columns - 70 + shift) ** 2 + (rows - 60) ** 2) / (2 * 2.0**2))
        r2 = (columns - 70 + shift) ** 2 + (rows - 60) ** 2
        truth = star(70.0 - shift, 60.0, 4.0, 1e5)
        found = np.sum(weight * image * r2) / np.sum(weight * image)
        wanted = np.sum(weight * truth * r2) / np.sum(weight * truth)
        assert abs(np.sqrt(found / wanted) - 1) < 5e-3


def test_constant_stays_constant_in_surface_brightness() -> None:
    result = warp(np.full(SHAPE, 7.0), affine(rotation(20, 0.9), (0.3, 0.1)))
    valid = np.isfinite(result.image)
    np.testing.assert_allclose(result.image[valid], 7.0 * 0.81, rtol=1e-9)


def test_white_noise_has_the_predicted_diagonal_and_wide_variance() -> None:
    rng = np.random.default_rng(11)
    shape = (700, 700)
    noise = rng.normal(0, 3.0, shape).astype(np.float32)
    c, s = np.cos(0.3), np.sin(0.3)
    pixel_map = sample_pixel_map(
        lambda x, y: (1.1 * (c * (x - 250) - s * (y - 250)) + 350, 1.1 * (s * (x - 250) + c * (y - 250)) + 350),
        (500, 500),
    )
    plane = np.full(shape, 9.0, dtype=np.float32)
    result = warp_image(noise, plane, np.zeros(shape, np.uint8), pixel_map=pixel_map, no_data_bit=NO_DATA)
    assert result.n_valid == 500 * 500
    pull = result.image / np.sqrt(result.variance)
    # The noise of the estimate itself: 250000 pixels, correlated over about 1.3.
    assert abs(pull.std() - 1) < 4 * np.sqrt(result.noise_factor / (2 * 250000)) + 1e-3
    blocks = result.image.reshape(25, 20, 25, 20).sum(axis=(1, 3))
    total = blocks.var() / result.variance.reshape(25, 20, 25, 20).sum(axis=(1, 3)).mean()
    # 625 blocks give the variance to 5.7 %; the edges of 20-pixel blocks take about 2 %.
    assert abs(total / result.noise_factor - 1) < 3 * np.sqrt(2 / 625)
    mean_square = (lanczos_taps(np.linspace(0, 1, 2001)[:-1]) ** 2).sum(axis=1).mean()
    assert result.noise_factor == pytest.approx(1 / (1.1 * mean_square) ** 2, rel=2e-3)


def test_wide_variance_follows_from_conserved_flux() -> None:
    # Every input pixel's noise ends in the output once: N_in var_in = noise_factor * sum of the diagonal.
    result = warp(np.zeros(SHAPE), affine(rotation(15, 0.7), (0.2, 0.1), (100, 100)))
    valid = np.isfinite(result.image)
    assert valid.all()
    assert result.noise_factor == pytest.approx(0.49 * valid.sum() / result.variance[valid].sum(), rel=1e-6)


def test_round_trip_returns_the_image() -> None:
    image = star(70.0, 60.0, 4.5, 1e4) + 3.0
    there = warp(image, affine(rotation(10), (0.4, 0.3), (200, 200)), max_missing=0.0)
    middle, home = np.array([99.5, 99.5]), (np.array(SHAPE[::-1]) - 1) / 2 + [0.4, 0.3]
    inverse = np.linalg.inv(rotation(10))

    def back(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        dx, dy = x - home[0], y - home[1]
        return (
            inverse[0, 0] * dx + inverse[0, 1] * dy + middle[0],
            inverse[1, 0] * dx + inverse[1, 1] * dy + middle[1],
        )

    returned = warp(there.image, sample_pixel_map(back, SHAPE)).image
    inner = (slice(15, -15), slice(15, -15))
    assert np.isfinite(returned[inner]).all()
    peak = image.max()
    assert np.max(np.abs(returned[inner] - image[inner])) < 0.01 * peak
    assert abs(returned[inner].sum() / image[inner].sum() - 1) < 1e-4


def slow_twin(image: NDArray[np.float64], x: float, y: float) -> float:
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    wx, wy = lanczos_taps(np.array([x - x0]))[0], lanczos_taps(np.array([y - y0]))[0]
    return float(wy @ image[y0 - 2 : y0 + 4, x0 - 2 : x0 + 4] @ wx)


@settings(deadline=None, max_examples=40)
@given(st.floats(-180, 180), st.floats(0.6, 1.6), st.floats(-2, 2), st.floats(-2, 2), st.sampled_from(["f4", "f8"]))
def test_kernel_equals_its_plain_twin(degrees: float, scale: float, dx: float, dy: float, dtype: str) -> None:
    rng = np.random.default_rng(3)
    image = rng.normal(10, 1, SHAPE)
    pixel_map = affine(rotation(degrees, scale), (dx, dy), (40, 40))
    result = warp(image.astype(dtype), pixel_map)
    assert result.image.dtype == dtype
    for row, column in rng.integers(5, 35, (20, 2)):
        x, y = (float(v[0]) for v in pixel_map.evaluate(np.array([column]), np.array([row])))
        assert result.image[row, column] == pytest.approx(scale**2 * slow_twin(image, x, y), rel=2e-4)


@settings(deadline=None, max_examples=20)
@given(st.floats(-180, 180), st.floats(-1, 1), st.floats(-1, 1))
def test_masked_path_equals_fast_path_where_nothing_is_left_out(degrees: float, dx: float, dy: float) -> None:
    image = np.random.default_rng(4).normal(0, 1, SHAPE)
    pixel_map = affine(rotation(degrees), (dx, dy), (50, 50))
    fast = warp(image, pixel_map)
    flagged = warp_image(
        image, np.ones(SHAPE), np.full(SHAPE, 4, np.uint8), pixel_map=pixel_map, no_data_bit=NO_DATA, exclude_bits=2
    )
    np.testing.assert_allclose(flagged.image, fast.image, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(flagged.variance, fast.variance, rtol=1e-12)
    assert (flagged.mask == 4).all()


def test_bad_pixel_is_left_out_and_handed_on() -> None:
    image = np.full(SHAPE, 10.0)
    mask = np.zeros(SHAPE, np.uint16)
    image[60, 70], mask[60, 70] = 1e6, 2
    result = warp_image(
        image, np.ones(SHAPE), mask, pixel_map=affine(np.eye(2), (0.4, 0.3)), no_data_bit=NO_DATA, exclude_bits=2
    )
    touched = (result.mask & 2) != 0
    assert 4 <= touched.sum() <= 36
    valid = np.isfinite(result.image)
    np.testing.assert_allclose(result.image[valid], 10.0, rtol=1e-9)
    assert not valid[60, 70]  # too much of its weight is gone
    assert result.mask[60, 70] & NO_DATA
    rows, columns = np.nonzero(touched)
    assert rows.min() >= 57
    assert rows.max() <= 63
    assert columns.min() >= 67
    assert columns.max() <= 73


def test_pixels_that_are_not_finite_are_left_out() -> None:
    image = np.full(SHAPE, 10.0)
    image[60, 70] = np.nan
    variance = np.ones(SHAPE)
    variance[20, 20] = np.inf
    result = warp_image(
        image, variance, np.zeros(SHAPE, np.uint8), pixel_map=affine(np.eye(2), (0.5, 0.5)), no_data_bit=NO_DATA
    )
    valid = np.isfinite(result.image)
    np.testing.assert_allclose(result.image[valid], 10.0, rtol=1e-9)
    assert np.isfinite(result.variance[valid]).all()
    assert np.array_equal(valid, (result.mask & NO_DATA) == 0)
    assert result.n_valid == valid.sum()


def test_outside_the_input_there_are_no_data() -> None:
    result = warp(np.ones(SHAPE), affine(np.eye(2), (0.0, 0.0), (200, 200)))
    valid = np.isfinite(result.image)
    rows, columns = np.nonzero(valid)
    # The middles lie half a pixel apart in no axis here (even sizes both), so the input is shifted whole pixels.
    assert (rows.max() - rows.min() + 1, columns.max() - columns.min() + 1) == SHAPE
    assert (result.mask[~valid] == NO_DATA).all()


def test_far_away_gives_an_empty_result() -> None:
    result = warp(np.ones(SHAPE), affine(np.eye(2), (1e4, 0.0)))
    assert result.n_valid == 0
    assert np.isnan(result.noise_factor)
    assert (result.mask == NO_DATA).all()


def test_shapes_and_planes_are_checked() -> None:
    pixel_map = affine(np.eye(2), (0.0, 0.0))
    with pytest.raises(UserError, match="alike"):
        warp_image(np.ones((9, 9)), np.ones((9, 8)), np.ones((9, 9), int), pixel_map=pixel_map, no_data_bit=1)
    with pytest.raises(UserError, match="bit 31"):
        warp_image(
            np.ones((9, 9)), np.ones((9, 9)), np.full((9, 9), 1 << 31, np.uint32), pixel_map=pixel_map, no_data_bit=1
        )
