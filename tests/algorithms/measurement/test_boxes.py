from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.measurement.boxes import measure_boxes
from uraniborg.algorithms.psf import gaussian_psf

PSF = gaussian_psf(1.8, stamp_size=25)


def _measure(residual: np.ndarray, flux: float, bits: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    centers = np.array([[50.3, 49.8]])
    mask = np.zeros((1, 1), np.uint8) if bits is None else bits
    return measure_boxes(
        residual.astype(np.float32),
        np.full(residual.shape, 4.0, np.float32),
        mask,
        PSF.grids(centers[:, 0], centers[:, 1]),
        PSF.sampling,
        PSF.stamp_size,
        centers,
        np.array([flux]),
        np.ones(1),
        np.array([3.0, 12.0]),
    )


def test_the_sources_own_light_is_put_back() -> None:
    table, seen = _measure(np.zeros((100, 100)), 1e4)
    moments, model, sky, flux = table[0, :3], table[0, 6:9], table[0, 9], table[0, 11:13]
    np.testing.assert_allclose(moments, model, atol=1e-3)
    np.testing.assert_allclose(moments, [1.8**2, 1.8**2, 0.0], atol=0.02)
    assert sky == pytest.approx(0.0, abs=1e-12)
    assert flux[1] == pytest.approx(1e4, rel=1e-3)
    # Overlaps with pixels act like a source that is broader by the variance of a pixel, 1/12.
    assert flux[0] == pytest.approx(1e4 * (1 - np.exp(-0.5 * 9 / (1.8**2 + 1 / 12))), rel=2e-3)
    assert seen[0, 2:4].tolist() == [0, 0]


def test_unusable_pixels_are_filled_with_the_model() -> None:
    residual = np.zeros((100, 100))
    residual[49:51, 52:54] = np.nan
    bits = np.zeros(residual.shape, np.uint8)
    bits[np.isnan(residual)] = 1
    table, seen = _measure(residual, 1e4, bits)
    clean, _ = _measure(np.zeros((100, 100)), 1e4)
    np.testing.assert_allclose(table[0, 11:13], clean[0, 11:13], rtol=1e-6)
    assert seen[0].tolist()[:4] == [0, 1, 0, 1]


def test_sky_is_clipped() -> None:
    rng = np.random.default_rng(1)
    residual = rng.normal(3.0, 2.0, (100, 100))
    residual[58:61, 50:53] = 500.0
    table, _ = _measure(residual, 0.0)
    assert table[0, 9] == pytest.approx(3.0, abs=5 * table[0, 10])
    assert table[0, 10] == pytest.approx(2.0 / np.sqrt(np.pi * (12**2 - 7.2**2)), rel=0.15)
