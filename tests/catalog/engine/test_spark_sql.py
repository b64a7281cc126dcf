from __future__ import annotations

from uraniborg.catalog.adql.check import check
from uraniborg.catalog.engine.spark_sql import translate
from uraniborg.catalog.schema import Column, Table, Tables

TABLES = Tables([Table("t`x", (Column("a`b", "number"), Column("s", "text"), Column("dec", "number")), "s1")])


def _sql(query: str) -> str:
    return translate(check(query, TABLES), TABLES, lambda table, needed: ("SOURCE", 10)).sql


def test_names_and_texts_are_quoted_anew() -> None:
    sql = _sql("""SELECT "a`b" AS "x`; DROP" FROM "t`x" AS t WHERE s = 'it''s \\'""")
    assert "`t`.`a``b` AS `x``; DROP`" in sql
    assert r"'it\'s \\'" in sql
    assert '"' not in sql


def test_what_spark_says_otherwise() -> None:
    assert "unnest" not in (
        sql := _sql('SELECT a.s FROM "t`x" a, "t`x" b WHERE DISTANCE(a.dec, a.dec, b.dec, b.dec) < 0.1')
    )
    assert "explode(sequence(" in sql
    assert "array(" in _sql('SELECT POINT(dec, dec) AS p FROM "t`x"')
    assert "AS STRING" in _sql('SELECT CAST(dec AS VARCHAR) AS p FROM "t`x"')
    assert "rand(" in _sql('SELECT RAND(3) AS r FROM "t`x"')
    assert "floor(" in _sql('SELECT TRUNCATE(dec) AS r FROM "t`x"')
