"""Exactness of shapes against plain vectors, at the poles and across right ascension 0."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from uraniborg.catalog.adql import AdqlError, tree
from uraniborg.catalog.engine.duckdb import DuckDBEngine
from uraniborg.catalog.engine.geometry_sql import constant
from uraniborg.catalog.engine.sources import ArrowSource
from uraniborg.catalog.schema import Table

_N = 6000


def _vectors(lon: object, lat: object) -> NDArray[np.float64]:
    a, d = np.radians(np.asarray(lon, dtype=float)), np.radians(np.asarray(lat, dtype=float))
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


@pytest.fixture(scope="module")
def sky() -> Iterator[tuple[DuckDBEngine, NDArray[np.float64]]]:
    rng = np.random.default_rng(5)
    lon = np.concatenate([rng.uniform(0, 360, _N), rng.normal(0, 1, 1000) % 360, rng.uniform(0, 360, 1000), [0, 0]])
    z = rng.uniform(-1, 1, _N)
    polar = rng.choice([-1, 1], 1000) * (90 - rng.exponential(1, 1000))
    lat = np.concatenate([np.degrees(np.arcsin(z)), rng.normal(0, 1, 1000), polar, [90, -90]])
    data = pa.table({"id": np.arange(len(lon)), "ra": lon, "dec": lat})
    engine = DuckDBEngine([ArrowSource(data, Table("sky", (), position=("ra", "dec"), key="id"))], threads=1)
    yield engine, _vectors(lon, lat)
    engine.close()


def _ids(engine: DuckDBEngine, condition: str) -> set[int]:
    return set(engine.query(f"SELECT id FROM sky WHERE {condition}").table["id"].to_pylist())


_SOME = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
_LATITUDES = st.one_of(st.floats(-90, 90), st.sampled_from([90.0, -90.0, 89.99, 0.0]))
_LONGITUDES = st.one_of(st.floats(-180, 540), st.sampled_from([0.0, 360.0, 359.999]))


@_SOME
@given(_LONGITUDES, _LATITUDES, st.floats(-3, 2.2).map(lambda x: 10**x))
def test_cones(sky: tuple[DuckDBEngine, NDArray[np.float64]], lon: float, lat: float, radius: float) -> None:
    engine, vectors = sky
    chord = np.linalg.norm(vectors - _vectors(lon, lat), axis=1)
    separation = np.degrees(2 * np.arcsin(np.minimum(1, chord / 2)))
    sure = np.abs(separation - radius) > 1e-6
    want = set(np.flatnonzero((separation <= radius) & sure).tolist())
    for condition in (
        f"1 = CONTAINS(POINT(ra, dec), CIRCLE({lon!r}, {lat!r}, {radius!r}))",
        f"INTERSECTS(CIRCLE(POINT({lon!r}, {lat!r}), {radius!r}), POINT(ra, dec)) = 1",
        f"DISTANCE(POINT(ra, dec), POINT({lon!r}, {lat!r})) <= {radius!r}",
    ):
        found = {i for i in _ids(engine, condition) if sure[i]}
        assert found == want, condition


def _winding(vectors: NDArray[np.float64], corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which points a small polygon winds around: the sum of the angles at which its sides are seen."""
    total = np.zeros(len(vectors))
    for a, b in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        ta, tb = a - (vectors @ a)[:, None] * vectors, b - (vectors @ b)[:, None] * vectors
        total += np.arctan2((np.cross(ta, tb) * vectors).sum(axis=1), (ta * tb).sum(axis=1))
    near: NDArray[np.bool_] = (np.abs(total) > np.pi) & (vectors @ corners.mean(axis=0) > 0)
    return near


@_SOME
@given(_LONGITUDES, _LATITUDES, st.lists(st.floats(2, 40), min_size=3, max_size=9), st.booleans())
def test_polygons_convex_or_not(
    sky: tuple[DuckDBEngine, NDArray[np.float64]], lon: float, lat: float, sizes: list[float], back: bool
) -> None:
    engine, vectors = sky
    a, d = np.radians([lon, lat])
    centre = _vectors(lon, lat)
    east = np.array([-np.sin(a), np.cos(a), 0.0])
    north = np.array([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)])
    angle = np.arange(len(sizes)) * 2 * np.pi / len(sizes)
    r = np.radians(sizes)[:, None]
    corners = np.cos(r) * centre + np.sin(r) * (np.cos(angle)[:, None] * east + np.sin(angle)[:, None] * north)
    corners = corners[::-1] if back else corners
    lonlat = np.degrees([np.arctan2(corners[:, 1], corners[:, 0]), np.arcsin(np.clip(corners[:, 2], -1, 1))]).T
    text = ", ".join(f"{x!r}, {y!r}" for x, y in lonlat.tolist())
    corners = _vectors(lonlat[:, 0], lonlat[:, 1])
    sides = np.cross(corners, np.roll(corners, -1, axis=0))
    sure = (np.abs(vectors @ (sides / np.linalg.norm(sides, axis=1, keepdims=True)).T) > 1e-9).all(axis=1)
    want = set(np.flatnonzero(_winding(vectors, corners) & sure).tolist())
    assert {i for i in _ids(engine, f"1 = CONTAINS(POINT(ra, dec), POLYGON({text}))") if sure[i]} == want


