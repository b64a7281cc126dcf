import numpy as np
import pytest

from uraniborg.algorithms.association.features import summarise_fluxes, summarise_positions


def test_fluxes_against_plain_numpy() -> None:
    rng = np.random.default_rng(1)
    index = rng.integers(0, 6, 200)
    flux, error, time = rng.normal(50, 9, 200), rng.uniform(1, 3, 200), rng.uniform(0, 99, 200)
    flux[::17] = np.nan
    error[::23] = np.nan
    found = summarise_fluxes(index, flux, error, time=time, n_objects=7)
    for n in range(6):
        mine = (index == n) & np.isfinite(flux) & np.isfinite(error)
        f, e, t = flux[mine], error[mine], time[mine]
        assert found.count[n] == mine.sum()
        assert found.mean[n] == pytest.approx(np.average(f, weights=e**-2))
        assert found.mean_err[n] == pytest.approx(np.sum(e**-2) ** -0.5)
        assert found.sigma[n] == pytest.approx(f.std(ddof=1))
        assert found.chi2[n] == pytest.approx((((f - found.mean[n]) / e) ** 2).sum())
        assert (found.minimum[n], found.maximum[n]) == (f.min(), f.max())
        order = np.argsort(t)
        assert found.max_slope[n] == pytest.approx((np.diff(f[order]) / np.diff(t[order])).max())
        assert found.err_mean[n] == pytest.approx(e.mean())
    for name in ("mean", "mean_err", "sigma", "chi2", "minimum", "maximum", "max_slope", "err_mean"):
        assert np.isnan(getattr(found, name)[6])


def test_one_flux_has_no_spread() -> None:
    found = summarise_fluxes(np.array([0]), np.array([5.0]), np.array([1.0]), time=np.array([3.0]), n_objects=1)
    assert found.mean[0] == 5.0
    assert np.isnan(found.sigma[0])
    assert np.isnan(found.max_slope[0])


def test_positions_across_the_zero_of_right_ascension() -> None:
    positions = np.array([[359.9999, 60.0], [0.0001, 60.0002], [20.0, -5.0]])
    errors = np.array([[1e-4, 2e-4], [1e-4, 2e-4], [3e-5, 4e-5]])
    found = summarise_positions(np.array([0, 0, 1]), positions, errors, n_objects=2)
    assert min(found.ra[0], 360.0 - found.ra[0]) == pytest.approx(0.0, abs=1e-12)
    np.testing.assert_allclose(found.dec, [60.0001, -5.0], atol=1e-12)
    np.testing.assert_allclose(found.ra_err, [1e-4 / np.sqrt(2), 3e-5])
    np.testing.assert_allclose(found.dec_err, [2e-4 / np.sqrt(2), 4e-5])


def test_pulls_of_mean_positions_have_unit_width() -> None:
    rng = np.random.default_rng(6)
    n, repeats = 500, 8
    index = np.repeat(np.arange(n), repeats)
    error = rng.uniform(1e-5, 5e-5, (n * repeats, 2))
    positions = np.array([150.0, 2.0]) + rng.normal(size=error.shape) * error
    found = summarise_positions(index, positions, error, n_objects=n)
    pulls = np.concatenate([(found.ra - 150.0) / found.ra_err, (found.dec - 2.0) / found.dec_err])
    assert pulls.std() == pytest.approx(1.0, abs=0.08)
    assert abs(pulls.mean()) < 0.1


def test_missing_errors_take_the_typical_one() -> None:
    errors = np.array([[np.nan, np.nan], [1e-4, 1e-4]])
    found = summarise_positions(np.array([0, 0]), np.array([[10.0, 0.0], [10.0002, 0.0]]), errors, n_objects=1)
    assert found.ra[0] == pytest.approx(10.0001)
