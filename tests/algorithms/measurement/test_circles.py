from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.measurement import measure_sources
from uraniborg.algorithms.psf import gaussian_psf

from .conftest import Repeats


@pytest.mark.parametrize("aperture", range(4))
def test_errors_are_right(repeats: Repeats, aperture: int) -> None:
    clean, noisy = repeats.clean, repeats.noisy
    pull = (noisy.aperture_flux - clean.aperture_flux)[:, aperture] / noisy.aperture_flux_err[:, aperture]
    assert pull.std() == pytest.approx(1.0, abs=0.05)
    assert abs(pull.mean()) < 0.1


def test_sky_is_that_of_the_annulus_and_its_error_is_right(repeats: Repeats) -> None:
    pull = repeats.noisy.sky / repeats.noisy.sky_err
    assert pull.std() == pytest.approx(1.0, abs=0.06)
    assert abs(pull.mean()) < 0.1


def test_sky_is_clipped_and_without_the_source() -> None:
    psf = gaussian_psf(1.8, stamp_size=25)
    image = np.random.default_rng(1).normal(3.0, 2.0, (121, 121)).astype(np.float32)
    image[48:73, 48:73] += (1e5 * psf.evaluate(60.0, 60.0)[0]).astype(np.float32)
    image[68:71, 60:63] = 500.0
    found = measure_sources(
        image, np.full_like(image, 4.0), psf, x=np.array([60.0]), y=np.array([60.0]), apertures=(3.0, 12.0)
    )
    assert found.sky[0] == pytest.approx(3.0, abs=5 * found.sky_err[0])
    assert found.sky_err[0] == pytest.approx(2.0 / np.sqrt(np.pi * (12**2 - 7.2**2)), rel=0.15)
