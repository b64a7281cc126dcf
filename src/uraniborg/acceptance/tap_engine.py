"""What the engine of the catalogue promises by itself: right answers, joins, identifiers, polygons and scans."""

from __future__ import annotations

import math

from uraniborg.acceptance.tap_server import Catalogue
from uraniborg.catalog.engine import DuckDBEngine
from uraniborg.catalog.measure.patch import write_reference
from uraniborg.catalog.measure.speed import Timing, measure_near, measure_query, measure_reference_queries, true_pairs
from uraniborg.catalog.schema import Table
from uraniborg.catalog.storage import HatsSource, ParquetSource
from uraniborg.verify.metrics import Value

__all__ = ("measure_joins", "measure_queries", "measure_reference")

_POSITION = "coord_ra, coord_dec"
_RADIUS = 2.0 / 3600.0


def measure_reference() -> Value:
    """Count the queries of the reference suite that the engine answers wrongly."""
    number, wrong = measure_reference_queries()
    return Value(float(len(wrong)), f"{number} queries against answers of plain Python", {"wrong": dict(wrong)})


def _engine(catalogue: Catalogue) -> DuckDBEngine:
    reference = catalogue.folder.parent / "reference.parquet"
    if not reference.is_file():
        write_reference(reference, max(1000, catalogue.rows // 20), catalogue.rows)
    return DuckDBEngine(
        [HatsSource(catalogue.folder / "object", schema="release"), ParquetSource(reference, Table("ref", (), "list"))]
    )


def _told(timing: Timing, rows: str) -> str:
    return f"{rows}; wall clock {timing[0]:.3f} s, CPU {timing[1]:.3f} s on all cores"


def measure_queries(catalogue: Catalogue) -> dict[str, Value]:
    """Measure a row by its identifier [ms], a polygon [ms] and a scan of three columns [s]; each warm."""
    engine = _engine(catalogue)
    try:
        some = engine.query("SELECT TOP 1 objectId FROM release.Object").table["objectId"][0].as_py()
        found = {}
        for name, query, scale in (
            ("by_id", f"SELECT * FROM release.Object WHERE objectId = {some}", 1e3),
            (
                "polygon",
                "SELECT COUNT(*) AS n FROM release.Object WHERE CONTAINS(POINT(coord_ra, coord_dec), "
                "POLYGON(149.9, 2.1, 150.1, 2.1, 150.15, 2.25, 149.95, 2.3)) = 1",
                1e3,
            ),
            (
                "scan",
                "SELECT COUNT(*) AS n, AVG(g_psfFlux - r_psfFlux) AS m, MAX(i_psfFlux) AS x FROM release.Object",
                1,
            ),
        ):
            timing, table = measure_query(engine, query, repeat=7)
            found[name] = Value(
                scale * timing[0], _told(timing, f"{catalogue.rows} rows, {table.num_rows} in the answer")
            )
        return found
    finally:
        engine.close()


def measure_joins(catalogue: Catalogue, *, exact: bool) -> dict[str, Value]:
    """Measure near-neighbour joins of 2 arcsec [s]: a list a twentieth as long, and the table with itself.

    Parameters
    ----------
    catalogue : Catalogue
        The table.
    exact : bool
        Count the pairs with a KD-tree too; a wrong number leaves no value.
    """
    engine = _engine(catalogue)
    try:
        timing, pairs = measure_near(engine, ("list.ref", "release.Object"), ("ra, dec", _POSITION), _RADIUS)
        near = Value(timing[0], _told(timing, f"{pairs} pairs"), {"pairs": pairs})
        if exact:
            lists = ([catalogue.folder.parent / "reference.parquet"], catalogue.files)
            true = true_pairs(lists, (["ra", "dec"], _POSITION.split(", ")), _RADIUS)
            near = Value(near.value if true == pairs else math.nan, f"{near.note}; a KD-tree finds {true}")
        timing, pairs = measure_near(engine, ("release.Object", "release.Object"), (_POSITION, _POSITION), _RADIUS)
        return {"near": near, "self_join": Value(timing[0], _told(timing, f"{pairs} pairs"), {"pairs": pairs})}
    finally:
        engine.close()
