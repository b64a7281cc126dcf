"""The functions of ADQL 2.1: names, how many arguments, and what kind of values they take and give."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("AGGREGATES", "CAST_TYPES", "FUNCTIONS", "GEOMETRIES", "REFUSED", "Function")


@dataclass(frozen=True, slots=True)
class Function:
    """How a function is called.

    Kinds are ``number``, ``text``, ``geometry`` and ``any``; ``takes`` is the kind of every argument.
    """

    fewest: int
    most: int
    takes: str = "number"
    gives: str = "number"


_MANY = 10_000

AGGREGATES = {name: Function(1, 1, "any" if name in ("COUNT", "MIN", "MAX") else "number", "number") for name in (
    "COUNT", "MIN", "MAX", "SUM", "AVG"
)}  # fmt: skip
"""Functions over the rows of a group."""

GEOMETRIES = {
    "POINT": Function(2, 3, "any", "geometry"),
    "CIRCLE": Function(2, 4, "any", "geometry"),
    "BOX": Function(3, 5, "any", "geometry"),
    "POLYGON": Function(3, _MANY, "any", "geometry"),
    "CENTROID": Function(1, 1, "geometry", "geometry"),
}
"""Functions that give a geometry."""

FUNCTIONS = {
    **{name: Function(1, 1) for name in (
        "ABS", "CEILING", "DEGREES", "EXP", "FLOOR", "LOG", "LOG10", "RADIANS", "SQRT",
        "ACOS", "ASIN", "ATAN", "COS", "SIN", "TAN", "COT",
    )},
    "MOD": Function(2, 2),
    "POWER": Function(2, 2),
    "ATAN2": Function(2, 2),
    "PI": Function(0, 0),
    "RAND": Function(0, 1),
    "ROUND": Function(1, 2),
    "TRUNCATE": Function(1, 2),
    "LOWER": Function(1, 1, "text", "text"),
    "UPPER": Function(1, 1, "text", "text"),
    "COALESCE": Function(1, _MANY, "any", "any"),
    "IN_UNIT": Function(2, 2, "any", "number"),
    "CONTAINS": Function(2, 2, "geometry", "number"),
    "INTERSECTS": Function(2, 2, "geometry", "number"),
    "DISTANCE": Function(2, 4, "any", "number"),
    "AREA": Function(1, 1, "geometry", "number"),
    "COORD1": Function(1, 1, "geometry", "number"),
    "COORD2": Function(1, 1, "geometry", "number"),
    "COORDSYS": Function(1, 1, "geometry", "text"),
    **AGGREGATES,
    **GEOMETRIES,
}  # fmt: skip
"""Every function of ADQL 2.1 that is answered."""

REFUSED = {
    "REGION": "write the shape with CIRCLE, BOX or POLYGON",
    "LN": "the natural logarithm is LOG in ADQL",
    "SUBSTRING": "ADQL has LOWER, UPPER, LIKE, ILIKE and || for text",
    "CEIL": "write CEILING",
    "TRUNC": "write TRUNCATE",
    "POW": "write POWER",
    "RANDOM": "write RAND",
    "NVL": "write COALESCE",
    "IFNULL": "write COALESCE",
    "STDDEV": "write SQRT(AVG(x*x) - AVG(x)*AVG(x))",
    "NOW": "write the time as a number or a text",
}
"""Functions that ADQL or other languages have and that are not answered, with what to write instead."""

CAST_TYPES = ("SMALLINT", "INTEGER", "BIGINT", "REAL", "DOUBLE PRECISION", "CHAR", "VARCHAR", "TIMESTAMP")
"""Types that a value can be cast to."""
