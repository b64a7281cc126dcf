"""More queries with reference answers: whole families made from lists of values, each computed in plain Python."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from uraniborg.catalog.measure.queries import BASIC, BASIC_IN_ORDER
from uraniborg.catalog.measure.reference import OBJECTS, SOURCES, each, pick, separation

__all__ = ("IN_ORDER", "SUITE")

type Rows = list[tuple[Any, ...]]
type Row = dict[str, Any]

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _comparisons() -> dict[str, Rows]:
    made = {}
    for sign, function in _COMPARE.items():
        for column, value, text in (
            ("n", 1, "1"),
            ("flux", 42.5, "42.5"),
            ("band", "g", "'g'"),
            ("objectId", 600, "600"),
        ):
            rows = [(r["objectId"],) for r in OBJECTS if r[column] is not None and function(r[column], value)]
            made[f"SELECT objectId FROM Object WHERE {column} {sign} {text}"] = rows
        both = [(r["objectId"],) for r in OBJECTS if r["flux"] is not None and function(r["flux"], r["n"] * 20)]
        made[f"SELECT objectId FROM Object WHERE flux {sign} n * 20"] = both
    return made


_CIRCLES = [
    (0.0, 0.0, 1.0), (359.9, 0.5, 1.5), (-0.5, -0.5, 2.0), (360.0, 1.0, 0.8), (10.0, 90.0, 15.0), (200.0, -90.0, 25.0),
    (123.0, 45.0, 30.0), (300.0, -60.0, 60.0), (45.0, 10.0, 0.0), (180.0, 0.0, 120.0), (1.0, 2.0, 180.0),
    (725.0, 3.0, 6.0),
]  # fmt: skip


def _circles() -> dict[str, Rows]:
    made: dict[str, Rows] = {}
    for lon, lat, radius in _CIRCLES:
        circle = f"CIRCLE({lon}, {lat}, {radius})"
        inside = [(r["objectId"],) for r in OBJECTS if separation(r, lon, lat) <= radius]
        made[f"SELECT objectId FROM Object WHERE 1 = CONTAINS(POINT(ra, dec), {circle})"] = inside
        made[f"SELECT COUNT(*) FROM Object WHERE INTERSECTS({circle}, POINT(ra, dec)) = 1"] = [(len(inside),)]
        made[f"SELECT objectId FROM Object WHERE DISTANCE(ra, dec, {lon}, {lat}) > {radius}"] = [
            item for item in pick("objectId") if item not in set(inside)
        ]
    return made


def _vector(lon: float, lat: float) -> tuple[float, float, float]:
    a, d = math.radians(lon), math.radians(lat)
    return math.cos(d) * math.cos(a), math.cos(d) * math.sin(a), math.sin(d)


def _turned(point: tuple[float, ...], corners: list[tuple[float, float, float]]) -> bool:
    """Return whether the corners turn once around a point: the sum of the angles at which it sees the sides."""
    total = 0.0
    tangents = []
    for corner in corners:
        along = sum(p * c for p, c in zip(point, corner, strict=True))
        tangents.append(tuple(c - along * p for p, c in zip(point, corner, strict=True)))
    for u, v in zip(tangents, tangents[1:] + tangents[:1], strict=True):
        cross = (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])
        sine = sum(p * c for p, c in zip(point, cross, strict=True))
        total += math.atan2(sine, sum(a * b for a, b in zip(u, v, strict=True)))
    return abs(total) > math.pi


_POLYGONS = [
    [(358.0, -2.0), (2.0, -2.0), (2.0, 2.0), (358.0, 2.0)],
    [(358.0, 2.0), (2.0, 2.0), (2.0, -2.0), (358.0, -2.0)],
    [(10.0, 10.0), (60.0, 5.0), (40.0, 50.0)],
    [(0.0, 60.0), (90.0, 60.0), (180.0, 60.0), (270.0, 60.0)],
    [(350.0, -5.0), (10.0, -5.0), (0.0, 0.0), (10.0, 5.0), (350.0, 5.0)],
    [(100.0, -40.0), (160.0, -40.0), (160.0, 20.0), (130.0, -20.0), (100.0, 20.0)],
    [(0.0, -70.0), (120.0, -70.0), (240.0, -70.0)],
]


def _polygons() -> dict[str, Rows]:
    made = {}
    for corners in _POLYGONS:
        vectors = [_vector(*corner) for corner in corners]
        rows = [
            (r["objectId"],) for r in OBJECTS if _near_side(r, vectors) and _turned(_vector(r["ra"], r["dec"]), vectors)
        ]
        text = ", ".join(f"{lon}, {lat}" for lon, lat in corners)
        made[f"SELECT objectId FROM Object WHERE 1 = CONTAINS(POINT(ra, dec), POLYGON({text}))"] = rows
    return made


def _near_side(row: Row, vectors: list[tuple[float, float, float]]) -> bool:
    """Return whether a row is on the half of the sky that a polygon is on; the other half sees it turn, too."""
    point = _vector(row["ra"], row["dec"])
    return sum(p * sum(v[i] for v in vectors) for i, p in enumerate(point)) > 0


def _near_joins() -> dict[str, Rows]:
    made: dict[str, Rows] = {}
    for radius in (0.05, 0.3, 1.0, 4.0):
        near = {
            (a["objectId"], b["objectId"])
            for a in OBJECTS
            for b in OBJECTS
            if a["objectId"] < b["objectId"] and separation(a, b["ra"], b["dec"]) <= radius
        }
        apart = f"DISTANCE(a.ra, a.dec, b.ra, b.dec) <= {radius}"
        pair = "SELECT a.objectId, b.objectId AS c FROM Object a"
        made[f"{pair}, Object b WHERE {apart} AND a.objectId < b.objectId"] = [*near]
        inside = f"1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(b.ra, b.dec, {radius}))"
        made[f"{pair} JOIN Object b ON {inside} AND a.objectId < b.objectId"] = [*near]
        some = {i for i, _ in near}
        lonely = [(r["objectId"], None) for r in OBJECTS if r["objectId"] not in some]
        made[f"{pair} LEFT JOIN Object b ON {apart} AND a.objectId < b.objectId"] = [*near, *lonely]
        exists = f"EXISTS (SELECT 1 FROM Object b WHERE {apart} AND a.objectId < b.objectId)"
        made[f"SELECT a.objectId FROM Object a WHERE {exists}"] = [(i,) for i in some]
        made[f"SELECT a.objectId FROM Object a WHERE NOT {exists}"] = [(i,) for i, _ in lonely]
    return made


_FUNCTIONS: dict[str, Callable[[Row], float | None]] = {
    "ABS(dec)": lambda r: abs(r["dec"]),
    "CEILING(ra / 7)": lambda r: math.ceil(r["ra"] / 7),
    "FLOOR(-ra / 7)": lambda r: math.floor(-r["ra"] / 7),
    "DEGREES(n)": lambda r: math.degrees(r["n"]),
    "RADIANS(ra)": lambda r: math.radians(r["ra"]),
    "EXP(-ABS(dec) / 10)": lambda r: math.exp(-abs(r["dec"]) / 10),
    "LOG(ra)": lambda r: math.log(r["ra"]) if r["ra"] > 0 else None,
    "LOG10(n)": lambda r: math.log10(r["n"]) if r["n"] > 0 else None,
    "SQRT(n)": lambda r: math.sqrt(r["n"]) if r["n"] >= 0 else None,
    "POWER(ra, 0.5)": lambda r: r["ra"] ** 0.5,
    "ASIN(n / 3)": lambda r: math.asin(r["n"] / 3),
    "ATAN(dec)": lambda r: math.atan(r["dec"]),
    "ATAN2(n, -1)": lambda r: math.atan2(r["n"], -1),
    "SIN(ra) * SIN(ra) + COS(ra) * COS(ra)": lambda r: 1.0,
    "MOD(objectId, 7)": lambda r: r["objectId"] % 7,
    "MOD(-objectId, 7)": lambda r: -(r["objectId"] % 7),
    "MOD(n, 0)": lambda r: None,
    "objectId / 7": lambda r: r["objectId"] / 7,
    "7 / n": lambda r: 7 / r["n"] if r["n"] else None,
    "ROUND(dec)": lambda r: math.copysign(math.floor(abs(r["dec"]) + 0.5), r["dec"]),
    "ROUND(ra, -1)": lambda r: math.floor(r["ra"] / 10 + 0.5) * 10.0,
    "TRUNCATE(dec)": lambda r: math.trunc(r["dec"]),
    "COALESCE(flux, n, 0)": lambda r: r["n"] if r["flux"] is None else r["flux"],
    "CAST(ra AS REAL) - CAST(ra AS REAL)": lambda r: 0.0,
    "CAST(objectId AS DOUBLE PRECISION) / 4": lambda r: r["objectId"] / 4,
    "CASE WHEN flux IS NULL THEN -1 WHEN flux > 50 THEN flux ELSE n END": lambda r: (
        -1 if r["flux"] is None else r["flux"] if r["flux"] > 50 else r["n"]
    ),
    "DISTANCE(POINT(ra, dec), POINT(0, 90))": lambda r: 90 - r["dec"],
    "COORD2(POINT(ra, dec)) - dec": lambda r: 0.0,
    "AREA(CIRCLE(ra, dec, 1))": lambda r: 2 * math.pi * (1 - math.cos(math.radians(1))) * math.degrees(1) ** 2,
    "CONTAINS(CIRCLE(ra, dec, 1), CIRCLE(0, 0, 90))": lambda r: int(separation(r, 0, 0) + 1 <= 90),
}


def _functions() -> dict[str, Rows]:
    return {
        f"SELECT objectId, {text} AS x FROM Object": [(r["objectId"], f(r)) for r in OBJECTS]
        for text, f in _FUNCTIONS.items()
    }


def _groups() -> dict[str, Rows]:
    made: dict[str, Rows] = {}
    for keys in (("band",), ("n",), ("good",), ("band", "good"), ("name",)):
        groups: dict[tuple[Any, ...], list[Row]] = {}
        for row in OBJECTS:
            groups.setdefault(tuple(row[key] for key in keys), []).append(row)
        names = ", ".join(keys)
        rows: Rows = []
        for key, members in groups.items():
            fluxes = [r["flux"] for r in members if r["flux"] is not None]
            mean = sum(fluxes) / len(fluxes) if fluxes else None
            rows.append(
                (*key, len(members), len(fluxes), mean, min(r["ra"] for r in members), sum(r["n"] for r in members))
            )
        select = (
            f"SELECT {names}, COUNT(*) AS a, COUNT(flux) AS b, AVG(flux) AS c, MIN(ra) AS d, SUM(n) AS e FROM Object"
        )
        made[f"{select} GROUP BY {names}"] = rows
        made[f"SELECT {names} FROM Object GROUP BY {names} HAVING COUNT(*) > 60"] = [
            key for key, members in groups.items() if len(members) > 60
        ]
        made[f"SELECT COUNT(*) FROM (SELECT DISTINCT {names} FROM Object) AS q"] = [(len(groups),)]
    return made


def _texts() -> dict[str, Rows]:
    made: dict[str, Rows] = {}
    for pattern in ("Star%", "%5", "S_ar 1_", "%a%r%", "Star 07", "", "%", "star%"):
        shell = pattern.replace("%", "*").replace("_", "?")
        wanted = [(r["objectId"],) for r in OBJECTS if r["name"] is not None and fnmatchcase(r["name"], shell)]
        made[f"SELECT objectId FROM Object WHERE name LIKE '{pattern}'"] = wanted
        lower = shell.lower()
        others = [(r["objectId"],) for r in OBJECTS if r["name"] is None or not fnmatchcase(r["name"].lower(), lower)]
        made[f"SELECT objectId FROM Object WHERE name IS NULL OR name NOT ILIKE '{pattern}'"] = others
    made["SELECT 'it''s' || band AS x FROM Object"] = each(lambda r: f"it's{r['band']}")
    made["SELECT objectId FROM Object WHERE band || band = 'gg'"] = pick("objectId", where=lambda r: r["band"] == "g")
    made["SELECT MIN(name) AS a, MAX(band) AS b FROM Object"] = [(min(r["name"] for r in OBJECTS if r["name"]), "u")]
    return made


def _nulls() -> dict[str, Rows]:
    """Return queries in which unknown is neither true nor false."""
    known = {r["objectId"]: r["flux"] for r in OBJECTS if r["flux"] is not None}
    return {
        "SELECT objectId FROM Object WHERE flux = flux": [(i,) for i in known],
        "SELECT objectId FROM Object WHERE flux <> flux": [],
        "SELECT objectId FROM Object WHERE flux > 10 OR flux <= 10": [(i,) for i in known],
        "SELECT objectId FROM Object WHERE NOT (flux IS NULL)": [(i,) for i in known],
        "SELECT objectId FROM Object WHERE flux IN (NULL, 1)": [],
        "SELECT objectId FROM Object WHERE n NOT IN (1, NULL)": [],
        "SELECT objectId FROM Object WHERE flux NOT BETWEEN 0 AND 50": [
            (i,) for i, f in known.items() if not 0 <= f <= 50
        ],
        "SELECT COUNT(*) FROM Object WHERE flux + n IS NULL": [(len(OBJECTS) - len(known),)],
        "SELECT COUNT(*) FROM Object a JOIN Object b ON a.name = b.name": [
            (sum(1 for a in OBJECTS for b in OBJECTS if a["name"] is not None and a["name"] == b["name"]),)
        ],
        "SELECT name FROM Object UNION SELECT name FROM Object": [(x,) for x in {r["name"] for r in OBJECTS}],
        "SELECT name FROM Object INTERSECT SELECT name FROM Object WHERE name IS NULL": [(None,)],
    }


def _joins_of_sources() -> dict[str, Rows]:
    by_object: dict[int, list[Row]] = {r["objectId"]: [] for r in OBJECTS}
    for source in SOURCES:
        by_object.setdefault(source["objectId"], []).append(source)
    bright = {i for i, items in by_object.items() if any(s["mag"] < 17 for s in items)}
    known = {r["objectId"] for r in OBJECTS}
    mean = {i: sum(s["mag"] for s in items) / len(items) for i, items in by_object.items() if items and i in known}
    return {
        "SELECT o.objectId, AVG(s.mag) AS m FROM Object o JOIN Source s ON o.objectId = s.objectId"
        " GROUP BY o.objectId": [
            *mean.items()
        ],
        "SELECT o.objectId, COUNT(s.sourceId) AS k FROM Object o LEFT JOIN Source s ON o.objectId = s.objectId"
        " GROUP BY o.objectId": [(i, len(by_object[i])) for i in known],
        "WITH b AS (SELECT DISTINCT objectId FROM Source WHERE mag < 17) SELECT o.objectId FROM Object o JOIN b"
        " ON b.objectId = o.objectId": [(i,) for i in bright & known],
        "SELECT objectId FROM Object WHERE objectId NOT IN (SELECT objectId FROM Source WHERE mag < 17)": [
            (i,) for i in known - bright
        ],
        "SELECT s.sourceId FROM Source s WHERE s.mag > (SELECT AVG(t.mag) FROM Source t"
        " WHERE t.objectId = s.objectId)": [
            (s["sourceId"],)
            for items in by_object.values()
            for s in items
            if s["mag"] > sum(t["mag"] for t in items) / len(items) + 1e-12
        ],
        "SELECT COUNT(*) FROM Source s JOIN Object o USING (objectId) WHERE 1 = CONTAINS(POINT(o.ra, o.dec),"
        " CIRCLE(0, 0, 3))": [(sum(len(by_object[r["objectId"]]) for r in OBJECTS if separation(r, 0, 0) <= 3),)],
        "SELECT sourceId FROM Source UNION ALL SELECT objectId FROM Object": [
            *((s["sourceId"],) for s in SOURCES), *((i,) for i in known)
        ],
        "SELECT objectId FROM Source EXCEPT SELECT objectId FROM Object": [(i,) for i in by_object if i not in known],
    }  # fmt: skip


def _orders() -> dict[str, Rows]:
    made: dict[str, Rows] = {}
    for column in ("ra", "dec", "flux", "name"):
        for word, reverse in (("ASC", False), ("DESC", True)):
            some = sorted((r for r in OBJECTS if r[column] is not None), key=lambda r: r["objectId"])
            some.sort(key=operator.itemgetter(column), reverse=reverse)
            rows = [*some, *(r for r in OBJECTS if r[column] is None)]
            ids = [(r["objectId"],) for r in rows]
            made[f"SELECT objectId FROM Object ORDER BY {column} {word}, objectId"] = ids
            made[f"SELECT TOP 7 objectId FROM Object ORDER BY {column} {word}, objectId OFFSET 3"] = ids[3:10]
    return made


SUITE: dict[str, Rows] = {
    **BASIC,
    **_comparisons(),
    **_circles(),
    **_polygons(),
    **_near_joins(),
    **_functions(),
    **_groups(),
    **_texts(),
    **_nulls(),
    **_joins_of_sources(),
}
"""Queries whose rows may come in any order."""

IN_ORDER: dict[str, Rows] = {**BASIC_IN_ORDER, **_orders()}
"""Queries whose rows come in this order."""
