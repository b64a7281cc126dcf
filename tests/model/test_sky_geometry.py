from __future__ import annotations

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from uraniborg.model.sky_geometry import (
    angular_separation,
    circle_region,
    polygon_region,
    region_contains,
    sky_to_tangent,
    tangent_to_sky,
)

CENTERS = st.tuples(st.floats(0, 360), st.floats(-90, 90))


def test_projection_is_that_of_fits() -> None:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [187.0, -65.0]
    wcs.wcs.cdelt = [-1.0, 1.0]
    ra, dec = np.random.default_rng(1).uniform([180, -70], [194, -60], (200, 2)).T
    x, y = wcs.all_world2pix(ra, dec, 0)
    xi, eta = sky_to_tangent(ra, dec, center=(187.0, -65.0))
    assert np.allclose(-xi, x + 1.0, atol=1e-10)
    assert np.allclose(eta, y + 1.0, atol=1e-10)


@given(CENTERS, st.floats(-40, 40), st.floats(-40, 40))
def test_round_trip(center: tuple[float, float], xi: float, eta: float) -> None:
    back = sky_to_tangent(*tangent_to_sky(xi, eta, center=center), center=center)
    assert np.allclose(back, (xi, eta), atol=1e-9)


def test_far_side_is_nan() -> None:
    assert np.isnan(sky_to_tangent(180.0, 0.0, center=(0.0, 0.0))).all()


@given(CENTERS, CENTERS)
def test_separation_is_that_of_astropy(here: tuple[float, float], there: tuple[float, float]) -> None:
    expected = SkyCoord(*here, unit="deg").separation(SkyCoord(*there, unit="deg")).deg
    assert angular_separation(*there, center=here) == pytest.approx(expected, abs=1e-10)


def test_regions_hold_their_points() -> None:
    square = polygon_region([359.0, 1.0, 1.0, 359.0], [-1.0, 1.0, -1.0, 1.0])
    inside = region_contains(square, [0.0, 359.5, 2.0], [0.0, 0.5, 0.0])
    assert inside.tolist() == [True, True, False]
    disc = circle_region(10.0, 80.0, 2.0)
    assert region_contains(disc, [10.0, 20.0, 10.0], [81.9, 80.0, 77.9]).tolist() == [True, True, False]
