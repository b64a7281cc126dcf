from __future__ import annotations

import pytest

from uraniborg.catalog.adql import tree
from uraniborg.catalog.adql.check import check
from uraniborg.catalog.engine.geometry_sql import GeometrySql
from uraniborg.catalog.engine.prune import Needed, contains_test, needed_rows, terms_of_and
from uraniborg.catalog.schema import Column, Table, Tables

TABLE = Table("t", tuple(Column(n, "number") for n in ("id", "ra", "dec")), "", ("ra", "dec"), "h", "id")


def _needed(condition: str) -> Needed:
    query = check(f"SELECT id FROM t WHERE {condition}", Tables([TABLE])).query
    assert isinstance(query.body, tree.Select)
    return needed_rows(query.body.where, "t", TABLE, GeometrySql("", lambda node: "x"))


@pytest.mark.parametrize(
    "condition",
    [
        "1 = CONTAINS(POINT(ra, dec), CIRCLE(1, 2, 0.1))",
        "CONTAINS(POINT('ICRS', ra, dec), BOX(1, 2, 1, 1)) = 1 AND id > 3",
        "0 <> CONTAINS(POINT(ra, dec), POLYGON(1, 2, 2, 2, 2, 3))",
        "1 = INTERSECTS(CIRCLE(1, 2, 0.1), POINT(ra, dec))",
        "DISTANCE(ra, dec, 1, 2) < 0.1",
        "0.1 >= DISTANCE(POINT(1, 2), POINT(ra, dec))",
    ],
)
def test_a_region_gives_ranges(condition: str) -> None:
    assert _needed(condition).ranges is not None


@pytest.mark.parametrize(
    "condition",
    [
        "0 = CONTAINS(POINT(ra, dec), CIRCLE(1, 2, 0.1))",
        "1 = CONTAINS(POINT(dec, ra), CIRCLE(1, 2, 0.1))",
        "1 = CONTAINS(POINT(ra, dec), CIRCLE(1, 2, 0.1)) OR id = 1",
        "NOT 1 = CONTAINS(POINT(ra, dec), CIRCLE(1, 2, 0.1))",
        "DISTANCE(ra, dec, 1, 2) > 0.1",
        "1 = CONTAINS(POINT(ra, dec), CIRCLE(ra, 2, 0.1))",
        "id NOT IN (1, 2)",
        "id = 1.5",
    ],
)
def test_what_does_not_bound_the_rows_gives_nothing(condition: str) -> None:
    assert _needed(condition) == Needed(None, None)


def test_identifiers() -> None:
    assert _needed("id = 5 AND ra > 1").keys == (5,)
    assert _needed("-5 = id").keys == (-5,)
    assert _needed("id IN (3, 1)").keys == (3, 1)


def test_parts() -> None:
    body = check("SELECT id FROM t WHERE id = 1 AND (ra = 2 AND dec = 3)", Tables([TABLE])).query.body
    assert isinstance(body, tree.Select)
    terms = list(terms_of_and(body.where))
    assert len(terms) == 3
    assert contains_test(terms[0]) is None
    assert list(terms_of_and(None)) == []
