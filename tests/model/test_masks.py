from __future__ import annotations

import numpy as np
from lsst.images import Box, Mask

from uraniborg.core.flags import PixelBit
from uraniborg.model.masks import MASK_PLANES, UNUSABLE_PLANES, mask_schema, pixel_bits, select_pixels


def test_unusable_planes_are_declared() -> None:
    assert set(UNUSABLE_PLANES) <= {plane.name for plane in MASK_PLANES}


def test_selection_is_the_union_of_planes_and_ignores_unknown_ones() -> None:
    mask = Mask(schema=mask_schema(), bbox=Box.factory[10:15, 20:27])
    bad, saturated = np.zeros((2, 5, 7), dtype=bool)
    bad[1, 2] = saturated[3, 4] = True
    mask.set("BAD", bad)
    mask.set("SATURATED", saturated)
    mask.set("DETECTED", np.ones((5, 7), dtype=bool))
    np.testing.assert_array_equal(select_pixels(mask), bad | saturated)
    np.testing.assert_array_equal(select_pixels(mask, ["BAD", "NOT_A_PLANE"]), bad)


def test_compact_mask_gathers_planes_into_bits() -> None:
    mask = Mask(schema=mask_schema(), bbox=Box.factory[0:3, 0:4])
    for column, plane in enumerate(("BAD", "BLEED", "SATURATED", "COSMIC_RAY")):
        mask.set(plane, np.arange(12).reshape(3, 4) == column)
    for column, plane in enumerate(("NO_DATA", "INTERPOLATED", "DETECTED", "STREAK")):
        mask.set(plane, np.arange(12).reshape(3, 4) == 4 + column)
    bits = pixel_bits(mask)
    assert bits.dtype == np.uint8
    assert bits.ravel()[:8].tolist() == [
        PixelBit.BAD,
        PixelBit.BAD,
        PixelBit.SATURATED,
        PixelBit.COSMIC_RAY,
        PixelBit.NO_DATA,
        PixelBit.INTERPOLATED,
        0,
        PixelBit.BAD,
    ]
    assert not PixelBit.unusable() & PixelBit.INTERPOLATED
