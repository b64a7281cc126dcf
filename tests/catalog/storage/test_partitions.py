from __future__ import annotations

import hpgeom
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uraniborg.catalog.engine.ranges import healpix_index
from uraniborg.catalog.storage.partitions import COUNT_ORDER, choose_partitions, margin_order, margin_rows


def _sky(seed: int, n: int = 20_000) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    lon = np.concatenate([rng.uniform(0, 360, n), rng.normal(20, 1, n) % 360])
    lat = np.concatenate([np.degrees(np.arcsin(rng.uniform(-1, 1, n))), rng.normal(10, 1, n)])
    return lon, lat, healpix_index(lon, lat)


def _counts(index: np.ndarray) -> np.ndarray:
    return np.bincount(index >> (2 * (29 - COUNT_ORDER)), minlength=12 << (2 * COUNT_ORDER)).astype(np.int64)


@given(st.integers(0, 100), st.integers(50, 50_000))
def test_every_row_is_in_one_partition_and_none_is_too_large(seed: int, threshold: int) -> None:
    index = _sky(seed, 2000)[2]
    parts = choose_partitions(_counts(index), threshold=threshold)
    assert (parts.first[1:] >= parts.last[:-1]).all()
    place = parts.containing(index)
    assert (place >= 0).all()
    rows = np.bincount(place, minlength=len(parts.order))
    assert (rows > 0).all()
    assert (rows[parts.order < COUNT_ORDER] <= threshold).all()
    coarser = (parts.order > 0).nonzero()[0]
    for i in coarser[:20]:
        parent = parts.pixel[i] >> 2
        shift = 2 * (29 - parts.order[i] + 1)
        assert ((index >> shift) == parent).sum() > threshold


def test_partitions_that_overlap_ranges() -> None:
    index = _sky(1)[2]
    parts = choose_partitions(_counts(index), threshold=1000)
    rng = np.random.default_rng(2)
    for _ in range(50):
        low = np.sort(rng.integers(0, 12 << 58, 4)).reshape(2, 2)
        want = [i for i in range(len(parts.order)) if any(parts.first[i] < b and parts.last[i] > a for a, b in low)]
        assert parts.overlapping(low).tolist() == want
    assert parts.overlapping(np.array([[0, 0]])).size == 0


def _moved(lon: np.ndarray, lat: np.ndarray, step: float, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return positions moved along great circles by a step [deg]."""
    a, d, r = np.radians(lon), np.radians(lat), np.radians(step)
    centre = np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)
    east = np.stack([-np.sin(a), np.cos(a), 0 * a], axis=-1)
    v = np.cos(r) * centre + np.sin(r) * (np.cos(angle) * east + np.sin(angle) * np.cross(centre, east))
    return np.degrees(np.arctan2(v[:, 1], v[:, 0])), np.degrees(np.arctan2(v[:, 2], np.hypot(v[:, 0], v[:, 1])))


@pytest.mark.parametrize("width", [2.0, 600.0, 5000.0])
def test_margins_hold_all_rows_within_their_width(width: float) -> None:
    lon, lat, index = _sky(4, 3000)
    parts = choose_partitions(_counts(index), threshold=500)
    own = parts.containing(index)
    pairs = margin_rows(index, parts, order=margin_order(width))
    found = set(map(tuple, pairs.tolist()))
    assert all(own[row] != place for row, place in found)
    for angle in np.linspace(0, 2 * np.pi, 16, endpoint=False):
        moved = healpix_index(*_moved(lon, lat, width / 3600 * 0.999, float(angle)))
        place = parts.containing(moved)
        for row in np.flatnonzero((place >= 0) & (place != own)).tolist():
            assert (row, int(place[row])) in found


def test_pixels_of_the_margin_are_not_narrower_than_it() -> None:
    for width in (1.0, 5.0, 60.0, 3600.0):
        order = margin_order(width)
        edge = hpgeom.boundaries(1 << order, np.arange(min(12 << (2 * order), 50_000)), step=1)
        lon, lat = np.radians(edge[0]), np.radians(edge[1])
        v = np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)
        sides = np.degrees(np.linalg.norm(v - np.roll(v, -1, axis=1), axis=-1)) * 3600
        assert sides.min() > width
