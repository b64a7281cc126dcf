from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.measurement import measure_aperture_correction


def test_correction_and_its_error_from_stars_with_noise_and_outliers() -> None:
    rng = np.random.default_rng(1)
    values, errors = [], []
    for _ in range(100):
        psf = rng.uniform(1e4, 1e5, 60)
        error = np.full(60, 300.0)
        aperture = 1.02 * psf + rng.normal(0, 300.0, 60)
        aperture[:4] *= 1.6
        found = measure_aperture_correction(psf, aperture, aperture_flux_err=error, systematic=0.0)
        values.append(found.value)
        errors.append(found.error)
    assert np.mean(values) == pytest.approx(1.02, abs=4 * np.mean(errors) / 10)
    assert np.std(values) == pytest.approx(np.mean(errors), rel=0.3)
    assert found.n_stars <= 56


def test_no_stars_no_correction() -> None:
    found = measure_aperture_correction(np.array([np.nan, -5.0]), np.ones(2), aperture_flux_err=np.ones(2))
    assert found.n_stars == 0
    assert np.isnan(found.value)
