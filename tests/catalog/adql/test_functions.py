from __future__ import annotations

from uraniborg.catalog.adql.functions import AGGREGATES, FUNCTIONS, GEOMETRIES, REFUSED


def test_every_function_of_adql_is_known_once() -> None:
    wanted = [
        "ABS",
        "CEILING",
        "DEGREES",
        "EXP",
        "FLOOR",
        "LOG",
        "LOG10",
        "MOD",
        "PI",
        "POWER",
        "RADIANS",
        "RAND",
        "ROUND",
        "SQRT",
        "TRUNCATE",
        "ACOS",
        "ASIN",
        "ATAN",
        "ATAN2",
        "COS",
        "COT",
        "SIN",
        "TAN",
        "LOWER",
        "UPPER",
        "COALESCE",
        "IN_UNIT",
        "AREA",
        "BOX",
        "CENTROID",
        "CIRCLE",
        "CONTAINS",
        "COORD1",
        "COORD2",
        "COORDSYS",
        "DISTANCE",
        "INTERSECTS",
        "POINT",
        "POLYGON",
        "COUNT",
        "MIN",
        "MAX",
        "SUM",
        "AVG",
    ]
    assert set(FUNCTIONS) == set(wanted)
    assert not set(FUNCTIONS) & set(REFUSED)
    assert set(AGGREGATES) | set(GEOMETRIES) <= set(FUNCTIONS)
    assert all(item.fewest <= item.most for item in FUNCTIONS.values())
