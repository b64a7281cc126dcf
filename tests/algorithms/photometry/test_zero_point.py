from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.photometry.zero_point import fit_zero_point, flux_scale, per_adu_and_second
from uraniborg.core.errors import AlgorithmError

TRUTH = 31.25


def _stars(rng: np.random.Generator, n: int, scatter: float) -> dict[str, np.ndarray]:
    magnitude = rng.uniform(17.0, 20.5, n)
    magnitude_err = rng.uniform(0.003, 0.03, n)
    known = magnitude + rng.normal(0.0, magnitude_err)
    flux = 10.0 ** (-0.4 * (magnitude + rng.normal(0.0, scatter, n) - TRUTH))
    error = np.sqrt(flux + 2000.0)
    stars = {
        "flux": flux + rng.normal(0.0, error), "flux_err": error, "magnitude": known, "magnitude_err": magnitude_err,
    }  # fmt: skip
    for values in stars.values():
        values.flags.writeable = False
    return stars


@pytest.mark.parametrize("n", [2, 3, 8, 60])
def test_no_bias_and_unit_pulls(n: int) -> None:
    rng = np.random.default_rng(n)
    fits = [fit_zero_point(**_stars(rng, n, 0.03), intrinsic_scatter=0.03) for _ in range(400)]
    offsets = np.array([fit.zero_point - TRUTH for fit in fits])
    pulls = offsets / [fit.error for fit in fits]
    assert abs(offsets.mean()) < 4.0 * offsets.std() / 20.0
    assert pulls.std() == pytest.approx(1.0, abs=0.13)


def test_variable_stars_do_not_matter() -> None:
    rng = np.random.default_rng(2)
    offsets = []
    for _ in range(100):
        stars = _stars(rng, 20, 0.01)
        stars["magnitude"] = stars["magnitude"].copy()
        stars["magnitude"][:4] += rng.uniform(0.3, 1.0, 4)
        fit = fit_zero_point(**stars, intrinsic_scatter=0.01)
        assert not fit.used[:4].any()
        offsets.append(fit.zero_point - TRUTH)
    assert abs(np.mean(offsets)) < 0.002
    assert np.std(offsets) < 0.008


def test_one_of_three_stars_that_is_far_off_does_not_drag_the_result() -> None:
    flux = np.full(3, 1e5)
    fit = fit_zero_point(
        flux, flux * 0.005, [18.0, 18.01, 18.6], magnitude_err=np.full(3, 0.01), intrinsic_scatter=0.03
    )
    assert fit.zero_point == pytest.approx(18.005 + 12.5, abs=0.002)
    assert fit.used.tolist() == [True, True, False]
    assert fit.residuals[2] == pytest.approx(0.595, abs=0.002)


def test_unexplained_scatter_widens_the_error() -> None:
    rng = np.random.default_rng(3)
    stars = _stars(rng, 40, 0.2)
    assert fit_zero_point(**stars).error > 4.0 * fit_zero_point(**_stars(rng, 40, 0.0)).error


def test_stars_without_flux_or_magnitude_are_left_out() -> None:
    flux = np.array([1e5, np.nan, -10.0, 1e5, 1e5])
    fit = fit_zero_point(flux, np.full(5, 300.0), [18.0, 18.0, 18.0, np.nan, 18.0], magnitude_err=np.zeros(5))
    assert fit.used.tolist() == [True, False, False, False, True]
    with pytest.raises(AlgorithmError, match="n_stars=1"):
        fit_zero_point(flux[:3], np.full(3, 300.0), np.full(3, 18.0), magnitude_err=np.zeros(3))


def test_conventions() -> None:
    assert flux_scale(31.4) == pytest.approx(1.0)
    assert flux_scale(28.9) == pytest.approx(10.0)
    # 1 adu/s for 100 s at 4 electron/adu is 400 electrons.
    magnitude = -2.5 * np.log10(400.0) + 31.4
    assert per_adu_and_second(31.4, exposure_time=100.0, gain=4.0) == pytest.approx(magnitude)
