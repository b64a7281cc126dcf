from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.psf import PsfFit, fit_psf, psf_shape
from uraniborg.core.errors import AlgorithmError
from uraniborg.testing.fields import SimulatedField, simulate_field, true_psf


def _field(n_stars: int, *, shape: tuple[int, int] = (700, 700), seed: int = 1, **options: float) -> SimulatedField:
    options = {"flux_range": (2e4, 3e5), **options}
    return simulate_field(shape, n_stars=n_stars, isolated=True, seed=seed, **options)


def _fit(field: SimulatedField, **options: object) -> PsfFit:
    rng = np.random.default_rng(1)
    order = np.argsort(-field.flux)
    x, y = (values[order] + rng.uniform(-0.4, 0.4, order.size) for values in (field.x, field.y))
    return fit_psf(field.flat, field.variance, x=x, y=y, **options)


def test_constant_point_spread_function_is_recovered() -> None:
    field = _field(150)
    fit = _fit(field)
    assert (fit.order, fit.reason) == (2, "")
    assert fit.n_stars > 135
    assert 0.6 < fit.chi2_dof < 1.2
    x, y = np.array([100.2, 350.5, 650.9]), np.array([600.1, 350.4, 80.3])
    model = fit.model.evaluate(x, y)
    truth = true_psf(field, size=fit.model.stamp_size).evaluate(x, y)
    core = truth > 0.1 * truth.max()
    assert np.sqrt(np.mean((model - truth)[core] ** 2)) < 0.006 * truth.max()
    bias = (model * truth).sum(axis=(1, 2)) / (model * model).sum(axis=(1, 2)) - 1.0
    assert np.abs(bias).max() < 0.004
    used = fit.used
    order = np.argsort(-field.flux)
    assert np.std((fit.x - field.x[order])[used]) < 0.03
    assert abs(np.mean((fit.x - field.x[order])[used])) < 0.005
    assert np.median((fit.flux / field.flux[order])[used]) == pytest.approx(0.994, abs=0.006)


def test_variation_over_the_field_is_followed() -> None:
    field = _field(200, variation=0.06)
    shapes = psf_shape(_fit(field).model, x=[50.0, 350.0, 650.0], y=[350.0, 350.0, 350.0])
    # Width of the profile before pixels: 4 (1 + 0.06 u); pixels add a little in quadrature.
    wanted = np.array([4.0 * (1 + 0.06 * (2 * x / 700 - 1)) for x in (50.0, 350.0, 650.0)])
    np.testing.assert_allclose(shapes.fwhm / shapes.fwhm[1], wanted / wanted[1], atol=0.01)
    flat = _fit(field, max_order=0)
    assert flat.order == 0
    assert np.ptp(psf_shape(flat.model, x=[50.0, 650.0], y=[350.0, 350.0]).fwhm) < 1e-9


@pytest.mark.parametrize(("n_stars", "order"), [(1, 0), (3, 0), (9, 1), (25, 2)])
def test_few_stars_give_a_lower_order_and_say_so(n_stars: int, order: int) -> None:
    field = _field(n_stars, shape=(250, 250) if n_stars < 10 else (400, 400), seed=5)
    fit = _fit(field)
    assert fit.order == order
    assert bool(fit.reason) == (order < 2)
    assert fit.n_stars == n_stars
    truth = true_psf(field, size=fit.model.stamp_size).evaluate(120.0, 120.0)[0]
    model = fit.model.evaluate(120.0, 120.0)[0]
    # The analytic prior keeps even one star's model smooth.
    assert np.abs(model - truth).max() < 0.06 * truth.max()
    assert fit.fwhm == pytest.approx(4.1, abs=0.15)


def test_faint_stars_give_a_smooth_model() -> None:
    field = _field(6, shape=(250, 250), flux_range=(4e3, 8e3), seed=3)
    model = _fit(field).model.evaluate(120.0, 120.0)[0]
    half = model.shape[0] // 2
    steps = np.arange(model.shape[0]) - half
    rim = np.hypot.outer(steps, steps) > 9.0
    assert np.abs(model[rim]).max() < 0.01 * model.max()


def test_spoilt_stars_are_rejected() -> None:
    field = _field(60, seed=2)
    image = field.flat.copy()
    order = np.argsort(-field.flux)
    for k in order[[3, 10]]:
        column, row = round(field.x[k]), round(field.y[k])
        image[row - 1 : row + 2, column + 2 : column + 4] += 0.03 * field.flux[k]
    fit = fit_psf(image, field.variance, x=field.x[order], y=field.y[order])
    assert not fit.used[[3, 10]].any()
    assert fit.used.sum() >= 52


def test_undersampled_stars_get_a_finer_grid() -> None:
    field = _field(120, shape=(500, 500), fwhm=1.6)
    fit = _fit(field, fwhm=2.0)
    assert fit.model.sampling < 1.0
    x, y = np.array([250.0, 250.5, 250.25]), np.array([250.0, 250.5, 249.6])
    model = fit.model.evaluate(x, y)
    truth = true_psf(field, size=fit.model.stamp_size).evaluate(x, y)
    assert np.abs(model - truth).max() < 0.05 * truth.max()


def test_masked_pixels_do_not_enter() -> None:
    field = _field(40, shape=(400, 400))
    unusable = np.zeros(field.image.shape, bool)
    unusable[:, ::9] = True
    image = field.flat.copy()
    image[unusable] = 1e6
    fit = fit_psf(image, field.variance, x=field.x, y=field.y, unusable=unusable)
    assert fit.n_stars > 30
    assert fit.fwhm == pytest.approx(4.1, abs=0.1)


def test_equal_inputs_give_equal_models() -> None:
    field = _field(30, shape=(400, 400))
    np.testing.assert_array_equal(_fit(field).model.coefficients, _fit(field).model.coefficients)


def test_no_star_is_an_error_with_numbers() -> None:
    field = _field(4, shape=(250, 250))
    with pytest.raises(AlgorithmError, match="n_stars=0"):
        fit_psf(field.flat, field.variance, x=np.empty(0), y=np.empty(0))
    with pytest.raises(AlgorithmError, match="moments"):
        fit_psf(field.flat, field.variance, x=field.x, y=field.y, unusable=np.ones(field.image.shape, bool))
