from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.measurement.pointkernels import masked_image
from uraniborg.algorithms.measurement.psffit import fit_points
from uraniborg.algorithms.psf import gaussian_psf
from uraniborg.testing.fields import simulate_field, true_psf

PSF = gaussian_psf(1.8, stamp_size=25)


def _scene(x: np.ndarray, y: np.ndarray, flux: np.ndarray, shape: tuple[int, int] = (80, 80)) -> np.ndarray:
    image = np.zeros((shape[0] + 50, shape[1] + 50))
    for stamp, cx, cy, f in zip(PSF.evaluate(x, y), x, y, flux, strict=True):
        column, row = int(np.floor(cx + 0.5)) + 25, int(np.floor(cy + 0.5)) + 25
        image[row - 12 : row + 13, column - 12 : column + 13] += f * stamp
    return image[25:-25, 25:-25].astype(np.float32)


def _masked(image: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return masked_image(image, variance, np.zeros((1, 1), np.uint8), 0)


def test_free_centres_and_fluxes_of_clean_stars_are_found() -> None:
    x, y = np.array([20.3, 55.8, 40.5]), np.array([30.1, 20.4, 60.5])
    flux = np.array([1e4, 3e5, 500.0])
    image, variance = _scene(x, y, flux), np.full((80, 80), 100.0, np.float32)
    fit = fit_points(_masked(image, variance), variance, PSF, x=np.round(x) + 0.4, y=np.round(y) - 0.4)
    assert fit.moved.all()
    np.testing.assert_allclose(fit.x, x, atol=2e-3)
    np.testing.assert_allclose(fit.y, y, atol=2e-3)
    np.testing.assert_allclose(fit.flux, flux, rtol=1e-3)
    assert np.abs(fit.residual).max() < 2e-3 * image.max()


@pytest.mark.parametrize("separation", [3.0, 5.0, 7.0])
def test_a_pair_is_separated(separation: float) -> None:
    x, y = np.array([40.0, 40.0 + separation]), np.array([40.2, 40.0])
    flux = np.array([2e4, 6e3])
    image, variance = _scene(x, y, flux), np.full((80, 80), 100.0, np.float32)
    together = fit_points(_masked(image, variance), variance, PSF, x=x, y=y, free=False)
    np.testing.assert_allclose(together.flux, flux, rtol=2e-3)
    alone = fit_points(_masked(image, variance), variance, PSF, x=x, y=y, free=False, deblend=False)
    assert alone.flux[1] > 1.02 * flux[1]


def test_errors_of_a_pair_count_their_correlation() -> None:
    rng = np.random.default_rng(4)
    x, y, flux = np.array([40.0, 43.0]), np.array([40.0, 40.5]), np.array([3e3, 2e3])
    clean, variance = _scene(x, y, flux), np.full((80, 80), 100.0, np.float32)
    pulls = []
    for _ in range(400):
        image = clean + rng.normal(0, 10, clean.shape).astype(np.float32)
        fit = fit_points(_masked(image, variance), variance, PSF, x=x, y=y, free=False)
        pulls.append((fit.flux - flux) / fit.flux_err)
    np.testing.assert_allclose(np.std(pulls, axis=0), 1.0, atol=0.12)
    single = fit_points(_masked(clean, variance), variance, PSF, x=x[:1], y=y[:1], free=False)
    overlap = np.exp(-(3.0**2 + 0.5**2) / (4 * 1.8**2))
    assert fit.flux_err[0] / single.flux_err[0] == pytest.approx((1 - overlap**2) ** -0.5, rel=0.01)


def test_pulls_of_a_field_with_true_noise() -> None:
    pulls: dict[str, list[np.ndarray]] = {"flux": [], "x": [], "y": []}
    for seed in range(4):
        field = simulate_field((700, 700), n_stars=200, isolated=True, flux_range=(3e3, 2e5), seed=seed)
        psf = true_psf(field, size=31)
        fit = fit_points(
            _masked(field.flat, field.variance), field.variance, psf, x=np.round(field.x), y=np.round(field.y)
        )
        share = np.median(fit.flux[field.flux > 5e4] / field.flux[field.flux > 5e4])
        assert 0.99 < share < 1.0  # what a stamp of 31 pixels holds
        faint = field.flux < 3e4
        pulls["flux"].append(((fit.flux - share * field.flux) / fit.flux_err)[faint])
        pulls["x"].append((fit.x - field.x) / fit.x_err)
        pulls["y"].append((fit.y - field.y) / fit.y_err)
    for values in pulls.values():
        pull = np.concatenate(values)
        assert np.isfinite(pull).all()
        assert pull.std() == pytest.approx(1.0, abs=0.07)  # 500 to 800 stars: 0.03
        assert abs(pull.mean()) < 0.12


def test_masked_pixels_do_not_bias() -> None:
    x, y, flux = np.array([40.2]), np.array([39.7]), np.array([1e5])
    image, variance = _scene(x, y, flux), np.full((80, 80), 100.0, np.float32)
    bits = np.zeros(image.shape, np.uint8)
    bits[39:41, 41:44] = 1
    image[bits > 0] = 6e4
    fit = fit_points(masked_image(image, variance, bits, 1), variance, PSF, x=x + 0.3, y=y)
    assert fit.flux[0] == pytest.approx(1e5, rel=2e-3)
    assert fit.x[0] == pytest.approx(40.2, abs=5e-3)
    assert 0.5 < fit.seen[0] < 0.95


def test_local_background_is_fitted_with_the_flux() -> None:
    x, y, flux = np.array([40.2]), np.array([39.7]), np.array([1e4])
    image, variance = _scene(x, y, flux) + np.float32(15.0), np.full((80, 80), 100.0, np.float32)
    options = {"x": x, "y": y, "free": False, "deblend": False}
    with_it = fit_points(_masked(image, variance), variance, PSF, local_background=True, **options)
    without = fit_points(_masked(image, variance), variance, PSF, **options)
    assert with_it.flux[0] == pytest.approx(1e4, rel=2e-3)
    assert with_it.background[0] == pytest.approx(15.0, abs=0.05)
    assert without.flux[0] > 1.03e4
    assert with_it.flux_err[0] > without.flux_err[0]


def test_what_cannot_be_measured_is_nan() -> None:
    variance = np.full((80, 80), 100.0, np.float32)
    variance[:, 60:] = np.inf
    image = np.zeros((80, 80), np.float32)
    x, y = np.array([np.nan, -500.0, 75.0, 30.0]), np.full(4, 40.0)
    fit = fit_points(_masked(image, variance), variance, PSF, x=x, y=y, free=False)
    assert np.isnan(fit.flux[:3]).all()
    assert fit.flux[3] == pytest.approx(0.0, abs=1e-9)
    assert fit.seen.tolist()[:2] == [0.0, 0.0]


def test_a_centre_that_runs_away_is_given_up() -> None:
    image, variance = _scene(np.array([46.0]), np.array([40.0]), np.array([1e5])), np.full((80, 80), 100.0, np.float32)
    fit = fit_points(_masked(image, variance), variance, PSF, x=np.array([42.0]), y=np.array([40.0]), max_shift=2.0)
    assert not fit.moved[0]
    assert (fit.x[0], fit.y[0]) == (42.0, 40.0)
    assert np.isnan(fit.x_err[0])


def test_no_sources_leave_the_image() -> None:
    image, variance = np.ones((40, 40), np.float32), np.ones((40, 40), np.float32)
    fit = fit_points(_masked(image, variance), variance, PSF, x=np.empty(0), y=np.empty(0))
    assert fit.flux.size == 0
    np.testing.assert_array_equal(fit.residual, image)
