from __future__ import annotations

from collections import Counter

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from uraniborg.catalog.adql.check import check
from uraniborg.catalog.adql.tree import Select
from uraniborg.catalog.engine.geometry_sql import GeometrySql
from uraniborg.catalog.engine.prune import terms_of_and
from uraniborg.catalog.engine.shapes import unit_vectors
from uraniborg.catalog.engine.zones import Grid, aliases_in, is_equality, near_terms
from uraniborg.catalog.schema import Column, Table, Tables

TABLES = Tables([Table(name, tuple(Column(c, "number") for c in ("id", "ra", "dec"))) for name in ("a", "b")])


def _terms(where: str) -> list:  # type: ignore[type-arg]
    body = check(f"SELECT a.id FROM a, b WHERE {where}", TABLES).query.body
    assert isinstance(body, Select)
    return list(terms_of_and(body.where))


def _sky(seed: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Return positions everywhere, at the poles, and on both sides of longitude 0, some far outside 0 to 360."""
    rng = np.random.default_rng(seed)
    lon = np.concatenate([rng.uniform(-400, 800, 4 * n), rng.normal(0, 0.2, n)])
    lat = np.concatenate(
        [
            np.degrees(np.arcsin(rng.uniform(-1, 1, n))),
            90 - np.abs(rng.normal(0, 0.3, n)),
            np.abs(rng.normal(0, 0.3, n)) - 90,
            rng.normal(0, 0.3, n),
            rng.normal(60, 0.2, n),
        ]
    )
    lon[:3], lat[:3] = [0, 180, 360], [90, -90, 0]
    return lon, lat


@pytest.mark.parametrize("radius", [1e-4, 0.01, 0.2, 3.0, 10.0])
def test_every_near_pair_meets_in_exactly_one_cell(radius: float) -> None:
    (lon, lat), (x, y) = _sky(1, 100), _sky(2, 100)
    first, second = unit_vectors(lon, lat), unit_vectors(x, y)
    apart = np.degrees(2 * np.arcsin(np.clip(np.linalg.norm(first[:, None] - second[None], axis=2) / 2, 0, 1)))
    wanted = set(zip(*(i.tolist() for i in np.nonzero(apart <= radius)), strict=True))
    connection = duckdb.connect(config={"threads": 1})
    connection.register("a", pa.table({"id": np.arange(len(lon)), "lon": lon, "lat": lat}))
    connection.register("b", pa.table({"id": np.arange(len(x)), "lon": x, "lat": y}))
    grid = Grid(radius)
    touched = grid.touched("b", '"b"', ('"b"."lon"', '"b"."lat"'), '"cell"')
    sql = f"SELECT a.id, b.id FROM a JOIN {touched} AS b ON {grid.own('a.lon', 'a.lat')} = b.cell"
    met = Counter(connection.sql(sql).fetchall())
    assert wanted <= set(met)
    assert set(met.values()) == {1}
    if radius < 1:
        assert len(met) < apart.size / 4


def test_conditions_that_hold_positions_together() -> None:
    geometry = GeometrySql("", lambda node: "?")

    def radii(where: str) -> list[float]:
        return [near.radius for near in near_terms(iter(_terms(where)), geometry)]

    assert radii("DISTANCE(a.ra, a.dec, b.ra, b.dec) < 2.0/3600") == [2.0 / 3600]
    assert radii("0.5 >= DISTANCE(POINT(a.ra, a.dec), POINT(b.ra, b.dec)) AND a.id > 3") == [0.5]
    assert radii("1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(b.ra, b.dec, 0.1))") == [0.1]
    assert radii("INTERSECTS(CIRCLE(a.ra, a.dec, 0.2), CIRCLE(b.ra, b.dec, 0.1)) = 1") == [pytest.approx(0.3)]
    assert radii("0 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(b.ra, b.dec, 0.1))") == []
    assert radii("DISTANCE(a.ra, a.dec, b.ra, b.dec) > 1") == []
    assert radii("DISTANCE(a.ra, a.dec, 1, 2) < 1") == []
    assert radii("1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(b.ra, b.dec, b.id))") == []


def test_sides_of_conditions() -> None:
    (equal,) = _terms("a.id + 1 = b.id")
    assert aliases_in(equal) == {"a", "b"}
    assert is_equality(equal, frozenset("a"), frozenset("b"))
    assert is_equality(equal, frozenset("b"), frozenset("a"))
    assert not is_equality(equal, frozenset("c"), frozenset("a"))
    assert not is_equality(_terms("a.id = 3")[0], frozenset("a"), frozenset("b"))
