from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uraniborg.catalog.adql import AdqlError, parse, tree

GOOD = [
    "SELECT * FROM t",
    "SELECT ALL a, b AS c, d e FROM s.t AS x",
    "SELECT DISTINCT TOP 5 a FROM t WHERE a > 1 GROUP BY a HAVING COUNT(*) > 1 ORDER BY a DESC, 1 OFFSET 3",
    "SELECT t.* FROM t, u, v",
    "SELECT a FROM t JOIN u USING (a, b) LEFT OUTER JOIN v ON u.a = v.a NATURAL FULL JOIN w CROSS JOIN x",
    "SELECT a FROM (t INNER JOIN u ON t.a = u.a) JOIN (SELECT b FROM v) AS q ON q.b = t.a",
    "WITH a AS (SELECT 1 AS x FROM t), b (y) AS (SELECT x FROM a) SELECT y FROM b",
    "SELECT a FROM t UNION SELECT a FROM u INTERSECT SELECT a FROM v ORDER BY a",
    "(SELECT TOP 3 a FROM t ORDER BY b) EXCEPT ALL SELECT a FROM u",
    'SELECT "order", "a""b" FROM "my table" -- a comment',
    "SELECT a FROM t;",
]


@pytest.mark.parametrize("query", GOOD)
def test_adql_is_read(query: str) -> None:
    assert isinstance(parse(query), tree.Query)


def test_intersect_binds_before_union() -> None:
    body = parse(GOOD[7]).body
    assert isinstance(body, tree.SetOperation)
    assert body.operator == "UNION"
    assert isinstance(body.right.body, tree.SetOperation)


@pytest.mark.parametrize(
    ("query", "at", "fault"),
    [
        ("DROP TABLE t", 0, "ADQL only reads"),
        ("INSERT INTO t VALUES (1)", 0, "ADQL only reads"),
        ("SELECT a FROM t LIMIT 5", 16, "SELECT TOP n"),
        ("SELECT a b c FROM t", 11, "expected FROM or a comma"),
        ("SELECT a", 8, "expected FROM"),
        ("SELECT a FROM read_csv('/etc/passwd')", 14, "functions cannot stand in FROM"),
        ("SELECT a FROM '/etc/passwd'", 14, "expected a table"),
        ("SELECT a FROM (SELECT b FROM t)", 31, "needs a name"),
        ("SELECT a FROM t JOIN u", 22, "ON or USING"),
        ("SELECT a FROM t NATURAL JOIN u ON 1 = 1", 31, "has no ON"),
        ("SELECT TOP 1.5 a FROM t", 11, "whole number"),
        ("SELECT a FROM t ORDER a", 22, "'BY' after ORDER"),
        ("SELECT a FROM t ORDER BY a WHERE a = 1", 27, "the order is SELECT, FROM, WHERE"),
        ("SELECT a FROM t /* x */", 16, "unexpected"),
        ("WITH RECURSIVE a AS (SELECT 1 FROM t) SELECT 1 FROM a", 5, "recursive"),
        ("SELECT a INTO b FROM t", 9, "expected"),
    ],
)
def test_errors_point_at_the_character(query: str, at: int, fault: str) -> None:
    with pytest.raises(AdqlError, match=fault) as caught:
        parse(query)
    assert caught.value.at[0] == at


@pytest.mark.parametrize(
    "query",
    [
        "SELECT " + "(" * 500 + "1" + ")" * 500 + " FROM t",
        "SELECT " + "- " * 5000 + "1 FROM t",
        "SELECT 1" + " + 1" * 5000 + " FROM t",
        "SELECT 1 FROM t" + " JOIN t USING (a)" * 2000,
        "SELECT 1 FROM t" + " UNION SELECT 1 FROM t" * 2000,
        "SELECT * FROM " + "(SELECT * FROM " * 500 + "t" + ") AS a" * 500,
        "SELECT " + "ABS(" * 500 + "1" + ")" * 500 + " FROM t",
        "SELECT " + "CASE WHEN " * 500 + "1 FROM t",
    ],
)
def test_deep_queries_are_refused_without_a_crash(query: str) -> None:
    with pytest.raises(AdqlError, match="nest"):
        parse(query)


_WORDS = [
    "SELECT",
    "TOP",
    "5",
    "*",
    "a",
    ",",
    "(",
    ")",
    "FROM",
    "t",
    "WHERE",
    "=",
    "1",
    "AND",
    "NOT",
    "IN",
    "'x'",
    '"q"',
    "JOIN",
    "ON",
    "UNION",
    "CASE",
    "WHEN",
    "THEN",
    "END",
    ".",
    "+",
    "-",
    "COUNT",
]


@given(st.lists(st.sampled_from(_WORDS), max_size=25))
def test_any_words_give_a_tree_or_a_clear_error(words: list[str]) -> None:
    try:
        parse(" ".join(words))
    except AdqlError as error:
        assert error.reason  # noqa: PT017 - either outcome is fine, silence is not
