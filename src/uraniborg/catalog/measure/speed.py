"""The promises of the engine, measured: joins of neighbours against a KD-tree, scans, aggregates, the query suite."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from uraniborg.catalog.engine.duckdb import DuckDBEngine
from uraniborg.catalog.engine.sources import ArrowSource
from uraniborg.catalog.measure.more_queries import IN_ORDER, SUITE
from uraniborg.catalog.measure.patch import near_pairs
from uraniborg.catalog.measure.reference import arrow_tables, differences
from uraniborg.catalog.schema import Table

__all__ = ("Timing", "measure_near", "measure_query", "measure_reference_queries", "true_pairs", "wrong_answers")

type Timing = tuple[float, float]
"""Wall clock and CPU of this process [s]."""

_NEAR = "SELECT COUNT(*) AS n FROM {a} a JOIN {b} b ON DISTANCE({left}, {right}) < {radius!r}"


def measure_query(engine: DuckDBEngine, query: str, *, repeat: int = 3) -> tuple[Timing, pa.Table]:
    """Return the shortest times of a query, each on its own, and its answer.

    Parameters
    ----------
    engine : DuckDBEngine
        Who answers.
    query : str
        ADQL.
    repeat : int
        How often.
    """
    wall, cpu = [], []
    table = pa.table({})
    for _ in range(repeat):
        start, used = time.perf_counter(), time.process_time()
        table = engine.query(query).table
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - used)
    return (min(wall), min(cpu)), table


def measure_near(
    engine: DuckDBEngine, tables: tuple[str, str], columns: tuple[str, str], radius: float
) -> tuple[Timing, int]:
    """Return the times of a near-neighbour join, and how many pairs it found.

    Parameters
    ----------
    engine : DuckDBEngine
        Who answers.
    tables : tuple of (str, str)
        Names in queries.
    columns : tuple of (str, str)
        Positions of each, such as ``"ra, dec"``.
    radius : float [deg]
        Largest separation.
    """
    left, right = (
        ", ".join(f"{a}.{c.strip()}" for c in text.split(",")) for a, text in zip("ab", columns, strict=True)
    )
    query = _NEAR.format(a=tables[0], b=tables[1], left=left, right=right, radius=radius)
    timing, table = measure_query(engine, query, repeat=1)
    return timing, int(table["n"][0].as_py())


def true_pairs(files: tuple[list[Path], list[Path]], columns: tuple[list[str], list[str]], radius: float) -> int:
    """Return how many pairs a KD-tree finds among the rows of files, at most a radius [deg] apart."""
    first, second = (
        pa.concat_tables([pq.read_table(file, columns=names, partitioning=None) for file in some])
        for some, names in zip(files, columns, strict=True)
    )
    return near_pairs(first, second, radius)


def wrong_answers(ask: Callable[[str], pa.Table]) -> dict[str, str]:
    """Return the queries of the suite that an engine answers wrongly, and how.

    Parameters
    ----------
    ask : callable
        Answers a query; an exception is a wrong answer.
    """
    wrong = {}
    for queries, in_order in ((SUITE, False), (IN_ORDER, True)):
        for query, wanted in queries.items():
            try:
                fault = differences(ask(query), wanted, in_order=in_order)
            except Exception as error:  # any fault of any engine is a wrong answer
                fault = f"{type(error).__name__}: {error}"
            if fault:
                wrong[query] = fault
    return wrong


def measure_reference_queries() -> tuple[int, dict[str, str]]:
    """Return how many queries the suite has, and the wrong answers of the embedded engine."""
    objects, sources = arrow_tables()
    engine = DuckDBEngine(
        [
            ArrowSource(objects, Table("Object", (), "dr", ("ra", "dec"), None, "objectId")),
            ArrowSource(sources, Table("Source", (), "dr", None, None, "sourceId")),
        ],
        threads=1,
    )
    try:
        return len(SUITE) + len(IN_ORDER), wrong_answers(lambda query: engine.query(query).table)
    finally:
        engine.close()
