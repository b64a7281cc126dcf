from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from uraniborg.algorithms.coadd import CoaddResult, CoaddStack, background_weight
from uraniborg.algorithms.warp import sample_pixel_map, warp_image, warp_psf
from uraniborg.core.errors import UserError

NO_DATA, SATURATED, BAD = 128, 2, 1
CELL, GRID, PSF_SIZE = (100, 100), (3, 3), 41
SIZE = 300


def moffat(fwhm: float, shape: tuple[int, int], x: float, y: float) -> NDArray[np.float64]:
    rows, columns = np.indices(shape)
    alpha = fwhm / (2 * np.sqrt(2 ** (1 / 3.5) - 1))
    profile: NDArray[np.float64] = (1 + ((columns - x) ** 2 + (rows - y) ** 2) / alpha**2) ** -3.5
    return profile * 2.5 / (np.pi * alpha**2)


@dataclass(frozen=True)
class Visit:
    fwhm: float
    noise: float
    angle: float
    scale: float
    shift: tuple[float, float]

    @property
    def jacobian(self) -> NDArray[np.float64]:
        c, s = np.cos(self.angle), np.sin(self.angle)
        return self.scale * np.array([[c, -s], [s, c]])

    def to_detector(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        dx, dy = x - SIZE / 2, y - SIZE / 2
        j = self.jacobian
        return (
            j[0, 0] * dx + j[0, 1] * dy + 220 + self.shift[0],
            j[1, 0] * dx + j[1, 1] * dy + 220 + self.shift[1],
        )


VISITS = [
    Visit(3.6, 20.0, 0.02, 1.01, (0.3, -4.2)),
    Visit(4.1, 25.0, 1.6, 0.98, (7.7, 3.1)),
    Visit(4.8, 16.0, -0.4, 1.05, (-2.1, 0.6)),
    Visit(3.9, 30.0, 3.1, 0.95, (0.0, 0.45)),
]


def coadd_stars(positions: NDArray[np.float64], flux: float, seed: int | None) -> CoaddResult:
    """Make, warp and add one exposure after the other; seed None leaves the noise out."""
    rng = np.random.default_rng(seed)
    stack = new_stack(GRID)
    for visit in VISITS:
        image = np.zeros((440, 440))
        for x, y in np.stack(visit.to_detector(positions[:, 0], positions[:, 1]), axis=1):
            image += flux * moffat(visit.fwhm, image.shape, x, y)
        if seed is not None:
            image += rng.normal(0, visit.noise, image.shape)
        warped = warp_image(
            image.astype(np.float32),
            np.full(image.shape, visit.noise**2, np.float32),
            np.zeros(image.shape, np.uint8),
            pixel_map=sample_pixel_map(visit.to_detector, (SIZE, SIZE)),
            no_data_bit=NO_DATA,
        )
        stamp = moffat(visit.fwhm, (61, 61), 30, 30)
        psf = np.tile(warp_psf(stamp, visit.jacobian, size=PSF_SIZE), (*GRID, 1, 1))
        stack.add(
            warped.image,
            warped.variance,
            warped.mask,
            psf=psf,
            weight=background_weight(warped.variance, warped.mask, ignore_bits=0),
            noise_factor=warped.noise_factor,
        )
    return stack.finish()


def new_stack(grid: tuple[int, int], cell: tuple[int, int] = CELL, psf_size: int = PSF_SIZE) -> CoaddStack:
    return CoaddStack(
        grid, cell, psf_size, no_data_bit=NO_DATA, exclude_bits=BAD | SATURATED, carry={SATURATED: 0.1, 16: 0.5}
    )


def weighted_size(stamp: NDArray[np.float64], x: float, y: float) -> float:
    rows, columns = np.indices(stamp.shape)
    r2 = (columns - x) ** 2 + (rows - y) ** 2
    weight = stamp * np.exp(-r2 / (2 * 2.0**2))
    return float(np.sqrt(np.sum(weight * r2) / weight.sum()))


def test_psf_of_the_coadd_is_that_of_its_stars_and_keeps_their_flux() -> None:
    rng = np.random.default_rng(8)
    positions = np.stack(np.meshgrid([60.0, 150.0, 240.0], [60.0, 150.0, 240.0]), axis=-1).reshape(-1, 2)
    positions += rng.uniform(-1, 1, positions.shape)
    result = coadd_stars(positions, 1e6, None)
    sizes, fluxes = [], []
    for x, y in positions:
        column, row = round(x), round(y)
        cell = result.psf[row // CELL[0], column // CELL[1]]
        star = result.image[row - 20 : row + 21, column - 20 : column + 21].astype(float)
        model = warp_psf(cell, np.eye(2), np.array([x - column, y - row]))
        sizes.append(weighted_size(star, 20 + x - column, 20 + y - row) / weighted_size(cell, 20, 20) - 1)
        fluxes.append(np.sum(model * star) / np.sum(model**2) / 1e6 - 1)
    assert abs(np.mean(sizes)) < 0.005
    assert np.max(np.abs(sizes)) < 0.01
    assert abs(np.mean(fluxes)) < 0.002


def test_noise_of_the_coadd_is_as_propagated() -> None:
    result = coadd_stars(np.empty((0, 2)), 0.0, 21)
    assert result.n_valid == SIZE * SIZE
    pull = result.image / np.sqrt(result.variance)
    assert abs(pull.std() - 1) < 4 * np.sqrt(result.noise_factor / (2 * SIZE * SIZE))
    model = result.psf[1, 1]
    steps = [slice(k, k + PSF_SIZE) for k in range(0, SIZE - PSF_SIZE, 14)]
    stamps = np.array([[result.image[row, column] for column in steps] for row in steps])
    flux = np.einsum("ijyx,yx->ij", stamps, model) / np.sum(model**2)
    # The diagonal alone gives errors that are too small; the noise factor mends that.
    naive = np.sqrt(float(result.variance.mean()) / np.sum(model**2))
    assert result.noise_factor > 1.1
    assert flux.std() / (naive * np.sqrt(result.noise_factor)) == pytest.approx(1.0, abs=0.12)
    expected = 1 / sum(1 / visit.noise**2 / visit.scale**2 for visit in VISITS)
    assert float(result.variance.mean()) * result.noise_factor == pytest.approx(expected, rel=0.03)


def plane(value: float, shape: tuple[int, int] = (8, 8)) -> NDArray[np.float32]:
    array = np.full(shape, value, np.float32)
    array.flags.writeable = False
    return array


def flat_psf(value: float, grid: tuple[int, int] = (2, 2)) -> NDArray[np.float64]:
    return np.full((*grid, 3, 3), value)


def test_mean_variance_and_psf_are_weighted() -> None:
    stack = new_stack((2, 2), (4, 4), 3)
    mask = np.zeros((8, 8), np.uint16)
    coverage = stack.add(plane(10), plane(4), mask, psf=flat_psf(1.0), weight=0.25)
    stack.add(plane(20), plane(1), mask, psf=flat_psf(2.0), weight=1.0)
    result = stack.finish()
    np.testing.assert_array_equal(coverage, np.ones((2, 2)))
    np.testing.assert_allclose(result.image, 18.0, rtol=1e-6)
    np.testing.assert_allclose(result.variance, 0.8, rtol=1e-6)
    np.testing.assert_allclose(result.psf, 1.8, rtol=1e-6)
    np.testing.assert_array_equal(result.rejected, 0.0)
    assert result.noise_factor == pytest.approx(1.0)


def test_bad_pixels_do_not_enter_and_are_accounted_for() -> None:
    stack = new_stack((2, 2), (4, 4), 3)
    first, second = np.zeros((8, 8), np.uint16), np.zeros((8, 8), np.uint16)
    first[0, 0], second[0, 0] = SATURATED, SATURATED
    first[1, 1] = BAD
    first[2, 2] = 16
    image = plane(10).copy()
    image[0, 0] = image[1, 1] = 1e6
    image[3, 3], first[3, 3] = np.nan, NO_DATA
    stack.add(image, plane(1), first, psf=flat_psf(1.0), weight=1.0)
    stack.add(plane(10), plane(1), second, psf=flat_psf(1.0), weight=3.0)
    result = stack.finish()
    assert np.isnan(result.image[0, 0])
    assert result.mask[0, 0] == SATURATED | NO_DATA
    assert result.rejected[0, 0] == 1.0
    valid = np.isfinite(result.image)
    np.testing.assert_allclose(result.image[valid], 10.0)
    assert result.rejected[1, 1] == pytest.approx(0.25)
    assert result.mask[1, 1] == 0
    assert result.mask[2, 2] == 0  # a quarter of the weight, one half is needed
    assert result.rejected[3, 3] == 0.0  # not reached is not rejected
    assert result.variance[3, 3] == pytest.approx(1.0)
    assert result.n_valid == 63


def test_order_of_warps_and_offsets_do_not_matter() -> None:
    rng = np.random.default_rng(2)
    warps = [(rng.normal(0, 1, (4, 8)).astype(np.float32), i) for i in (0, 1, 0, 1)]
    results = []
    for order in (warps, warps[::-1]):
        stack = new_stack((2, 2), (4, 4), 3)
        for image, row in order:
            stack.add(
                image, plane(1, (4, 8)), np.zeros((4, 8), int), psf=flat_psf(1, (1, 2)), weight=1.0, start=(row, 0)
            )
        results.append(stack.finish())
    np.testing.assert_allclose(results[0].image, results[1].image, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(results[0].image[:4], 0.5 * (warps[0][0] + warps[2][0]), rtol=1e-5, atol=1e-6)


def test_cell_without_psf_has_no_data() -> None:
    stack = new_stack((2, 2), (4, 4), 3)
    psf = flat_psf(1.0)
    psf[0, 1] = np.nan
    coverage = stack.add(plane(5), plane(1), np.zeros((8, 8), int), psf=psf, weight=1.0)
    result = stack.finish()
    assert coverage[0, 1] == 0
    assert np.isnan(result.image[:4, 4:]).all()
    assert np.isnan(result.psf[0, 1]).all()
    assert result.n_valid == 48


def test_faulty_warps_are_refused() -> None:
    stack = new_stack((2, 2), (4, 4), 3)
    mask = np.zeros((8, 8), int)
    with pytest.raises(UserError, match="does not fit"):
        stack.add(plane(1), plane(1), mask, psf=flat_psf(1), weight=1.0, start=(1, 0))
    with pytest.raises(UserError, match="does not fit"):
        stack.add(plane(1), plane(1), mask, psf=flat_psf(1, (1, 2)), weight=1.0)
    with pytest.raises(UserError, match="positive"):
        stack.add(plane(1), plane(1), mask, psf=flat_psf(1), weight=0.0)


def test_weight_is_that_of_the_background() -> None:
    variance, mask = np.full((50, 50), 4.0), np.zeros((50, 50), np.uint16)
    variance[:20], mask[:20] = 100.0, 32
    variance[0, 0] = np.nan
    assert background_weight(variance, mask, ignore_bits=32) == pytest.approx(0.25)
    assert background_weight(variance, np.full((50, 50), 32), ignore_bits=32) == pytest.approx(0.25)
    assert background_weight(np.full((5, 5), np.nan), np.zeros((5, 5), int), ignore_bits=0) == 0.0
