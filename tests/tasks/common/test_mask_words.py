from __future__ import annotations

import numpy as np
import pytest
from lsst.images import Box, Mask, MaskPlane, MaskSchema

from uraniborg.model.masks import MASK_PLANES, mask_schema
from uraniborg.tasks.common.mask_words import mask_from_words, mask_words, word_of

BOX = Box.factory[10:20, 5:17]


def test_every_plane_survives_the_round_trip() -> None:
    rng = np.random.default_rng(1)
    mask = Mask(0, schema=mask_schema(), bbox=BOX)
    for plane in MASK_PLANES:
        mask.set(plane.name, rng.random(tuple(BOX.shape)) < 0.3)
    words = mask_words(mask)
    for plane in MASK_PLANES:
        np.testing.assert_array_equal((words & word_of([plane.name])) != 0, mask.get(plane.name))
    assert mask_from_words(words, BOX) == mask


def test_planes_of_another_schema_are_found_by_name() -> None:
    schema = MaskSchema([MaskPlane("FOREIGN", "not ours"), MaskPlane("SATURATED", "ours")], dtype=np.uint8)
    mask = Mask(0, schema=schema, bbox=BOX)
    mask.set("FOREIGN", np.ones(tuple(BOX.shape), bool))
    mask.set("SATURATED", np.indices(tuple(BOX.shape))[0] == 3)
    words = mask_words(mask)
    np.testing.assert_array_equal(words[3], word_of(["SATURATED"]))
    assert not words[:3].any()


def test_word_of_planes() -> None:
    assert word_of([]) == 0
    assert word_of(["BAD", "BAD"]) == 1
    assert word_of([plane.name for plane in MASK_PLANES]) == (1 << len(MASK_PLANES)) - 1
    with pytest.raises(KeyError):
        word_of(["NO_SUCH_PLANE"])
