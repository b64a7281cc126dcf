"""What a query will need before it runs: checked tree, SQL, rows and bytes to read, and whether it is heavy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass

from uraniborg.catalog.adql import tree
from uraniborg.catalog.adql.check import CheckedQuery, check
from uraniborg.catalog.engine.duckdb_sql import Translation, translate
from uraniborg.catalog.engine.prune import Needed
from uraniborg.catalog.engine.sources import Size, Source
from uraniborg.catalog.schema import Table, Tables

__all__ = ("HEAVY_SECONDS", "Estimate", "Plan", "Planner", "column_names")

HEAVY_SECONDS = 1.0
"""Expected time [s] over which a query is heavy."""

# measured on one core of a laptop: decoding of Parquet, rows through a plan, and pairs of a join that compares all
_BYTES_A_SECOND = 1.5e8
_ROWS_A_SECOND = 2e7
_PAIRS_A_SECOND = 5e7


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a query is expected to cost.

    Parameters
    ----------
    rows, bytes : int
        Rows and (compressed) bytes that have to be read, at most.
    partitions : int
        Partitions of all tables together.
    seconds : float [s]
        Time on one core.
    """

    rows: int
    bytes: int
    partitions: int
    seconds: float

    @property
    def kind(self) -> str:
        """``interactive`` or ``heavy``."""
        return "heavy" if self.seconds > HEAVY_SECONDS else "interactive"


@dataclass(frozen=True, slots=True)
class Plan:
    """A query that is ready to run."""

    checked: CheckedQuery
    translation: Translation
    estimate: Estimate

    def limited(self, rows: int | None) -> str:
        """Return the SQL that gives at most one row more than so many."""
        sql = self.translation.sql
        return sql if rows is None else f"SELECT * FROM ({sql}) LIMIT {rows + 1}"


class Planner:
    """Makes plans of queries about some tables.

    Parameters
    ----------
    sources : iterable of Source
        The tables.
    """

    def __init__(self, sources: Iterable[Source]) -> None:
        self.sources = {source.table.full_name: source for source in sources}
        self.tables = Tables(source.table for source in self.sources.values())

    def plan(self, query: str) -> Plan:
        """Check and translate a query and say what it costs.

        Raises
        ------
        AdqlError
            If the query cannot be answered as written.
        """
        checked = check(query, self.tables)
        columns = column_names(checked.query)
        sizes: list[Size] = []

        def relation(table: Table, needed: Needed) -> tuple[str, int]:
            source = self.sources[table.full_name]
            located = source.locate(needed)
            sizes.append(source.size(located, columns))
            return source.relation(located), sizes[-1].rows

        translation = translate(checked, self.tables, relation)
        return Plan(checked, translation, _estimate(sizes, translation.compares_all))


def _estimate(sizes: list[Size], compares_all: bool) -> Estimate:
    rows, bytes_ = sum(size.rows for size in sizes), sum(size.bytes for size in sizes)
    seconds = bytes_ / _BYTES_A_SECOND + rows * max(1, len(sizes)) / _ROWS_A_SECOND
    if compares_all:
        pairs = 1.0
        for size in sizes:
            pairs *= max(size.rows, 1)
        seconds += pairs / _PAIRS_A_SECOND
    return Estimate(rows, bytes_, sum(size.partitions for size in sizes), seconds)


def column_names(node: object) -> frozenset[str]:
    """Return the names of all columns in a resolved query."""
    found: set[str] = set()
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, tree.ColumnRef):
            found.add(item.name.name)
        elif isinstance(item, tuple):
            stack += item
        elif is_dataclass(item):
            stack += [getattr(item, field.name) for field in fields(item) if field.name != "at"]
    return frozenset(found)
