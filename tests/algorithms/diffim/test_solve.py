import numpy as np
import pytest

from uraniborg.algorithms.diffim.basis import chebyshev_terms, gaussian_kernel_basis, scaled_axis
from uraniborg.algorithms.diffim.convolve import convolve, convolve_varying
from uraniborg.algorithms.diffim.solve import build_stamps, solve_kernel, stamp_residuals, stamp_windows
from uraniborg.core.errors import AlgorithmError

BASIS = gaussian_kernel_basis((0.8, 1.6), (2, 2), half_width=7)


NARROW = BASIS.images[0] + 0.2 * BASIS.images[7]
"""A kernel of unit sum that the basis can make exactly."""


def field(size: int = 160, n_stars: int = 60, seed: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = np.zeros((size, size))
    centres = rng.integers(12, size - 12, (n_stars, 2))
    image[centres[:, 0], centres[:, 1]] = 10 ** rng.uniform(3, 5, n_stars)
    offsets = np.arange(-8, 9.0)
    star = np.exp(-0.5 * (offsets[:, None] ** 2 + offsets**2) / 1.3**2)
    return convolve(image, star / star.sum()), centres


def stamps_of(target: np.ndarray, source: np.ndarray, centres: np.ndarray, weight: float = 1.0):
    planes = (target, np.full(target.shape, weight), source, np.zeros(target.shape))
    return build_stamps(planes, centres, BASIS, half_size=11)


def test_varying_kernel_and_background_are_recovered_without_noise() -> None:
    source, centres = field()
    rng = np.random.default_rng(0)
    truth = rng.normal(scale=0.1, size=(len(BASIS.images), 3)) * [1.0, 0.1, 0.1]
    truth[0] = (1.3, 0.0, 0.0)
    kernels = np.einsum("bt,bij->tij", truth, BASIS.images)
    axis = scaled_axis(160)
    background = 7.0 + 2.0 * chebyshev_terms(axis[:, None], axis[None, :], order=1)[1]
    target = convolve_varying(source, kernels, order=1) + background
    solution = solve_kernel(stamps_of(target, source, centres), BASIS, order=1, background_order=1, iterations=0)
    # The kernel is taken as constant inside a stamp; its change over half a stamp bounds the error.
    assert solution.coefficients[0, 0] == pytest.approx(1.3, rel=2e-3)
    np.testing.assert_allclose(solution.background, [7.0, 2.0, 0.0], atol=0.5)
    for y, x in [(0.0, 0.0), (-0.8, 0.5)]:
        expected = np.einsum("t,tij->ij", chebyshev_terms(np.array([y]), np.array([x]), order=1)[:, 0], kernels)
        np.testing.assert_allclose(solution.kernel_at(BASIS, y=y, x=x), expected, atol=0.01 * expected.max())


def test_constant_kernel_is_exact() -> None:
    source, centres = field()
    kernel = np.einsum("b,bij->ij", np.linspace(1.0, 0.1, len(BASIS.images)), BASIS.images)
    solution = solve_kernel(
        stamps_of(convolve(source, kernel) - 3.0, source, centres), BASIS, order=0, background_order=0, iterations=0
    )
    np.testing.assert_allclose(solution.kernel_at(BASIS), kernel, atol=1e-7)
    assert solution.background[0] == pytest.approx(-3.0, abs=1e-5)
    assert solution.used.all()
    assert 1.0 < solution.condition < 1e8


def test_noise_of_the_source_does_not_bias_the_sum() -> None:
    source, centres = field(n_stars=40)
    rng = np.random.default_rng(11)
    target = 1.1 * convolve(source, NARROW)
    sums = []
    for _ in range(12):
        noisy = source + rng.normal(scale=60.0, size=source.shape)
        planes = (target, np.full(source.shape, 1e-3), noisy, np.full(source.shape, 3600.0))
        stamps = build_stamps(planes, centres, BASIS, half_size=11)
        sums.append(solve_kernel(stamps, BASIS, order=0, background_order=0).coefficients[0, 0])
    error = np.std(sums) / np.sqrt(len(sums))
    assert abs(np.mean(sums) - 1.1) < 4 * error + 1e-3


def test_stamp_with_a_variable_star_is_rejected() -> None:
    source, centres = field(n_stars=25)
    rng = np.random.default_rng(2)
    target = convolve(source, NARROW) + rng.normal(size=source.shape)
    y, x = centres[3]
    target[y - 3 : y + 4, x - 3 : x + 4] *= 1.5
    solution = solve_kernel(stamps_of(target, source, centres), BASIS, order=0, background_order=0)
    assert not solution.used[3]
    assert solution.coefficients[0, 0] == pytest.approx(1.0, abs=2e-3)


def test_residuals_are_target_minus_model() -> None:
    source, centres = field()
    target = convolve(source, NARROW)
    stamps = stamps_of(target + 5.0, source, centres)
    solution = solve_kernel(stamps, BASIS, order=0, background_order=0, iterations=0)
    changed = stamps_of(target + 9.0, source, centres)
    np.testing.assert_allclose(stamp_residuals(changed, solution), 4.0, atol=1e-3)


def test_windows_are_zero_outside() -> None:
    plane = np.ones((6, 6))
    window = stamp_windows(plane, np.array([[0, 5]]), half_size=1)[0]
    np.testing.assert_array_equal(window, [[0, 0, 0], [1, 1, 0], [1, 1, 0]])


def test_too_few_pixels_say_so() -> None:
    planes = (np.zeros((40, 40)), np.zeros((40, 40)), np.zeros((40, 40)), np.zeros((40, 40)))
    stamps = build_stamps(planes, np.array([[20, 20]]), BASIS, half_size=5)
    with pytest.raises(AlgorithmError, match="too few usable pixels"):
        solve_kernel(stamps, BASIS, order=0, background_order=0)
