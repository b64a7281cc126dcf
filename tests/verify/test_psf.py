from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.psf import elliptical_moffat
from uraniborg.verify.psf import residual_correlation, shape_residuals


def _stamp(fwhm: float, shear: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    return elliptical_moffat(fwhm, 3.0, size=41, shear=shear)[None]


def test_size_and_shape_differences() -> None:
    same = shape_residuals(_stamp(4.0), _stamp(4.0))
    assert same.size == pytest.approx([0.0], abs=1e-12)
    wider = shape_residuals(_stamp(4.04), _stamp(4.0))
    assert wider.size == pytest.approx([0.0201], rel=0.05)
    turned = shape_residuals(_stamp(4.0, (0.01, -0.02)), _stamp(4.0))
    assert turned.ellipticity[0] == pytest.approx([0.02, -0.04], rel=0.05)


def test_independent_residuals_do_not_correlate_beyond_the_floor() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.uniform(0.0, 10.0, (2, 1300))
    pulls = []
    for _ in range(20):
        found = residual_correlation(x, y, rng.normal(0.0, 0.01, (1300, 2)), separation=(0.0, 1.0))
        pulls.append(found.value / found.floor)
    assert np.sqrt(np.mean(np.square(pulls))) == pytest.approx(1.0, abs=0.4)


def test_a_common_error_is_its_square_and_pairs_are_counted_once() -> None:
    x, y = np.arange(4.0), np.zeros(4)
    residuals = np.tile([0.003, -0.004], (4, 1))
    near = residual_correlation(x, y, residuals, separation=(0.0, 1.0))
    assert (near.value, near.n_pairs) == (pytest.approx(2.5e-5), 3)
    assert residual_correlation(x, y, residuals, separation=(1.5, np.inf)).n_pairs == 3
    assert np.isnan(residual_correlation(x, y, residuals, separation=(50.0, 60.0)).value)
    residuals[0] = np.nan
    assert residual_correlation(x, y, residuals, separation=(0.0, 1.0)).n_pairs == 2
