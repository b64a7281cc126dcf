from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.measurement.pointkernels import (
    final_fluxes,
    masked_image,
    stamps_at,
    sweep_centers,
    sweep_fluxes,
)
from uraniborg.algorithms.psf import gaussian_psf

PSF = gaussian_psf(1.8, stamp_size=25)
VARIANCE = np.full((60, 70), 4.0, np.float32)


def _state(dx: list[float], flux: list[float]) -> np.ndarray:
    state = np.zeros((len(dx), 8))
    state[:, 0], state[:, 1], state[:, 5] = flux, dx, dx
    state[:, 3:5], state[:, 7] = 1.0, np.inf
    return state


def _image(peaks: np.ndarray, state: np.ndarray) -> np.ndarray:
    image = np.zeros(VARIANCE.shape, np.float32)
    grids = PSF.grids(peaks[:, 0], peaks[:, 1])
    for stamp, (x, y), row in zip(stamps_at(grids, state, PSF.sampling, 25), peaks, state, strict=True):
        image[y - 12 : y + 13, x - 12 : x + 13] += row[0] * stamp
    return image


def test_masking_marks_every_kind_of_unusable_pixel() -> None:
    image, variance = np.ones((4, 5), np.float32), np.ones((4, 5), np.float32)
    bits = np.zeros((4, 5), np.uint8)
    bits[0, 0], bits[1, 1] = 2, 16
    variance[2, 2], variance[3, 3], variance[3, 4] = 0.0, np.inf, np.nan
    image[0, 4] = np.nan
    masked = masked_image(image, variance, bits, 15)
    assert np.argwhere(np.isnan(masked)).tolist() == [[0, 0], [0, 4], [2, 2], [3, 3], [3, 4]]
    assert image[0, 0] == 1.0


def test_sweeps_of_centres_find_two_overlapping_stars() -> None:
    peaks = np.array([[25, 30], [33, 30]])
    truth = _state([0.3, -0.4], [5e4, 2e4])
    residual = _image(peaks, truth)
    state = _state([0.0, 0.0], [0.0, 0.0])
    grids = PSF.grids(peaks[:, 0], peaks[:, 1])
    stamps = stamps_at(grids, state, PSF.sampling, 25)
    for _ in range(8):
        sweep_centers(
            residual, np.ones_like(residual), grids, PSF.sampling, stamps, peaks, state, np.zeros(2, bool), 2.0
        )
    np.testing.assert_allclose(state[:, 1], [0.3, -0.4], atol=1e-3)
    np.testing.assert_allclose(state[:, 2], 0.0, atol=1e-3)
    np.testing.assert_allclose(state[:, 0], [5e4, 2e4], rtol=1e-3)
    assert np.abs(residual).max() < 5.0


def test_sweeps_of_fluxes_solve_the_joint_least_squares_problem() -> None:
    rng = np.random.default_rng(2)
    peaks = np.array([[28, 30], [32, 31], [30, 27]])
    state = _state([0.1, -0.2, 0.4], [0.0, 0.0, 0.0])
    stamps = stamps_at(PSF.grids(peaks[:, 0], peaks[:, 1]), state, PSF.sampling, 25)
    image = (_image(peaks, _state([0.1, -0.2, 0.4], [900.0, -300.0, 500.0])) + rng.normal(0, 2, VARIANCE.shape)).astype(
        np.float32
    )
    design = np.zeros((3, *VARIANCE.shape))
    for k, (x, y) in enumerate(peaks):
        design[k, y - 12 : y + 13, x - 12 : x + 13] = stamps[k]
    flat = design.reshape(3, -1)
    plain = np.linalg.lstsq(flat.T, image.ravel().astype(float))[0]
    residual = image.copy()
    for _ in range(200):
        if sweep_fluxes(residual, stamps, peaks, np.arange(3), state, np.ones(3)) < 1e-6:
            break
    np.testing.assert_allclose(state[:, 0], plain, atol=0.02)
    starts, others = np.array([0, 2, 4, 6]), np.array([1, 2, 0, 2, 0, 1])
    table = final_fluxes(residual, VARIANCE, stamps, peaks, state, starts, others, False)
    np.testing.assert_allclose(table[:, 0], plain, atol=0.02)
    errors = np.sqrt(np.diag(np.linalg.inv(flat @ flat.T)) * 4.0)
    np.testing.assert_allclose(table[:, 1], errors, rtol=1e-4)
    assert table[0, 4] == pytest.approx(1.0, abs=0.4)
