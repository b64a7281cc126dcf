from __future__ import annotations

import pytest

from uraniborg.catalog.adql.check import check
from uraniborg.catalog.engine.duckdb_sql import translate
from uraniborg.catalog.schema import Column, Table, Tables

TABLES = Tables([Table('t"x', (Column('a"b', "number"), Column("s", "text")), "s1")])


def _sql(query: str) -> str:
    return translate(check(query, TABLES), TABLES, lambda table, needed: ("SOURCE", 10)).sql


def test_names_and_texts_are_quoted_anew() -> None:
    sql = _sql("""SELECT "a""b" AS "x"";--" FROM "t""x" WHERE s = 'it''s; DROP TABLE t --'""")
    assert '"a""b" AS "x"";--"' in sql
    assert "'it''s; DROP TABLE t --'" in sql
    assert 'SOURCE AS "t""x"' in sql


@pytest.mark.parametrize(
    ("expression", "sql"),
    [
        ("1.5", "1.5e0"),
        ("-3", "(-3)"),
        ("99999999999999999999", "1e+20"),
        ("1e400", "CAST('inf' AS DOUBLE)"),
        ("LOG(2)", "(CASE WHEN 2 > 0 THEN ln(2) END)"),
        ("1 / 2", "(1 / nullif(2, 0))"),
    ],
)
def test_expressions(expression: str, sql: str) -> None:
    assert f"SELECT {sql} AS" in _sql(f'SELECT {expression} FROM "t""x"')


def test_seed_is_passed_on() -> None:
    query = check('SELECT RAND(7) FROM "t""x"', TABLES)
    assert translate(query, TABLES, lambda table, needed: "S").seed is not None
    assert translate(check('SELECT RAND() FROM "t""x"', TABLES), TABLES, lambda table, needed: "S").seed is None
