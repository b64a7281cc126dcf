from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from uraniborg.algorithms.measurement import adaptive_moments
from uraniborg.algorithms.psf import PsfFit, fit_psf, fit_stamps, psf_shape
from uraniborg.algorithms.psf.stars import make_stamps
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


def test_a_colour_term_follows_the_stars_colours() -> None:
    field, blue_field = (_field(160, seed=6, fwhm=fwhm) for fwhm in (4.0, 4.4))
    color = np.random.default_rng(2).choice([0.0, 1.0], 160)
    assert np.array_equal(field.x, blue_field.x)
    # Half of the stars (of colour 1) are wider: their stamps come from the other field.
    image, variance = field.flat.copy(), field.variance.copy()
    for x, y in zip(field.x[color > 0].astype(int), field.y[color > 0].astype(int), strict=True):
        part = np.s_[max(y - 14, 0) : y + 15, max(x - 14, 0) : x + 15]
        image[part], variance[part] = blue_field.flat[part], blue_field.variance[part]
    fit = fit_psf(image, variance, x=field.x, y=field.y, color=color)
    assert fit.color_gradient is not None
    for shade, one_colour in ((0.0, field), (1.0, blue_field)):
        wanted = psf_shape(true_psf(one_colour, size=25), x=[350.0], y=[350.0]).fwhm[0]
        assert psf_shape(fit.at_color(shade), x=[350.0], y=[350.0]).fwhm[0] == pytest.approx(wanted, rel=0.01)
    with pytest.raises(AlgorithmError, match="without colours"):
        fit_psf(image, variance, x=field.x, y=field.y).at_color(1.0)


def test_many_stars_have_the_right_size_everywhere() -> None:
    field = _field(400, shape=(1400, 1400), seed=8, flux_range=(2e4, 4e5))
    model, truth = _fit(field).model, true_psf(field, size=31)
    rng = np.random.default_rng(3)
    x, y = rng.uniform(60.0, 1340.0, (2, 200))
    ours, wanted = (adaptive_moments(psf.evaluate(x, y), sigma=1.8) for psf in (model, truth))
    change = (ours.xx + ours.yy) / (wanted.xx + wanted.yy) - 1.0
    assert abs(change.mean()) < 1e-3
    assert change.std() < 2e-3  # 400 stars; the noise of their sizes is 1.3e-3


@pytest.mark.realdata
def test_rubin_stars_fit_to_their_noise(testdata: Path) -> None:
    row = fits.getdata(testdata / "images" / "rubin_des_psf_stars" / "testStarsRubin.fits", 1)[0]
    data, weight = (np.array(row[name], float) for name in ("IMAGE", "WEIGHT"))
    rim = np.ones(data.shape[1:], bool)
    rim[3:-3, 3:-3] = False
    data -= np.median(data[:, rim], axis=1)[:, None, None]
    variance = np.where(weight > 0.0, 1.0 / np.maximum(weight, 1e-30), np.inf)
    stars = make_stamps(data, variance, x=np.array(row["X"], float), y=np.array(row["Y"], float))
    fit = fit_stamps(stars, (4096, 4096), fwhm=4.0, max_order=2)
    assert fit.n_stars >= 29
    assert fit.chi2_dof == pytest.approx(1.0, abs=0.2)
    assert fit.chi2[fit.used].mean() == pytest.approx(1.0, abs=0.2)
