from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.isr.saturation import SATURATED, SUSPECT, TRAIL, find_saturation
from uraniborg.core.errors import UserError


def test_full_pixels_their_neighbours_and_trails(layout) -> None:
    geometry = layout()
    image = np.zeros(geometry.shape, np.float32)
    image[10:20, 5] = 1000.0  # a trail
    image[40, 50] = 1000.0  # one pixel
    image[40, 60] = 950.0  # suspect
    found = find_saturation(image, geometry, saturation=np.full(8, 1000.0), suspect=np.full(8, 900.0))
    full, trail, suspect = (found.where(bit) for bit in (SATURATED, TRAIL, SUSPECT))
    expected = np.zeros_like(full)
    expected[9:21, 5] = expected[10:20, 4:7] = True
    expected[39:42, 50] = expected[40, 49:52] = True
    np.testing.assert_array_equal(full, expected)
    assert found.count == expected.sum()
    assert trail[5:25, 5].all()
    assert trail.sum() == 20
    assert suspect[40, 60]
    assert not full[40, 60]


def test_levels_belong_to_amplifiers(layout) -> None:
    geometry = layout()
    image = np.full(geometry.shape, 500.0, np.float32)
    levels = np.full(8, 1000.0)
    levels[6] = 400.0
    full = find_saturation(image, geometry, saturation=levels, grow=0).where(SATURATED)
    inside = np.zeros_like(full)
    inside[geometry.amplifiers[6].detector.slices] = True
    np.testing.assert_array_equal(full, inside)


def test_nothing_full_is_an_empty_mask(layout) -> None:
    found = find_saturation(np.zeros((64, 96), np.float32), layout(), saturation=np.full(8, np.inf))
    assert found.count == 0
    assert not found.bits.any()
    with pytest.raises(UserError, match="3 amplifiers"):
        find_saturation(np.zeros((64, 96), np.float32), layout(), saturation=np.ones(3))
