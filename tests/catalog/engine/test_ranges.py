from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uraniborg.catalog.engine.ranges import circle_ranges, healpix_index, limit_ranges, polygon_ranges
from uraniborg.catalog.engine.shapes import box_corners, polygon


def _inside(index: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    place = np.searchsorted(ranges[:, 0], index, side="right") - 1
    return (place >= 0) & (index < ranges[np.maximum(place, 0), 1])


def _around(lon: float, lat: float, radius: float) -> tuple[np.ndarray, np.ndarray]:
    """Return positions at and within a distance, by rotation of vectors."""
    a, d = np.radians([lon, lat])
    centre = np.array([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)])
    east = np.array([-np.sin(a), np.cos(a), 0])
    north = np.cross(centre, east)
    angle = np.linspace(0, 2 * np.pi, 73)
    r = np.radians(radius * np.array([0, 0.5, 0.999999999]))[:, None, None]
    way = np.cos(angle)[:, None] * east + np.sin(angle)[:, None] * north
    v = (np.cos(r) * centre + np.sin(r) * way).reshape(-1, 3)
    return np.degrees(np.arctan2(v[:, 1], v[:, 0])), np.degrees(np.arctan2(v[:, 2], np.hypot(v[:, 0], v[:, 1])))


@given(st.floats(-10, 370), st.floats(-90, 90), st.floats(-9, 2).map(lambda x: 10**x))
def test_ranges_hold_the_whole_circle(lon: float, lat: float, radius: float) -> None:
    ranges = circle_ranges(lon, lat, radius)
    assert (np.diff(ranges.ravel()) > 0).all()
    assert len(ranges) <= 24
    assert _inside(healpix_index(*_around(lon, lat, min(radius, 179.0))), ranges).all()


def test_ranges_are_not_much_larger_than_the_circle() -> None:
    rng = np.random.default_rng(3)
    for radius in (0.01, 1.0, 10.0):
        ranges = circle_ranges(float(rng.uniform(0, 360)), float(rng.uniform(-60, 60)), radius)
        area = float((ranges[:, 1] - ranges[:, 0]).sum()) / (12 << 58) * 41252.96
        assert area < 4 * np.pi * radius**2


def test_ranges_of_a_polygon_hold_it() -> None:
    corners = box_corners(0.0, 89.0, 10.0, 6.0)
    lon, lat = np.degrees(np.arctan2(corners[:, 1], corners[:, 0])), np.degrees(np.arcsin(corners[:, 2]))
    assert _inside(healpix_index(lon, lat), polygon_ranges(polygon(corners))).all()


def test_the_smallest_gaps_are_closed() -> None:
    ranges = np.array([[0, 10], [11, 20], [100, 110], [111, 112]])
    assert limit_ranges(ranges, most=2).tolist() == [[0, 20], [100, 112]]
    assert limit_ranges(ranges, most=1).tolist() == [[0, 112]]
    assert limit_ranges(ranges, most=9) is ranges


def test_positions_off_the_sky_are_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        healpix_index(np.array([0.0]), np.array([90.1]))
    with pytest.raises(ValueError, match="finite"):
        healpix_index(np.array([np.nan]), np.array([0.0]))
    assert healpix_index(np.array([-10.0]), np.array([5.0])) == healpix_index(np.array([350.0]), np.array([5.0]))
