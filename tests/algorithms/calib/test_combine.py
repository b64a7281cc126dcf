from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.calib.combine import FrameStack
from uraniborg.core.errors import Unprocessable, UserError

SHAPE = (60, 80)


def test_without_outliers_it_is_the_mean_and_its_variance() -> None:
    rng = np.random.default_rng(1)
    frames = rng.normal(3.0, 2.0, (12, *SHAPE)).astype(np.float32)
    stack = FrameStack(SHAPE)
    for frame in frames:
        stack.add(frame)
    result = stack.combine(read_variance=4.0, clip=8.0)
    np.testing.assert_allclose(result.mean, frames.mean(axis=0), atol=2e-6)
    np.testing.assert_allclose(result.scatter, frames.var(axis=0, ddof=1), rtol=1e-3)
    np.testing.assert_allclose(result.variance, 4.0 / 12.0, rtol=1e-6)
    pull = (result.mean - 3.0) / np.sqrt(result.variance)
    assert abs(pull.std() - 1.0) < 4.0 / np.sqrt(2.0 * pull.size)
    assert result.rejected == 0


def test_cosmic_rays_are_left_out_and_nothing_else() -> None:
    rng = np.random.default_rng(2)
    frames = rng.normal(0.0, 5.0, (9, *SHAPE)).astype(np.float32)
    hit = rng.random(frames.shape) < 0.01
    hit &= np.cumsum(hit, axis=0) <= 3  # of no pixel more than are kept
    clean = np.where(hit, np.nan, frames)
    stack = FrameStack(SHAPE)
    for frame, rays in zip(frames, hit, strict=True):
        stack.add(frame + 300.0 * rays)
    result = stack.combine(read_variance=25.0, clip=6.0)
    np.testing.assert_allclose(result.mean, np.nanmean(clean, axis=0), atol=1e-4)
    assert result.rejected == hit.sum()


def test_two_frames_are_enough_to_reject_one_ray() -> None:
    frames = np.zeros((2, *SHAPE), dtype=np.float32)
    frames[1, 5, 6] = 1000.0
    stack = FrameStack(SHAPE)
    for frame in frames:
        stack.add(frame)
    result = stack.combine(read_variance=1.0)
    assert result.mean[5, 6] == 0.0
    assert result.rejected == 1
    assert result.count[5, 6] == 1
    assert result.variance[5, 6] == pytest.approx(1.0)


def test_levels_are_weighted_as_photon_noise_wants() -> None:
    rng = np.random.default_rng(3)
    levels = (2000.0, 2000.0, 8000.0, 20000.0, 20000.0)
    response = rng.normal(1.0, 0.02, SHAPE)
    stack = FrameStack(SHAPE)
    for level in levels:
        stack.add(rng.poisson(level * response) + rng.normal(0.0, 6.0, SHAPE), scale=level)
    result = stack.combine(read_variance=36.0, photon_variance=1.0, clip=8.0)
    pull = (result.mean - response) / np.sqrt(result.variance)
    assert abs(pull.mean()) < 4.0 / np.sqrt(pull.size)
    assert abs(pull.std() - 1.0) < 4.0 / np.sqrt(2.0 * pull.size)
    assert np.median(result.variance) == pytest.approx((5 * 36.0 + 52000.0) / 52000.0**2, rel=0.01)


def test_masked_and_missing_pixels_do_not_enter() -> None:
    frame = np.ones(SHAPE)
    frame[0, 0] = np.nan
    bad = np.zeros(SHAPE, dtype=bool)
    bad[1, 1] = True
    stack = FrameStack(SHAPE)
    stack.add(frame, bad=bad)
    result = stack.combine(read_variance=1.0)
    assert result.count[0, 0] == result.count[1, 1] == 0
    assert np.isinf(result.variance[0, 0])
    assert result.count.sum() == frame.size - 2


def test_the_order_does_not_matter() -> None:
    rng = np.random.default_rng(4)
    frames = rng.normal(0.0, 1.0, (7, *SHAPE)) + 50.0 * (rng.random((7, *SHAPE)) < 0.02)
    results = []
    for order in (range(7), reversed(range(7))):
        stack = FrameStack(SHAPE)
        for k in order:
            stack.add(frames[k])
        results.append(stack.combine(read_variance=1.0))
    np.testing.assert_allclose(results[0].mean, results[1].mean, atol=1e-6)
    assert results[0].rejected == results[1].rejected


def test_what_is_wrong_is_said() -> None:
    stack = FrameStack(SHAPE)
    with pytest.raises(Unprocessable, match="no frames"):
        stack.combine(read_variance=1.0)
    with pytest.raises(UserError, match="does not fit"):
        stack.add(np.zeros((3, 3)))
    with pytest.raises(UserError, match="positive"):
        stack.add(np.zeros(SHAPE), scale=0.0)
