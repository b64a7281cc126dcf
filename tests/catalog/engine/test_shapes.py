from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uraniborg.catalog.engine.shapes import box_corners, north_crossings, polygon, unit_vectors

OCTANT = unit_vectors(np.array([0.0, 90.0, 0.0]), np.array([0.0, 0.0, 90.0]))


def test_area_of_an_octant_in_both_directions() -> None:
    wanted = 4 * math.pi * (180 / math.pi) ** 2 / 8
    for vertices in (OCTANT, OCTANT[::-1]):
        shape = polygon(vertices)
        assert shape.area == pytest.approx(wanted, rel=1e-12)
        assert shape.convex


@given(st.floats(0, 360), st.floats(-89.9, 89.9), st.floats(0.01, 60), st.floats(0.01, 60))
def test_arms_of_a_box_end_in_the_middle_of_its_sides(lon: float, lat: float, width: float, height: float) -> None:
    corners = box_corners(lon, lat, width, height)
    shape = polygon(corners)
    assert shape.convex
    centre = unit_vectors(np.array([lon]), np.array([lat]))[0]
    middles = corners + np.roll(corners, -1, axis=0)
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    found = np.degrees(2 * np.arcsin(np.linalg.norm(middles - centre, axis=1) / 2))
    assert found == pytest.approx([height / 2, width / 2, height / 2, width / 2], rel=1e-6)


def test_the_pole_is_inside_a_ring_around_it() -> None:
    lon = np.arange(0.0, 360.0, 45.0)
    star = unit_vectors(lon, np.where(np.arange(8) % 2, 85.0, 60.0))
    assert polygon(star).pole_inside
    assert not polygon(star).convex
    assert not polygon(unit_vectors(lon, np.full(8, -60.0))).pole_inside
    assert north_crossings(unit_vectors(np.array([10.0]), np.array([0.0]))[0], star) == 1


def test_bounding_circle_holds_the_vertices() -> None:
    lon, lat, radius = polygon(OCTANT).bounding_circle
    centre = unit_vectors(np.array([lon]), np.array([lat]))[0]
    assert np.degrees(np.arccos(OCTANT @ centre)).max() <= radius + 1e-9


@pytest.mark.parametrize(
    ("lon", "lat", "fault"),
    [([0, 0, 1], [0, 0, 1], "three or more"), ([0, 180, 90], [0, 0, 30], "opposite")],
)
def test_what_is_no_polygon_is_refused(lon: list[float], lat: list[float], fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        polygon(unit_vectors(np.array(lon, dtype=float), np.array(lat, dtype=float)))
