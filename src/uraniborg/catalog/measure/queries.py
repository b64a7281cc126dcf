"""Queries with reference answers computed in plain Python: every engine has to give these."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from uraniborg.catalog.measure.reference import (
    BY_BAND,
    BY_ID,
    COUNTS,
    FLUXES,
    JOINED,
    OBJECTS,
    ORDERED,
    SOURCES,
    each,
    flux_of,
    maybe,
    pick,
    separation,
)

__all__ = ("BASIC", "BASIC_IN_ORDER")

BASIC: dict[str, list[tuple[Any, ...]]] = {
    "SELECT objectId FROM Object": pick("objectId"),
    "SELECT OBJECTID FROM DR.OBJECT": pick("objectId"),
    'SELECT "objectId" FROM dr."Object"': pick("objectId"),
    "SELECT * FROM Source": pick("sourceId", "objectId", "mag", rows=SOURCES),
    "SELECT o.objectId, o.flux FROM Object AS o": pick("objectId", "flux"),
    "SELECT objectId FROM Object WHERE flux > 50": pick("objectId", where=lambda r: flux_of(r) > 50),
    "SELECT objectId FROM Object WHERE NOT flux > 50": pick("objectId", where=lambda r: flux_of(r) <= 50),
    "SELECT objectId FROM Object WHERE flux <> 0": pick("objectId", where=lambda r: flux_of(r) == flux_of(r)),
    "SELECT objectId FROM Object WHERE flux IS NULL": pick("objectId", where=lambda r: r["flux"] is None),
    "SELECT objectId FROM Object WHERE name IS NOT NULL": pick("objectId", where=lambda r: r["name"]),
    "SELECT objectId FROM Object WHERE flux BETWEEN 10 AND 20": pick(
        "objectId", where=lambda r: 10 <= flux_of(r) <= 20
    ),
    "SELECT objectId FROM Object WHERE n NOT BETWEEN -1 AND 1": pick("objectId", where=lambda r: abs(r["n"]) > 1),
    "SELECT objectId FROM Object WHERE band IN ('u', 'r')": pick("objectId", where=lambda r: r["band"] in "ur"),
    "SELECT objectId FROM Object WHERE n NOT IN (1, 2, -3)": pick("objectId", where=lambda r: r["n"] not in (1, 2, -3)),
    "SELECT objectId FROM Object WHERE name LIKE 'Star 0%'": pick(
        "objectId", where=lambda r: (r["name"] or "").startswith("Star 0")
    ),
    "SELECT objectId FROM Object WHERE name LIKE 'Star _1'": pick(
        "objectId", where=lambda r: (r["name"] or "x").endswith("1")
    ),
    "SELECT objectId FROM Object WHERE name LIKE 'star%'": [],
    "SELECT objectId FROM Object WHERE name ILIKE 'sTAR 1%'": pick(
        "objectId", where=lambda r: (r["name"] or "").startswith("Star 1")
    ),
    "SELECT objectId FROM Object WHERE name NOT LIKE '%1'": pick(
        "objectId", where=lambda r: r["name"] and not r["name"].endswith("1")
    ),
    "SELECT objectId FROM Object WHERE good": pick("objectId", where=lambda r: r["good"]),
    "SELECT objectId FROM Object WHERE good = TRUE AND n > 0 OR n = -3": pick(
        "objectId", where=lambda r: (r["good"] and r["n"] > 0) or r["n"] == -3
    ),
    "SELECT objectId FROM Object WHERE objectId = 33": [(33,)],
    "SELECT objectId FROM Object WHERE objectId IN (33, 34, 36)": [(33,), (36,)],
    "SELECT objectId FROM Object WHERE objectId = 0x21": [(33,)],
    "SELECT n + 2 * n - 1 AS x FROM Object": each(lambda r: 3 * r["n"] - 1),
    "SELECT -n AS x FROM Object": each(lambda r: -r["n"]),
    "SELECT n / 2 AS x FROM Object": each(lambda r: r["n"] / 2),
    "SELECT flux / n AS x FROM Object": each(
        lambda r: None if r["flux"] is None or r["n"] == 0 else r["flux"] / r["n"]
    ),
    "SELECT ABS(n) AS x FROM Object": each(lambda r: abs(r["n"])),
    "SELECT SQRT(flux) AS x FROM Object": each(
        lambda r: maybe(lambda f: math.sqrt(f) if f >= 0 else None, r)  # type: ignore[arg-type,return-value]
    ),
    "SELECT LOG(ABS(flux) + 1) AS x FROM Object": each(lambda r: maybe(lambda f: math.log(abs(f) + 1), r)),
    "SELECT LOG10(100 + n) AS x FROM Object": each(lambda r: math.log10(100 + r["n"])),
    "SELECT LOG(n) AS x FROM Object": each(lambda r: math.log(r["n"]) if r["n"] > 0 else None),
    "SELECT EXP(n) AS x FROM Object": each(lambda r: math.exp(r["n"])),
    "SELECT POWER(n, 2) AS x FROM Object": each(lambda r: r["n"] ** 2),
    "SELECT MOD(n, 2) AS x FROM Object": each(lambda r: math.fmod(r["n"], 2)),
    "SELECT FLOOR(flux) AS x, CEILING(flux) AS y FROM Object": [
        (maybe(math.floor, r), maybe(math.ceil, r)) for r in OBJECTS
    ],
    "SELECT TRUNCATE(flux) AS x FROM Object": each(lambda r: maybe(math.trunc, r)),
    "SELECT TRUNCATE(flux, 1) AS x FROM Object": each(lambda r: maybe(lambda f: math.trunc(f * 10) / 10, r)),
    "SELECT ROUND(ra, 2) AS x FROM Object": each(lambda r: round(r["ra"], 2)),
    "SELECT SIN(RADIANS(dec)) AS x, COS(ra) AS y FROM Object": [
        (math.sin(math.radians(r["dec"])), math.cos(r["ra"])) for r in OBJECTS
    ],
    "SELECT ATAN2(dec, ra) AS x FROM Object": each(lambda r: math.atan2(r["dec"], r["ra"])),
    "SELECT DEGREES(ACOS(n)) AS x FROM Object": each(
        lambda r: math.degrees(math.acos(r["n"])) if abs(r["n"]) <= 1 else None
    ),
    "SELECT TAN(n) + COT(ra) AS x FROM Object": each(lambda r: math.tan(r["n"]) + 1 / math.tan(r["ra"])),
    "SELECT TOP 1 PI() AS x FROM Object": [(math.pi,)],
    "SELECT UPPER(name) AS x, LOWER(name) AS y FROM Object": [
        (r["name"] and r["name"].upper(), r["name"] and r["name"].lower()) for r in OBJECTS
    ],
    "SELECT name || '-' || band AS x FROM Object": each(lambda r: r["name"] and f"{r['name']}-{r['band']}"),
    "SELECT COALESCE(name, 'none') AS x FROM Object": each(lambda r: r["name"] or "none"),
    "SELECT COALESCE(flux, -1) AS x FROM Object": each(lambda r: -1 if r["flux"] is None else r["flux"]),
    "SELECT IN_UNIT(flux, 'uJy') AS x FROM Object": each(lambda r: maybe(lambda f: f * 1e-3, r)),
    "SELECT CASE WHEN n > 0 THEN 'up' WHEN n < 0 THEN 'down' END AS x FROM Object": each(
        lambda r: "up" if r["n"] > 0 else "down" if r["n"] < 0 else None
    ),
    "SELECT CASE band WHEN 'u' THEN 1 ELSE 0 END AS x FROM Object": each(lambda r: int(r["band"] == "u")),
    "SELECT CAST(n AS VARCHAR) || 'x' AS x FROM Object": each(lambda r: f"{r['n']}x"),
    "SELECT CAST(name AS CHAR(3)) AS x FROM Object": each(lambda r: r["name"] and r["name"][:3]),
    "SELECT CAST(CAST(n AS VARCHAR) AS DOUBLE PRECISION) AS x FROM Object": each(lambda r: float(r["n"])),
    "SELECT COUNT(*) FROM Object": [(400,)],
    "SELECT COUNT(flux), COUNT(DISTINCT band), COUNT(ALL n) FROM Object": [(len(FLUXES), 3, 400)],
    "SELECT SUM(n), MIN(flux), MAX(flux), AVG(flux) FROM Object": [
        (sum(r["n"] for r in OBJECTS), min(FLUXES), max(FLUXES), sum(FLUXES) / len(FLUXES))
    ],
    "SELECT SUM(flux) FROM Object WHERE n > 100": [(None,)],
    "SELECT band, COUNT(*) FROM Object GROUP BY band": [(b, len(rows)) for b, rows in BY_BAND.items()],
    "SELECT band, SUM(n) AS s FROM Object GROUP BY band HAVING SUM(n) > 0": [
        (b, sum(r["n"] for r in rows)) for b, rows in BY_BAND.items() if sum(r["n"] for r in rows) > 0
    ],
    "SELECT MOD(n, 2) + 1, COUNT(*) FROM Object GROUP BY MOD(n, 2) + 1": [
        *Counter(math.fmod(r["n"], 2) + 1 for r in OBJECTS).items()
    ],
    "SELECT DISTINCT band, good FROM Object": [*{(r["band"], r["good"]) for r in OBJECTS}],
    "SELECT n FROM Object WHERE n > 1 UNION SELECT n FROM Object WHERE n < -1": [(-3,), (-2,), (2,), (3,)],
    "SELECT n FROM Object UNION ALL SELECT n FROM Object": pick("n") * 2,
    "SELECT objectId FROM Object INTERSECT SELECT objectId FROM Source": [(i,) for i in BY_ID if COUNTS[i]],
    "SELECT objectId FROM Object EXCEPT SELECT objectId FROM Source": [(i,) for i in BY_ID if not COUNTS[i]],
    "SELECT sourceId, band, mag FROM Source JOIN Object USING (objectId)": JOINED,
    "SELECT sourceId, band, mag FROM Source NATURAL JOIN Object": JOINED,
    "SELECT s.sourceId, o.band, s.mag FROM Source s, Object o WHERE s.objectId = o.objectId": JOINED,
    "SELECT s.sourceId, o.band FROM Source s LEFT JOIN Object o ON s.objectId = o.objectId": [
        (s["sourceId"], BY_ID.get(s["objectId"], {}).get("band")) for s in SOURCES
    ],
    "SELECT o.objectId, s.sourceId FROM Source s RIGHT JOIN Object o ON s.objectId = o.objectId AND s.mag < 16": [
        (i, k)
        for i in BY_ID
        for k in [s["sourceId"] for s in SOURCES if s["objectId"] == i and s["mag"] < 16] or [None]
    ],
    "SELECT COUNT(*) FROM Source FULL OUTER JOIN Object USING (objectId)": [
        (len(SOURCES) + sum(not COUNTS[i] for i in BY_ID),)
    ],
    "SELECT COUNT(*) FROM Object a CROSS JOIN Object b WHERE a.n = b.n": [
        (sum(v * v for v in Counter(r["n"] for r in OBJECTS).values()),)
    ],
    "SELECT objectId FROM Object WHERE objectId IN (SELECT objectId FROM Source WHERE mag < 16)": [
        (i,) for i in BY_ID if i in {s["objectId"] for s in SOURCES if s["mag"] < 16}
    ],
    "SELECT objectId FROM Object o WHERE NOT EXISTS (SELECT 1 FROM Source s WHERE s.objectId = o.objectId)": [
        (i,) for i in BY_ID if not COUNTS[i]
    ],
    "SELECT objectId, (SELECT COUNT(*) FROM Source s WHERE s.objectId = o.objectId) AS k FROM Object o": [
        (i, COUNTS[i]) for i in BY_ID
    ],
    "SELECT objectId FROM Object WHERE flux = (SELECT MAX(flux) FROM Object)": [(ORDERED[0]["objectId"],)],
    "SELECT k, COUNT(*) FROM (SELECT COUNT(*) AS k FROM Source GROUP BY objectId) AS q GROUP BY k": [
        *Counter(COUNTS.values()).items()
    ],
    "WITH q AS (SELECT band, AVG(n) AS m FROM Object GROUP BY band), p (b) AS (SELECT band FROM q) SELECT b FROM p": [
        (b,) for b in BY_BAND
    ],
    "SELECT objectId FROM Object WHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 0, 0, 2))": pick(
        "objectId", where=lambda r: separation(r, 0, 0) <= 2
    ),
    "SELECT objectId FROM Object WHERE 0 = CONTAINS(POINT(ra, dec), CIRCLE(POINT(0, 0), 2))": pick(
        "objectId", where=lambda r: separation(r, 0, 0) > 2
    ),
    "SELECT objectId FROM Object WHERE DISTANCE(POINT(ra, dec), POINT(0, 90)) < 20": pick(
        "objectId", where=lambda r: separation(r, 0, 90) < 20
    ),
    "SELECT CONTAINS(POINT(ra, dec), CIRCLE(180, 0, 90)) AS x FROM Object": each(
        lambda r: int(separation(r, 180, 0) <= 90)
    ),
    "SELECT DISTANCE(ra, dec, 12.5, -7) AS x FROM Object": each(lambda r: separation(r, 12.5, -7)),
    "SELECT COORD1(POINT(ra, dec)) AS x, POINT(ra, dec) AS p FROM Object": [
        (r["ra"], [r["ra"], r["dec"]]) for r in OBJECTS
    ],
    "SELECT a.objectId, b.objectId AS c FROM Object a JOIN Object b"
    " ON 1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(b.ra, b.dec, 0.5))": [
        (a["objectId"], b["objectId"]) for a in OBJECTS for b in OBJECTS if separation(a, b["ra"], b["dec"]) <= 0.5
    ],
}

BASIC_IN_ORDER: dict[str, list[tuple[Any, ...]]] = {
    "SELECT TOP 5 objectId FROM Object ORDER BY flux DESC, objectId": [(r["objectId"],) for r in ORDERED[:5]],
    "SELECT TOP 5 objectId FROM Object ORDER BY flux DESC, objectId OFFSET 5": [
        (r["objectId"],) for r in ORDERED[5:10]
    ],
    "SELECT objectId AS k FROM Object ORDER BY k DESC OFFSET 390": [(3 * i,) for i in range(9, -1, -1)],
    "SELECT objectId, -objectId FROM Object WHERE objectId < 10 ORDER BY 2": [(9, -9), (6, -6), (3, -3), (0, 0)],
    "SELECT band, COUNT(*) AS k FROM Object WHERE n > 0 GROUP BY band ORDER BY COUNT(*), band": sorted(
        ((b, sum(r["n"] > 0 for r in rows)) for b, rows in BY_BAND.items()), key=lambda x: (x[1], x[0])
    ),
    "SELECT n FROM Object UNION SELECT 10 AS n FROM Object ORDER BY n DESC": [
        (k,) for k in (10, 3, 2, 1, 0, -1, -2, -3)
    ],
    "(SELECT TOP 2 objectId FROM Object ORDER BY objectId) UNION ALL"
    " (SELECT TOP 1 objectId FROM Object ORDER BY objectId DESC) ORDER BY objectId": [(0,), (3,), (1197,)],
    "SELECT TOP 0 objectId FROM Object": [],
}
