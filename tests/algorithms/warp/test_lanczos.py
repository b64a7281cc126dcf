from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.warp.lanczos import LANCZOS_TAPS, TABLE_STEPS, fill_taps, lanczos_table, lanczos_taps


def test_weights_add_up_to_one_and_hit_the_pixels() -> None:
    taps = lanczos_taps(np.linspace(0, 1, 101))
    assert taps.shape == (101, LANCZOS_TAPS)
    np.testing.assert_allclose(taps.sum(axis=1), 1.0, rtol=1e-14)
    np.testing.assert_allclose(taps[0], [0, 0, 1, 0, 0, 0], atol=1e-15)
    np.testing.assert_allclose(taps[-1], [0, 0, 0, 1, 0, 0], atol=1e-15)


def test_weights_are_mirror_symmetric() -> None:
    fraction = np.linspace(0, 1, 37)
    np.testing.assert_allclose(lanczos_taps(fraction), lanczos_taps(1 - fraction)[:, ::-1], atol=1e-15)


def test_halfway_weights_are_those_of_the_formula() -> None:
    # sinc(x) sinc(x / 3) at 0.5, 1.5, 2.5 is 6 / pi^2, -4 / (3 pi^2) and 6 / (25 pi^2), here over pi^2.
    outer, middle, inner = 6 / 25, -4 / 3, 6.0
    plain = np.array([outer, middle, inner, inner, middle, outer])
    np.testing.assert_allclose(lanczos_taps(np.array([0.5]))[0], plain / plain.sum(), rtol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_table_between_its_steps_is_right(dtype: str) -> None:
    table = lanczos_table(dtype)
    assert table.dtype == dtype
    assert not table.flags.writeable
    between = 0.5 * (table[:-1] + table[1:])
    exact = lanczos_taps((np.arange(TABLE_STEPS) + 0.5) / TABLE_STEPS)
    assert np.max(np.abs(between - exact)) < 1e-5


def test_filled_taps_are_the_weights() -> None:
    taps = np.empty(LANCZOS_TAPS)
    for fraction in (0.0, 0.123456, 0.5, 0.999):
        fill_taps(lanczos_table("float64"), fraction, taps)
        np.testing.assert_allclose(taps, lanczos_taps(np.array([fraction]))[0], atol=1e-5)
