from __future__ import annotations

import pytest

from uraniborg.catalog.adql import AdqlError, parse, tree
from uraniborg.catalog.adql.check import check
from uraniborg.catalog.adql.expression_check import shape_of
from uraniborg.catalog.schema import Column, Table, Tables

TABLES = Tables(
    [Table("t", (Column("a", "number", "nJy"), Column("b", "number"), Column("s", "text"), Column("f", "truth")))]
)


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("SELECT s + 1 FROM t", "takes a number, this is a text"),
        ("SELECT s || b FROM t", "takes a text"),
        ("SELECT a FROM t WHERE a = 'x'", "cannot be compared"),
        ("SELECT a FROM t WHERE a IN (1, 'x')", "cannot be compared"),
        ("SELECT a FROM t WHERE b LIKE 'x'", "LIKE takes a text"),
        ("SELECT a FROM t WHERE a", "compare it with something"),
        ("SELECT a FROM t WHERE CONTAINS(POINT(a, b), CIRCLE(1, 2, 3))", r"write 1 = CONTAINS\(...\)"),
        ("SELECT a FROM t WHERE COUNT(*) > 1", "write it in HAVING"),
        ("SELECT SUM(MAX(a)) FROM t", "MAX inside SUM"),
        ("SELECT s, COUNT(*) FROM t", "add s to GROUP BY"),
        ("SELECT s FROM t GROUP BY 1", "not numbers of columns"),
        ("SELECT a FROM t GROUP BY a ORDER BY b", "add b to GROUP BY"),
        ("SELECT IN_UNIT(a, 'm') FROM t", "does not convert"),
        ("SELECT IN_UNIT(b, 'm') FROM t", "no known unit"),
        ("SELECT IN_UNIT(a, b) FROM t", "a unit in single quotes"),
        ("SELECT POINT('GALACTIC', a, b) FROM t", "positions are ICRS"),
        ("SELECT SUM(*) FROM t", "cannot stand here|expected"),
        ("SELECT (SELECT a, b FROM t) FROM t", "has 2 columns, one is needed"),
        ("SELECT CASE a WHEN 's' THEN 1 END FROM t", "cannot be compared"),
        ('SELECT a FROM t WHERE s = "x"', "text in single quotes"),
    ],
)
def test_faults_are_explained(query: str, fault: str) -> None:
    with pytest.raises(AdqlError, match=fault):
        check(query, TABLES)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT a FROM t WHERE f AND NOT f",
        "SELECT UPPER(s) || 'x', COALESCE(a, b, 0) FROM t",
        "SELECT s, COUNT(*) + MAX(a) FROM t GROUP BY s HAVING AVG(b) > 1 ORDER BY s",
        "SELECT a + b, COUNT(*) FROM t GROUP BY a + b",
        "SELECT a FROM t x WHERE EXISTS (SELECT 1 FROM t y WHERE y.b = x.a)",
        "SELECT CAST(a AS VARCHAR(5)) || s FROM t",
    ],
)
def test_good_expressions_pass(query: str) -> None:
    assert check(query, TABLES).columns


def test_in_unit_becomes_a_factor() -> None:
    body = check("SELECT IN_UNIT(a, 'uJy') AS x FROM t", TABLES).query.body
    assert isinstance(body, tree.Select)
    node = body.items[0].expression
    assert isinstance(node, tree.Binary)
    assert isinstance(node.right, tree.Literal)
    assert node.right.value == pytest.approx(1e-3)


def test_shape_ignores_places_only() -> None:
    first, second, third = (parse(f"SELECT {x} FROM t").body for x in ("a+1", "a  + 1", "a + 2"))
    assert shape_of(first) == shape_of(second) != shape_of(third)
