"""Translation of a checked query to the SQL of DuckDB.

Text comes from the tree only, every name and string quoted anew, so nothing of the query's text reaches the engine.
Division never truncates; functions outside their domain give NULL; NULLs sort last.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from uraniborg.catalog.adql import tree
from uraniborg.catalog.adql.check import CheckedQuery
from uraniborg.catalog.adql.errors import AdqlError
from uraniborg.catalog.engine.geometry_sql import GeometrySql, Point
from uraniborg.catalog.engine.prune import Needed, contains_test, needed_rows
from uraniborg.catalog.engine.zone_joins import ZonePlanner
from uraniborg.catalog.schema import Table, Tables

__all__ = ("DuckDBTranslator", "Relations", "Translation", "translate")

_TEMPLATES = {
    "CEILING": "ceil({0})",
    "LOG": "(CASE WHEN {0} > 0 THEN ln({0}) END)",
    "LOG10": "(CASE WHEN {0} > 0 THEN log10({0}) END)",
    "SQRT": "(CASE WHEN {0} >= 0 THEN sqrt({0}) END)",
    "ACOS": "(CASE WHEN {0} BETWEEN -1 AND 1 THEN acos({0}) END)",
    "ASIN": "(CASE WHEN {0} BETWEEN -1 AND 1 THEN asin({0}) END)",
    "COT": "(CASE WHEN sin({0}) <> 0 THEN cos({0}) / sin({0}) END)",
    "MOD": "({0} % nullif({1}, 0))",
    "POWER": "pow({0}, {1})",
    "PI": "pi()",
}

_CASTS = {
    "SMALLINT": "SMALLINT", "INTEGER": "INTEGER", "BIGINT": "BIGINT", "REAL": "FLOAT", "DOUBLE PRECISION": "DOUBLE",
    "CHAR": "VARCHAR", "VARCHAR": "VARCHAR", "TIMESTAMP": "TIMESTAMP",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Translation:
    """SQL for the engine, the seed that RAND was given, and whether a join compares all pairs of rows."""

    sql: str
    seed: float | None
    compares_all: bool


type Relations = Callable[[Table, Needed], tuple[str, int]]


def translate(checked: CheckedQuery, tables: Tables, source: Relations) -> Translation:
    """Return the SQL of a checked query.

    Parameters
    ----------
    checked : CheckedQuery
        From `uraniborg.catalog.adql.check`.
    tables : Tables
        The same as in the check.
    source : callable
        Returns what stands in FROM for a table and about how many rows that has, given which of its rows are needed.
    """
    translator = DuckDBTranslator(checked.text, tables, source)
    return translator.translate(checked)


class DuckDBTranslator:
    """Walks a checked query; other engines change what they say otherwise.

    Parameters
    ----------
    text : str
        The query, for errors.
    tables : Tables
        The same as in the check.
    source : callable
        As in `translate`.
    """

    explode = "unnest(range({0}, ({1}) + 1))"
    casts: ClassVar[dict[str, str]] = _CASTS
    point = "[CAST({0} AS DOUBLE), CAST({1} AS DOUBLE)]"

    def __init__(self, text: str, tables: Tables, source: Relations) -> None:
        self._text = text
        self._tables = tables
        self._source = source
        self._geometry = GeometrySql(text, self.value)
        self._common: frozenset[str] = frozenset()
        self._zones = ZonePlanner(self._geometry, self.explode, self.name, self._rows_of)
        self._found: dict[int, tuple[str, int]] = {}
        self.seed: float | None = None

    def translate(self, checked: CheckedQuery) -> Translation:
        """Return the SQL of a checked query."""
        try:
            sql = self.query(checked.query, frozenset())
        except RecursionError:
            fault = "the query is nested too deep"
            raise AdqlError(fault, checked.text, (0, 1), hint="name parts with WITH") from None
        return Translation(sql, self.seed, self._zones.compares_all)

    def name(self, text: str) -> str:
        """Return a name in quotes."""
        return '"' + text.replace('"', '""') + '"'

    def text(self, value: str) -> str:
        """Return a text in quotes."""
        return "'" + value.replace("'", "''") + "'"

    def truncated(self, value: str) -> str:
        """Return SQL of a number without its fraction."""
        return f"trunc({value})"

    def random(self, seed: float | None) -> str:
        """Return SQL of a random number from 0 to 1."""
        self.seed = seed if seed is not None else self.seed
        return "random()"

    def query(self, query: tree.Query, common: frozenset[str]) -> str:
        """Return SQL of a query that can see some common tables."""
        before, self._common = self._common, self._common | common
        parts = []
        if query.with_:
            tables = []
            for item in query.with_:
                names = ", ".join(self.name(name.name) for name in item.columns)
                tables.append(f"{self.name(item.name.name)}({names}) AS ({self.query(item.query, frozenset())})")
                self._common |= {item.name.name}
            parts.append(f"WITH {', '.join(tables)}")
        if isinstance(query.body, tree.Select):
            parts.append(self._select(query.body))
        else:
            left, right = (self.query(side, frozenset()) for side in (query.body.left, query.body.right))
            every = " ALL" if query.body.keep_duplicates else ""
            parts.append(f"({left}) {query.body.operator}{every} ({right})")
        if query.order_by:
            parts.append(f"ORDER BY {', '.join(self._order(item) for item in query.order_by)}")
        if isinstance(query.body, tree.Select) and query.body.top is not None:
            parts.append(f"LIMIT {query.body.top}")
        if query.offset is not None:
            parts.append(f"OFFSET {query.offset}")
        self._common = before
        return " ".join(parts)

    def _order(self, item: tree.OrderItem) -> str:
        node = item.expression
        place = isinstance(node, tree.Literal) and isinstance(node.value, int)
        text = str(node.value) if place and isinstance(node, tree.Literal) else self.value(node)
        return f"{text} {'DESC' if item.descending else 'ASC'} NULLS LAST"

    def _select(self, select: tree.Select) -> str:
        source, more = "", []
        if select.source is not None:
            # sources first: they say which relations the conditions may be about
            source = self._from(select.source, select.where)
            more = self._zones.outer_conditions(select.source, select.where)
            if more:
                source = self._from(select.source, select.where)
        items = ", ".join(
            f"{self.value(item.expression)} AS {self.name(item.alias.name if item.alias else 'expression')}"
            for item in select.items
        )
        parts = [f"SELECT {'DISTINCT ' if select.distinct else ''}{items}"]
        if select.source is not None:
            parts.append(f"FROM {source}")
        conditions = [*([self.value(select.where)] if select.where is not None else []), *more]
        if conditions:
            parts.append(f"WHERE {' AND '.join(conditions)}")
        if select.group_by:
            parts.append(f"GROUP BY {', '.join(f'({self.value(item)})' for item in select.group_by)}")
        if select.having is not None:
            parts.append(f"HAVING {self.value(select.having)}")
        return " ".join(parts)

    def _rows_of(self, ref: tree.From, where: tree.Expression | None) -> int | None:
        """Return about how many rows of a table are needed; None if that is not known."""
        if isinstance(ref, tree.TableRef) and not self._is_common(ref):
            return self._table(ref, where)[1]
        return None

    def _is_common(self, ref: tree.TableRef) -> bool:
        return len(ref.name) == 1 and ref.name[0].name in self._common

    def _table(self, ref: tree.TableRef, where: tree.Expression | None) -> tuple[str, int]:
        """Return the SQL and the size of a table, asked for once."""
        if id(ref) not in self._found:
            table = self._tables.named(".".join(part.name for part in ref.name))
            needed = needed_rows(where, (ref.alias or ref.name[-1]).name, table, self._geometry)
            self._found[id(ref)] = self._source(table, needed)
        return self._found[id(ref)]

    def _from(self, source: tree.From, where: tree.Expression | None) -> str:
        match source:
            case tree.TableRef(name, alias):
                relation = self.name(name[0].name) if self._is_common(source) else self._table(source, where)[0]
                return self._zones.relation(relation, (alias or name[-1]).name, id(source))
            case tree.SubqueryRef(query, alias):
                return self._zones.relation(f"({self.query(query, frozenset())})", alias.name, id(source))
            case tree.Join():
                more = self._zones.join_conditions(source, where)
                left, right = self._from(source.left, where), self._from(source.right, where)
                if source.using:
                    names = ", ".join(self.name(name.name) for name in source.using)
                    return f"({left} {source.kind} JOIN {right} USING ({names}))"
                conditions = [*more, *([self.value(source.on)] if source.on is not None else [])]
                if conditions:
                    kind = "INNER" if source.kind == "CROSS" else source.kind
                    return f"({left} {kind} JOIN {right} ON {' AND '.join(conditions)})"
                return f"({left} CROSS JOIN {right})"

    def value(self, node: tree.Expression) -> str:
        """Return SQL of an expression, in parentheses where it could bind to its neighbours."""
        test = contains_test(node)
        if test is not None:
            relation = self._geometry.relation(test[0])
            return relation if test[1] else f"(NOT {relation})"
        match node:
            case tree.Literal(value):
                return self.text(value) if isinstance(value, str) else _literal(value)
            case tree.ColumnRef(name, table):
                return ".".join(self.name(part.name) for part in (*table, name))
            case tree.Star():
                return "*"
            case tree.Unary(operator, operand):
                return f"({operator} {self.value(operand)})"
            case tree.Binary(operator, left, right):
                return self._binary(operator, self.value(left), self.value(right))
            case tree.Call():
                return self._call(node)
            case tree.Case():
                return self._case(node)
            case tree.Cast(operand, type_, length):
                text = f"CAST({self.value(operand)} AS {self.casts[type_]})"
                return text if length is None else f"substring({text}, 1, {length})"
            case tree.ScalarQuery(query):
                return f"({self.query(query, frozenset())})"
            case tree.Exists(query):
                return f"EXISTS ({self.query(query, frozenset())})"
        return self._predicate(node)

    def _binary(self, operator: str, left: str, right: str) -> str:
        if operator == "/":
            return f"({left} / nullif({right}, 0))"
        return f"({left} {operator} {right})"

    def _predicate(self, node: tree.Expression) -> str:
        assert isinstance(node, tree.Between | tree.InList | tree.InQuery | tree.Like | tree.IsNull)
        inner, negation = self.value(node.operand), "NOT " if node.negated else ""
        match node:
            case tree.Between(_, low, high):
                return f"({inner} {negation}BETWEEN {self.value(low)} AND {self.value(high)})"
            case tree.InList(_, items):
                return f"({inner} {negation}IN ({', '.join(self.value(item) for item in items)}))"
            case tree.InQuery(_, query):
                return f"({inner} {negation}IN ({self.query(query, frozenset())}))"
            case tree.Like(_, pattern):
                return f"({inner} {negation}{'I' if node.any_case else ''}LIKE {self.value(pattern)})"
        return f"({inner} IS {negation}NULL)"

    def _rounded(self, name: str, arguments: list[str]) -> str:
        """Return SQL of ROUND or TRUNCATE to n decimal places; a negative n counts from the point to the left."""
        if len(arguments) == 1:
            return f"round({arguments[0]})" if name == "ROUND" else self.truncated(arguments[0])
        value, places = arguments
        if name == "ROUND":
            return f"round(CAST({value} AS DOUBLE), CAST({places} AS INTEGER))"
        return f"({self.truncated(f'({value} * pow(1e1, {places}))')} / pow(1e1, {places}))"

    def _case(self, node: tree.Case) -> str:
        operand = f" {self.value(node.operand)}" if node.operand is not None else ""
        branches = "".join(f" WHEN {self.value(when)} THEN {self.value(then)}" for when, then in node.branches)
        otherwise = f" ELSE {self.value(node.otherwise)}" if node.otherwise is not None else ""
        return f"(CASE{operand}{branches}{otherwise} END)"

    def _call(self, node: tree.Call) -> str:
        match node.name:
            case "CONTAINS" | "INTERSECTS":
                return f"CAST({self._geometry.relation(node)} AS INTEGER)"
            case "DISTANCE":
                return self._geometry.distance(node)
            case "AREA":
                return self._geometry.area(node)
            case "COORD1" | "COORD2":
                return self._geometry.coordinate(node)
            case "COORDSYS":
                return "'ICRS'"
            case "POINT" | "CENTROID":
                point = self._geometry.shape(node)
                assert isinstance(point, Point)
                return self.point.format(point.lon, point.lat)
        arguments = [self.value(item) for item in node.arguments]
        if node.name == "RAND":
            first = node.arguments[0] if node.arguments else None
            seed = float(str(first.value)) * 0.6180339887498949 if isinstance(first, tree.Literal) else None
            return self.random(None if seed is None else math.fmod(seed, 1.0))
        if node.name in ("ROUND", "TRUNCATE"):
            return self._rounded(node.name, arguments)
        if node.name in _TEMPLATES:
            return _TEMPLATES[node.name].format(*arguments)
        distinct = "DISTINCT " if node.distinct else ""
        return f"{node.name.lower()}({distinct}{', '.join(arguments)})"


def _literal(value: int | float | bool | None) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return str(value) if value >= 0 else f"({value})"
    number = float(value)
    if not math.isfinite(number):
        return "CAST('inf' AS DOUBLE)" if number > 0 else "CAST('-inf' AS DOUBLE)"
    text = repr(number)
    text = text if "e" in text else f"{text}e0"
    return text if number >= 0 else f"({text})"
