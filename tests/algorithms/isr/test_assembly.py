from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.isr.assembly import assemble, read_detector, split
from uraniborg.algorithms.isr.geometry import DetectorGeometry
from uraniborg.core.errors import UserError


def test_assembly_and_split_are_inverse(layout) -> None:
    geometry = layout()
    image = np.random.default_rng(1).normal(size=geometry.shape).astype(np.float32)
    parts = split(image, geometry)
    assert [part.shape for part in parts] == [(32, 24)] * 8
    again, covered = assemble(parts, geometry)
    assert covered is None
    np.testing.assert_array_equal(again, image)


def test_a_missing_amplifier_leaves_a_gap(layout) -> None:
    whole = layout()
    geometry = DetectorGeometry(whole.shape, whole.amplifiers[1:])
    image = np.ones(whole.shape, np.float32)
    again, covered = assemble(split(image, geometry), geometry)
    assert covered is not None
    assert not covered[:32, :24].any()
    assert covered.sum() == 7 * 32 * 24
    np.testing.assert_array_equal(again[covered], 1.0)


def test_a_readout_without_overscan_keeps_its_level(layout) -> None:
    geometry = layout()
    segments = [np.full((44, 43), 1000 + k, np.uint16) for k in range(8)]
    kept = read_detector(segments, geometry, overscan=None)
    assert set(np.unique(kept.image)) == set(range(1000, 1008))
    assert np.isnan(kept.noise).all()
    taken = read_detector(segments, geometry)
    assert not taken.image.any()
    np.testing.assert_allclose(taken.level, np.arange(1000, 1008))


def test_segments_that_do_not_fit_are_refused(layout) -> None:
    with pytest.raises(UserError, match="7 segments for 8"):
        read_detector([np.zeros((44, 43))] * 7, layout())
    with pytest.raises(UserError, match="C00 has shape"):
        read_detector([np.zeros((30, 43))] * 8, layout())
