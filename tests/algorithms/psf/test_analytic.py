from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.measurement import adaptive_moments
from uraniborg.algorithms.psf import elliptical_moffat, gaussian_psf
from uraniborg.algorithms.psf.analytic import choose_sampling, stamp_size_for
from uraniborg.algorithms.psf.shape import radial_fwhm


@pytest.mark.parametrize("sigma", [0.7, 1.7, 3.0])
def test_gaussian_stamps_are_gaussians(sigma: float) -> None:
    psf = gaussian_psf(sigma)
    stamp = psf.evaluate(10.3, 7.6)[0]
    steps = np.arange(psf.stamp_size) - psf.stamp_size // 2
    wanted = np.outer(np.exp(-0.5 * ((steps + 0.4) / sigma) ** 2), np.exp(-0.5 * ((steps - 0.3) / sigma) ** 2))
    assert np.abs(stamp - wanted / wanted.sum()).max() < 1e-3 * stamp.max()


def test_moffat_has_its_width_and_shear() -> None:
    grid = elliptical_moffat(6.0, 3.0, size=81, sampling=0.5)
    assert grid.sum() == pytest.approx(1.0)
    assert 0.5 * radial_fwhm(grid[None])[0] == pytest.approx(6.0, rel=0.01)
    sheared = adaptive_moments(elliptical_moffat(6.0, 3.0, size=81, shear=(0.1, 0.05))[None], sigma=3.0)
    trace = sheared.xx + sheared.yy
    # A reduced shear g makes the distortion 2 g / (1 + g^2).
    assert (sheared.xx - sheared.yy)[0] / trace[0] == pytest.approx(0.2 / 1.0125, abs=0.01)
    assert 2 * sheared.xy[0] / trace[0] == pytest.approx(0.1 / 1.0125, abs=0.01)


def test_stamps_and_steps_follow_the_width() -> None:
    assert [stamp_size_for(fwhm) for fwhm in (1.0, 4.0, 6.0, 50.0)] == [21, 25, 37, 61]
    assert choose_sampling(4.0) == 1.0
    assert choose_sampling(1.5) == 0.5
