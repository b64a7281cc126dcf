from __future__ import annotations

import numpy as np
import pytest

from uraniborg.core.pixelgrid import CellPsf, PsfModel, axis_weights, nearest_pixel, place_stamp, polynomial_terms


def _gaussian(side: int, sigma: float, dx: float = 0.0, dy: float = 0.0) -> np.ndarray:
    steps = np.arange(side) - side // 2
    return np.outer(np.exp(-0.5 * ((steps - dy) / sigma) ** 2), np.exp(-0.5 * ((steps - dx) / sigma) ** 2))


@pytest.mark.parametrize(("dx", "dy"), [(0.0, 0.0), (0.5, -0.5), (0.25, 0.4), (-1.3, 0.8)])
def test_shifted_gaussian_is_a_gaussian_elsewhere(dx: float, dy: float) -> None:
    out = np.empty((25, 25))
    place_stamp(_gaussian(41, 2.0), dx, dy, 1.0, out)
    wanted = _gaussian(25, 2.0, dx, dy)
    assert np.abs(out - wanted / wanted.sum()).max() < 1.5e-3 * out.max()
    assert out.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("sampling", [1.0, 0.6])
def test_fast_placement_equals_the_matrices(sampling: float) -> None:
    rng = np.random.default_rng(1)
    grid = rng.random((27, 27))
    out = np.empty((23, 23))
    for dx, dy in rng.uniform(-2.0, 2.0, (10, 2)):
        place_stamp(grid, dx, dy, sampling, out)
        wx, wy = axis_weights(np.array([dx, dy]), sampling, 23, 27)
        plain = wy @ grid @ wx.T
        np.testing.assert_allclose(out, plain / plain.sum(), atol=1e-13)


def test_weights_of_an_axis_sum_to_one() -> None:
    weights = axis_weights(np.array([0.0, 0.3, -0.5]), 1.0, 11, 41)
    np.testing.assert_allclose(weights.sum(axis=2), 1.0, atol=1e-12)
    assert weights[0, 5, 20] == 1.0


def test_model_is_a_polynomial_of_position() -> None:
    rng = np.random.default_rng(2)
    coefficients = rng.random((6, 15, 15))
    model = PsfModel(coefficients, 2, (50.0, 40.0), (50.0, 40.0), 1.0, 13)
    x, y = np.array([10.0, 90.0]), np.array([20.0, 7.0])
    u, v = (x - 50) / 50, (y - 40) / 40
    terms = [np.ones(2), v, v**2, u, u * v, u**2]
    wanted = sum(t[:, None, None] * c for t, c in zip(terms, coefficients, strict=True))
    np.testing.assert_allclose(model.grids(x, y), wanted, rtol=1e-12)
    np.testing.assert_allclose(polynomial_terms(u, v, 2), np.stack(terms, axis=1))
    np.testing.assert_allclose(model.shifted(7.0, -3.0).evaluate(x + 7, y - 3), model.evaluate(x, y), atol=1e-14)


def test_stamp_is_centred_on_the_nearest_pixel() -> None:
    model = PsfModel(_gaussian(33, 2.0)[None], 0, (0.0, 0.0), (1.0, 1.0), 1.0, 21)
    stamps = model.evaluate([10.5, 10.49, 11.0], [20.0, 20.0, 20.0])
    steps = np.arange(21) - 10
    centroid = (stamps * steps).sum(axis=(1, 2))
    np.testing.assert_allclose(centroid, [-0.5, 0.49, 0.0], atol=2e-3)
    assert nearest_pixel(10.5) == 11
    assert nearest_pixel(-0.5) == 0


def test_cells_are_constant_and_nan_where_empty() -> None:
    images = np.stack([np.stack([_gaussian(15, s) for s in row]) for row in ((1.5, 2.0), (2.5, 3.0))])
    images[1, 1] = np.nan
    psf = CellPsf(images, (99.5, 199.5), (20.0, 30.0))
    assert psf.stamp_size == 15
    grids = psf.grids([100, 119, 120, 139, 99, 100], [200, 229, 229, 230, 200, 260])
    for k, (row, column) in enumerate([(0, 0), (0, 0), (0, 1)]):
        np.testing.assert_array_equal(grids[k], images[row, column])
    assert np.isnan(grids[3:]).all()
    assert np.isnan(psf.evaluate([139.0], [230.0])).all()
    moved = psf.shifted(-100.0, -200.0).evaluate([5.3], [6.1])
    np.testing.assert_allclose(moved, psf.evaluate([105.3], [206.1]), atol=1e-12)
