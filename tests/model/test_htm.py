from __future__ import annotations

import numpy as np
import pytest
from lsst.sphgeom import HtmPixelization, LonLat, UnitVector3d

from uraniborg.model.htm import htm_index


@pytest.mark.parametrize("level", [0, 1, 7, 12])
def test_indices_are_those_of_sphgeom(level: int) -> None:
    rng = np.random.default_rng(level)
    ra, dec = rng.uniform(0, 360, 1000), np.rad2deg(np.arcsin(rng.uniform(-1, 1, 1000)))
    pixels = HtmPixelization(level)
    expected = [pixels.index(UnitVector3d(LonLat.fromDegrees(a, d))) for a, d in zip(ra, dec, strict=True)]
    assert htm_index(ra, dec, level=level).tolist() == expected


def test_scalar_and_empty() -> None:
    assert htm_index(187.0, 25.0).shape == (1,)
    assert htm_index([], []).shape == (0,)
