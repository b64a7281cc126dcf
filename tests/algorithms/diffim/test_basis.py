import numpy as np
import pytest

from uraniborg.algorithms.diffim.basis import (
    chebyshev_exponents,
    chebyshev_terms,
    gaussian_kernel_basis,
    matching_widths,
    scaled_axis,
)
from uraniborg.core.errors import UserError


def test_only_the_first_kernel_has_a_sum() -> None:
    basis = gaussian_kernel_basis((0.8, 1.6, 3.2), (4, 2, 2), half_width=10)
    assert basis.images.shape == (15 + 6 + 6, 21, 21)
    np.testing.assert_allclose(basis.images.sum(axis=(1, 2)), [1.0] + [0.0] * 26, atol=1e-12)
    assert basis.half_width == 10


def test_basis_spans_gaussians_times_plain_powers() -> None:
    basis = gaussian_kernel_basis((1.5,), (3,), half_width=8)
    y, x = np.mgrid[-8:9, -8:9].astype(float)
    wanted = (1.0 + 0.3 * x - 0.2 * x * y**2 + 0.1 * y**3) * np.exp(-0.5 * (x**2 + y**2) / 1.5**2)
    design = basis.images.reshape(len(basis.images), -1).T
    found = design @ np.linalg.lstsq(design, wanted.ravel(), rcond=None)[0]
    np.testing.assert_allclose(found, wanted.ravel(), atol=1e-10)


def test_separable_factors_rebuild_the_images() -> None:
    basis = gaussian_kernel_basis((0.7, 2.0), (2, 1), half_width=6)
    products = basis.rows[:, :, None] * basis.columns[:, None, :]
    np.testing.assert_allclose(np.einsum("nm,mij->nij", basis.mixing, products), basis.images, atol=1e-14)


@pytest.mark.parametrize(
    ("sigmas", "degrees", "half"), [((1.0,), (1, 2), 5), ((-1.0,), (1,), 5), ((1.0,), (-1,), 5), ((1.0,), (1,), 0)]
)
def test_bad_basis_is_refused(sigmas: tuple[float, ...], degrees: tuple[int, ...], half: int) -> None:
    with pytest.raises(UserError, match="kernel basis needs"):
        gaussian_kernel_basis(sigmas, degrees, half_width=half)


def test_widths_follow_the_gaussian_difference() -> None:
    assert matching_widths(2.5, 1.5) == pytest.approx((1.0, 2.0, 4.0))
    assert matching_widths(1.5, 1.5) == pytest.approx((0.7, 1.4, 2.8))


def test_chebyshev_terms_are_products_of_cosines() -> None:
    order = 3
    theta, phi = np.array([0.3, 1.1]), np.array([2.0, 0.7])
    terms = chebyshev_terms(np.cos(theta), np.cos(phi), order=order)
    exponents = chebyshev_exponents(order)
    assert len(exponents) == 10
    assert tuple(exponents[0]) == (0, 0)
    for (j, i), term in zip(exponents, terms, strict=True):
        np.testing.assert_allclose(term, np.cos(j * theta) * np.cos(i * phi), atol=1e-12)


def test_axis_has_its_edges_at_one() -> None:
    np.testing.assert_allclose(scaled_axis(4), [-0.75, -0.25, 0.25, 0.75])