@pytest.mark.parametrize(("lon", "lat"), [(0.0, 0.0), (359.0, 45.0), (120.0, 88.0), (10.0, -90.0)])
def test_boxes_are_cut_by_great_circles(sky: tuple[DuckDBEngine, NDArray[np.float64]], lon: float, lat: float) -> None:
    engine, vectors = sky
    a, d = np.radians([lon, lat])
    centre = _vectors(lon, lat)
    along_east = vectors @ np.array([-np.sin(a), np.cos(a), 0.0]) / (vectors @ centre)
    along_north = vectors @ np.array([-np.sin(d) * np.cos(a), -np.sin(d) * np.sin(a), np.cos(d)]) / (vectors @ centre)
    front = vectors @ centre > 0
    want = front & (np.abs(along_east) <= np.tan(np.radians(6))) & (np.abs(along_north) <= np.tan(np.radians(3)))
    found = _ids(engine, f"1 = CONTAINS(POINT(ra, dec), BOX({lon}, {lat}, 12, 6))")
    assert found == set(np.flatnonzero(want).tolist())
    assert _ids(engine, f"0 = CONTAINS(POINT(ra, dec), BOX({lon}, {lat}, 12, 6))") == set(range(_N + 2002)) - found


def test_circles_with_circles(sky: tuple[DuckDBEngine, NDArray[np.float64]]) -> None:
    engine, vectors = sky
    separation = np.degrees(np.arccos(np.clip(vectors @ _vectors(10, 20), -1, 1)))
    touching = _ids(engine, "1 = INTERSECTS(CIRCLE(ra, dec, 2), CIRCLE(10, 20, 5))")
    within = _ids(engine, "1 = CONTAINS(CIRCLE(ra, dec, 2), CIRCLE(10, 20, 5))")
    assert touching == set(np.flatnonzero(separation <= 7).tolist())
    assert within == set(np.flatnonzero(separation <= 3).tolist())


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("DISTANCE(0, 0, 180, 0)", 180.0),
        ("DISTANCE(0, 90, 77, -90)", 180.0),
        ("DISTANCE(10, 0, 10.0000001, 0) * 1e7", 1.0),
        ("AREA(CIRCLE(0, 0, 180))", 41252.96124941927),
        ("AREA(POLYGON(0, 0, 90, 0, 0, 90))", 41252.96124941927 / 8),
        ("COORD1(CENTROID(CIRCLE(12, 13, 1)))", 12.0),
        ("COORD2(POINT('ICRS', 12, 13))", 13.0),
        ("CONTAINS(BOX(0, 0, 2, 2), CIRCLE(0, 0, 1.5))", 1.0),
        ("CONTAINS(BOX(0, 0, 2, 2), CIRCLE(0, 0, 1.4))", 0.0),
    ],
)
def test_values(sky: tuple[DuckDBEngine, NDArray[np.float64]], expression: str, value: float) -> None:
    found = sky[0].query(f"SELECT TOP 1 {expression} AS x FROM sky").table["x"][0].as_py()
    assert found == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize(
    ("condition", "fault"),
    [
        ("1 = CONTAINS(POINT(ra, dec), CIRCLE(0, 0, -1))", "not between 0 and 180"),
        ("1 = CONTAINS(POINT(ra, dec), CIRCLE(0, 95, 1))", "not between -90 and 90"),
        ("1 = CONTAINS(POINT(ra, dec), BOX(0, 0, 200, 1))", "not between 0 and 180"),
        ("1 = CONTAINS(POINT(ra, dec), POLYGON(0, 0, 0, 0, 1, 1))", "three or more"),
        ("1 = CONTAINS(POINT(ra, dec), POLYGON(ra, 0, 0, 0, 1, 1))", "with columns is not answered"),
        ("1 = INTERSECTS(BOX(0, 0, 1, 1), CIRCLE(ra, dec, 1))", "is not answered"),
    ],
)
def test_faults(sky: tuple[DuckDBEngine, NDArray[np.float64]], condition: str, fault: str) -> None:
    with pytest.raises(AdqlError, match=fault):
        _ids(sky[0], condition)


def test_constants() -> None:
    one = tree.Literal(1, (0, 1))
    assert constant(tree.Binary("/", one, tree.Literal(4, (0, 1)), (0, 1))) == 0.25
    assert constant(tree.Binary("/", one, tree.Literal(0, (0, 1)), (0, 1))) is None
    assert constant(tree.Literal("1", (0, 1))) is None
