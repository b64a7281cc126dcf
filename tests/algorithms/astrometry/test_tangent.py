from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from uraniborg.algorithms.astrometry.tangent import from_tangent_plane, sky_offsets, to_tangent_plane

centers = st.tuples(st.floats(0.0, 359.999), st.floats(-90.0, 90.0))


@given(centers, st.integers(0, 2**31))
def test_plane_and_back_is_the_same_place_anywhere(center: tuple[float, float], seed: int) -> None:
    plane = np.random.default_rng(seed).uniform(-3600.0, 3600.0, (20, 2))
    back = to_tangent_plane(*from_tangent_plane(plane, center), center)
    assert np.abs(back - plane).max() < 1e-6


def test_offsets_are_east_and_north_in_arcsec() -> None:
    center = SkyCoord(359.9999 * u.deg, 40.0 * u.deg)
    there = center.directional_offset_by(30.0 * u.deg, 100.0 * u.arcsec)
    east, north = to_tangent_plane(there.ra.deg, there.dec.deg, (359.9999, 40.0))
    assert east == pytest.approx(50.0, abs=1e-4)
    assert north == pytest.approx(100.0 * np.cos(np.radians(30.0)), abs=1e-4)


def test_the_other_hemisphere_has_no_place_on_the_plane() -> None:
    assert np.isnan(to_tangent_plane([180.0], [0.0], (0.0, 0.0))).all()


def test_sky_offsets_cross_the_meridian() -> None:
    offsets = sky_offsets(([0.0001], [60.0]), ([359.9999], [60.0]))
    assert offsets[0] == pytest.approx([0.0002 * 3.6e6 * 0.5, 0.0], abs=1e-6)
