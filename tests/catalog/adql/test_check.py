from __future__ import annotations

import pytest

from uraniborg.catalog.adql import AdqlError
from uraniborg.catalog.adql.check import check
from uraniborg.catalog.schema import Column, Table, Tables

TABLES = Tables(
    [
        Table(
            "Object",
            (
                Column("objectId", "number"),
                Column("coord_ra", "number", "deg"),
                Column("coord_dec", "number", "deg"),
                Column("flux", "number", "nJy"),
                Column("band", "text"),
                Column("_healpix_29", "number", hidden=True),
            ),
            "dr1",
        ),
        Table("Source", (Column("sourceId", "number"), Column("objectId", "number"), Column("mag", "number")), "dr1"),
    ]
)


def _names(query: str) -> list[str]:
    return [column.name for column in check(query, TABLES).columns]


def test_stars_are_written_out_without_hidden_columns() -> None:
    assert _names("SELECT * FROM object") == ["objectId", "coord_ra", "coord_dec", "flux", "band"]
    assert _names("SELECT s.*, 1 AS x FROM dr1.Source s") == ["sourceId", "objectId", "mag", "x"]
    assert _names("SELECT * FROM Source NATURAL JOIN Object")[:3] == ["objectId", "sourceId", "mag"]
    assert _names("SELECT * FROM Source JOIN Object USING (objectid)").count("objectId") == 1


def test_names_keep_the_stored_case_and_units_pass_through() -> None:
    columns = check(
        "WITH q (f) AS (SELECT FLUX FROM dr1.OBJECT) SELECT MAX(f) AS m, f + f AS s FROM q GROUP BY f", TABLES
    )
    assert [(c.name, c.unit) for c in columns.columns] == [("m", "nJy"), ("s", "nJy")]
    assert _names("SELECT OBJECTID FROM Object") == ["objectId"]


@pytest.mark.parametrize(
    ("query", "part", "fault"),
    [
        ("SELECT flx FROM Object", "flx", "did you mean flux"),
        ("SELECT a FROM Objekt", "Objekt", "did you mean"),
        ("SELECT objectId FROM Object, Source", "objectId", "write Object.objectId"),
        ("SELECT x.flux FROM Object o", "x.flux", "no table x"),
        ('SELECT "FLUX" FROM Object', '"FLUX"', "did you mean flux"),
        ("SELECT * FROM Object, Object", "Object", "two tables in FROM"),
        ("SELECT * FROM Object JOIN Source USING (mag)", "mag", "not on both sides"),
        ("SELECT flux FROM Object UNION SELECT mag, 1 FROM Source", "SELECT mag, 1 FROM Source", "UNION of 1"),
        ("SELECT flux FROM Object UNION SELECT mag FROM Source ORDER BY band", "band", "only output columns"),
        ("SELECT flux FROM Object ORDER BY 2", "2", "no output column 2"),
        ("SELECT DISTINCT flux FROM Object ORDER BY band", "band", "with DISTINCT"),
        ("SELECT CIRCLE(1, 2, 3) FROM Object", "CIRCLE(1, 2, 3)", "only points"),
        ("WITH q (a, b) AS (SELECT 1 AS x FROM Object) SELECT a FROM q", "a", "2 names for 1"),
    ],
)
def test_errors_point_at_the_name(query: str, part: str, fault: str) -> None:
    with pytest.raises(AdqlError, match=fault) as caught:
        check(query, TABLES)
    assert query[slice(*caught.value.at)] == part
