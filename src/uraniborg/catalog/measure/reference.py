"""Two small tables, and plain Python to compute from them what queries must answer."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

__all__ = ("OBJECTS", "SOURCES", "arrow_tables", "each", "differences", "flux_of", "maybe", "pick", "separation")

Row = dict[str, Any]


def _tables() -> tuple[list[Row], list[Row]]:
    rng = np.random.default_rng(11)
    lon = np.concatenate([rng.uniform(0, 360, 300), rng.normal(0, 2, 100) % 360])
    lat = np.concatenate([np.degrees(np.arcsin(rng.uniform(-1, 1, 300))), rng.normal(0, 2, 100)])
    objects = [
        {
            "objectId": i * 3,
            "ra": float(lon[i]),
            "dec": float(lat[i]),
            "flux": None if i % 17 == 0 else float(np.round(rng.normal(50, 40), 3)),
            "band": "ugr"[i % 3],
            "name": f"Star {i % 50:02d}" if i % 5 else None,
            "good": bool(i % 4),
            "n": i % 7 - 3,
        }
        for i in range(400)
    ]
    sources = [
        {"sourceId": k, "objectId": int(rng.integers(0, 410)) * 3, "mag": float(np.round(rng.uniform(15, 25), 3))}
        for k in range(900)
    ]
    return objects, sources


OBJECTS, SOURCES = _tables()


def separation(row: Row, lon: float, lat: float) -> float:
    """Return the separation [deg] of a row from a position [deg]."""
    a, d, b, e = map(math.radians, (row["ra"], row["dec"], lon, lat))
    h = math.sin((e - d) / 2) ** 2 + math.cos(d) * math.cos(e) * math.sin((b - a) / 2) ** 2
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(h))))


def pick(*names: str, where: Callable[[Row], Any] = lambda r: True, rows: list[Row] = OBJECTS) -> list[tuple[Any, ...]]:
    """Return some columns of the rows that fulfil a condition."""
    return [tuple(r[n] for n in names) for r in rows if where(r)]


def each(compute: Callable[[Row], Any]) -> list[tuple[Any, ...]]:
    """Return one value for each object."""
    return [(compute(r),) for r in OBJECTS]


def flux_of(r: Row) -> float:
    """Return the flux, NaN if there is none: no comparison with it holds."""
    return math.nan if r["flux"] is None else r["flux"]


def maybe(value: Callable[[float], float], r: Row) -> float | None:
    """Return a value of the flux, None if there is none."""
    return None if r["flux"] is None else value(r["flux"])


FLUXES = [r["flux"] for r in OBJECTS if r["flux"] is not None]
BY_BAND: dict[str, list[Row]] = defaultdict(list)
for _row in OBJECTS:
    BY_BAND[_row["band"]].append(_row)
BY_ID = {r["objectId"]: r for r in OBJECTS}
COUNTS = Counter(s["objectId"] for s in SOURCES)
JOINED = [(s["sourceId"], BY_ID[s["objectId"]]["band"], s["mag"]) for s in SOURCES if s["objectId"] in BY_ID]
ORDERED = sorted(
    (r for r in OBJECTS), key=lambda r: (-flux_of(r) if r["flux"] is not None else math.inf, r["objectId"])
)


def arrow_tables() -> tuple[pa.Table, pa.Table]:
    """Return the rows of both tables; the flux has a unit."""
    objects = pa.Table.from_pylist(OBJECTS)
    fields = [f.with_metadata({"unit": "nJy"}) if f.name == "flux" else f for f in objects.schema]
    return pa.Table.from_arrays(objects.columns, schema=pa.schema(fields)), pa.Table.from_pylist(SOURCES)


def _key(row: tuple[Any, ...]) -> list[tuple[bool, str, Any]]:
    key = []
    for value in row:
        kind = type(value).__name__ if isinstance(value, str | list) else ""
        plain = 0 if value is None else round(value, 6) if isinstance(value, float) else value
        key.append((value is None, kind, plain))
    return key


def _equal(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, list | tuple):
        return found is not None and len(found) == len(wanted) and all(map(_equal, found, wanted))
    if isinstance(wanted, float) and isinstance(found, int | float):
        return math.isclose(found, wanted, rel_tol=1e-9, abs_tol=1e-9)
    return bool(found == wanted) and (found is None) == (wanted is None)


def differences(table: pa.Table, wanted: list[tuple[Any, ...]], *, in_order: bool) -> str:
    """Return how an answer differs from what it should be; empty if it does not.

    Parameters
    ----------
    table : pyarrow.Table
        The answer.
    wanted : list of tuple
        Rows; numbers may differ by a part in 1e9.
    in_order : bool
        Whether the order counts.
    """
    found = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    if not in_order:
        found, wanted = sorted(found, key=_key), sorted(wanted, key=_key)
    if len(found) != len(wanted):
        return f"{len(found)} rows instead of {len(wanted)}"
    for a, b in zip(found, wanted, strict=True):
        if not _equal(a, b):
            return f"{a} instead of {b}"
    return ""
