from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uraniborg.sim.camera.effects_charge import (
    bleed,
    brighter_fatter,
    brighter_fatter_kernel,
    kernel_covariances,
    transfer,
)

SLOPE = 2.5e-6


def _frozen(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def test_kernel_has_the_slope_asked_for_and_covariances_sum_to_zero() -> None:
    kernel = brighter_fatter_kernel(SLOPE)
    assert kernel.shape == (17, 17)
    assert np.allclose(kernel, kernel[::-1], rtol=0, atol=0)
    assert np.allclose(kernel, kernel.T, rtol=0, atol=0)
    assert (kernel >= 0).all()
    covariances = kernel_covariances(kernel)
    assert covariances[9, 9] == pytest.approx(-SLOPE, rel=1e-12)
    assert covariances[9, 10] > 0
    assert abs(covariances.sum()) < 1e-9 * SLOPE


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 2**32 - 1))
def test_brighter_fatter_conserves_charge(seed) -> None:
    image = _frozen(np.random.default_rng(seed).uniform(0, 1e5, (23, 31)))
    result = brighter_fatter(image, brighter_fatter_kernel(SLOPE))
    assert result.sum() == pytest.approx(image.sum(), rel=1e-12)


def test_a_uniform_image_is_left_alone() -> None:
    image = np.full((40, 50), 3e4)
    assert np.allclose(brighter_fatter(image, brighter_fatter_kernel(SLOPE)), image, rtol=1e-9)


def test_flats_lose_the_variance_asked_for_to_their_neighbours() -> None:
    level, size = 2e4, 1500
    image = np.random.default_rng(3).poisson(level, (size, size)).astype(float)
    result = brighter_fatter(image, brighter_fatter_kernel(SLOPE))
    covariances = kernel_covariances(brighter_fatter_kernel(SLOPE))
    change = result - level
    before = image - level
    # Differences against the same Poisson field cancel most of the sample noise.
    loss = (np.mean(change**2) - np.mean(before**2)) / level**2
    second_order = 0.25 * level * np.sum(covariances**2)  # of Q = F + mu/2 a * F
    assert loss == pytest.approx(-SLOPE + second_order, rel=0.004)
    for dy, dx in ((0, 1), (1, 0), (1, 1)):
        a, b = (slice(dy, None), slice(dx, None)), (slice(None, size - dy), slice(None, size - dx))
        gain = (np.mean(change[a] * change[b]) - np.mean(before[a] * before[b])) / level**2
        assert gain == pytest.approx(covariances[9 + dy, 9 + dx], abs=0.04 * SLOPE)


def test_bright_stars_are_wider() -> None:
    y, x = np.mgrid[-20:21, -20:21]
    profile = np.exp(-0.5 * (x**2 + y**2) / 2.0**2)

    def width(peak: float) -> float:
        result = brighter_fatter(peak * profile, brighter_fatter_kernel(SLOPE))
        return float(np.sum(result * (x**2 + y**2)) / result.sum())

    growth = [width(peak) / width(1e-4) - 1 for peak in (2e4, 4e4)]
    assert growth[0] > 0.002
    assert growth[1] == pytest.approx(2 * growth[0], rel=1e-6)  # proportional to the peak


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 2**32 - 1), st.sampled_from([1, 2]))
def test_bleeding_conserves_charge_and_fills_no_pixel_above_the_well(seed, stops) -> None:
    rng = np.random.default_rng(seed)
    image = _frozen(rng.uniform(0, 80.0, (20, 6)) + 1e3 * (rng.uniform(size=(20, 6)) < 0.05))
    result = bleed(image, full_well=100.0, stops=stops)
    assert result.image.max() <= 100.0
    assert result.image.sum() + result.lost == pytest.approx(image.sum(), rel=1e-12)
    assert np.array_equal(result.saturated, result.image >= 100.0)
    assert (result.image >= np.minimum(image, 100.0)).all()


def test_a_trail_is_symmetric_and_stops_at_the_middle() -> None:
    image = np.zeros((40, 3))
    image[15, 1] = 1100.0
    free = bleed(image, full_well=100.0)
    assert np.flatnonzero(free.image[:, 1]).tolist() == list(range(10, 21))
    assert free.lost == 0.0
    image[15, 1], image[18, 1] = 0.0, 1100.0
    stopped = bleed(image, full_well=100.0, stops=2)
    assert not stopped.image[20:].any()
    assert stopped.lost == pytest.approx(400.0)  # half of the surplus ran up, one pixel of it found room
    assert np.count_nonzero(stopped.saturated) == 7


def test_nothing_happens_below_the_full_well() -> None:
    image = np.random.default_rng(1).uniform(0, 99.0, (10, 10))
    assert np.array_equal(bleed(image, full_well=100.0).image, image)


def test_trail_in_the_overscan_is_as_set() -> None:
    lines = np.zeros((1, 10 + 500 + 30))
    lines[0, 10:510] = 5e4
    cti, trap_time = 1e-6, 0.7
    out = transfer(_frozen(lines), inefficiency=cti, trap_time=trap_time, register=510)
    trail = out[0, 510:]
    # Extended pixel edge response: all that the last pixels lost comes out behind them.
    assert trail[0] + trail[1:].sum() == pytest.approx(
        cti * 5e4 * sum(np.exp(-(509 - i) / trap_time) * (i + 1) for i in range(10, 510)), rel=1e-4
    )
    assert trail[1:8] / trail[:7] == pytest.approx(np.full(7, np.exp(-1 / trap_time)), rel=1e-3)
    assert out[0, 10] == pytest.approx(5e4 * (1 - 11 * cti), rel=1e-12)


def test_fast_traps_give_the_classical_edge_response() -> None:
    lines = np.zeros((1, 220))
    lines[0, :200] = 1e4
    out = transfer(lines, inefficiency=2e-6, trap_time=1e-3, register=200)
    assert out[0, 200] / out[0, 199] / 200 == pytest.approx(2e-6, rel=1e-3)
    assert not out[0, 202:].any() or abs(out[0, 202:]).max() < 1e-6


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 2**32 - 1), st.floats(1e-7, 1e-3), st.floats(0.1, 5.0))
def test_transfer_conserves_charge(seed, cti, trap_time) -> None:
    lines = np.zeros((3, 200))
    lines[:, :60] = np.random.default_rng(seed).uniform(0, 1e5, (3, 60))
    out = transfer(lines, inefficiency=cti, trap_time=trap_time, register=60)
    assert out.sum() == pytest.approx(lines.sum(), rel=1e-9)
