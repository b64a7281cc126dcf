from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.measurement import forced_psf_flux
from uraniborg.algorithms.psf import gaussian_psf
from uraniborg.core.errors import UserError
from uraniborg.core.flags import MeasurementFlag, PixelBit, has_flag
from uraniborg.testing.fields import simulate_field, true_psf

PSF = gaussian_psf(1.8, stamp_size=25)


def test_fluxes_at_true_positions_have_unit_pulls() -> None:
    pulls = []
    for seed in range(3):
        field = simulate_field((700, 700), n_stars=180, isolated=True, flux_range=(1e2, 2e4), seed=seed)
        psf = true_psf(field, size=31)
        found = forced_psf_flux(field.flat, field.variance, psf, x=field.x, y=field.y)
        pulls.append((found.flux - 0.9965 * field.flux) / found.flux_err)
        assert np.median(found.chi2) == pytest.approx(1.0, abs=0.05)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.07)
    assert abs(np.mean(pulls)) < 0.13


def test_empty_sky_has_zero_flux() -> None:
    noise = np.random.default_rng(1).normal(0, 10, (400, 400)).astype(np.float32)
    x, y = (v.ravel().astype(float) for v in np.meshgrid(np.arange(20, 380, 15), np.arange(20, 380, 15)))
    found = forced_psf_flux(noise, np.full(noise.shape, 100.0, np.float32), PSF, x=x, y=y, deblend=False)
    pull = found.flux / found.flux_err
    assert pull.std() == pytest.approx(1.0, abs=0.08)
    assert (found.flux < 0).mean() == pytest.approx(0.5, abs=0.07)
    np.testing.assert_allclose(found.flux_err, 10.0 * np.sqrt(found.area), rtol=1e-4)


def test_positions_without_pixels_are_nan_and_flagged() -> None:
    image, variance = np.zeros((100, 100), np.float32), np.ones((100, 100), np.float32)
    bits = np.zeros(image.shape, np.uint8)
    bits[60:, :] = int(PixelBit.NO_DATA)
    bits[30, 30] = int(PixelBit.COSMIC_RAY)
    x, y = np.array([50.0, np.nan, -200.0, 50.0, 30.4, 3.0]), np.array([50.0, 5.0, 5.0, 90.0, 30.0, 50.0])
    found = forced_psf_flux(image, variance, PSF, x=x, y=y, pixel_bits=bits)
    assert np.isfinite(found.flux).tolist() == [True, False, False, False, True, True]
    assert has_flag(found.flags, MeasurementFlag.NO_DATA).tolist() == [False, True, True, True, False, False]
    assert has_flag(found.flags, MeasurementFlag.PSF_FLUX_FAILED).tolist() == [False, True, True, True, False, False]
    assert has_flag(found.flags, MeasurementFlag.PIXEL_COSMIC_RAY)[4]
    assert has_flag(found.flags, MeasurementFlag.PSF_FLUX_EDGE).tolist() == [False, True, True, True, False, True]


def test_constant_background_is_taken_out_on_request() -> None:
    image, variance = np.full((60, 60), 5.0, np.float32), np.ones((60, 60), np.float32)
    place = {"x": np.array([30.0]), "y": np.array([30.0])}
    found = forced_psf_flux(image, variance, PSF, **place, local_background=True)
    assert found.flux[0] == pytest.approx(0.0, abs=1e-6)
    assert found.background[0] == pytest.approx(5.0)
    assert forced_psf_flux(image, variance, PSF, **place).flux[0] > 100.0


def test_shapes_must_agree() -> None:
    image = np.zeros((30, 30), np.float32)
    with pytest.raises(UserError, match="shape"):
        forced_psf_flux(image, image[:20], PSF, x=np.array([4.0]), y=np.array([4.0]))
