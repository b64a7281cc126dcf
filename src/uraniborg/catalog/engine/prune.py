"""What a condition says about where rows are: ranges of HEALPix indices and lists of identifiers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.catalog.adql import tree
from uraniborg.catalog.engine.geometry_sql import Circle, GeometrySql, Point, constant
from uraniborg.catalog.engine.ranges import circle_ranges, polygon_ranges
from uraniborg.catalog.engine.shapes import Polygon
from uraniborg.catalog.schema import Table

__all__ = ("Needed", "contains_test", "needed_rows", "terms_of_and")


@dataclass(frozen=True, slots=True)
class Needed:
    """Which rows of a table can matter: None means no restriction."""

    ranges: NDArray[np.int64] | None = None
    keys: tuple[int, ...] | None = None


def terms_of_and(node: tree.Expression | None) -> Iterator[tree.Expression]:
    """Yield the conditions that must all hold."""
    if isinstance(node, tree.Binary) and node.operator == "AND":
        yield from terms_of_and(node.left)
        yield from terms_of_and(node.right)
    elif node is not None:
        yield node


def contains_test(node: tree.Expression) -> tuple[tree.Call, bool] | None:
    """Return the CONTAINS or INTERSECTS of ``1 = CONTAINS(...)``, and whether it has to hold."""
    if isinstance(node, tree.Binary) and node.operator in ("=", "<>"):
        for call, other in ((node.left, node.right), (node.right, node.left)):
            if (
                isinstance(call, tree.Call)
                and call.name in ("CONTAINS", "INTERSECTS")
                and isinstance(other, tree.Literal)
                and other.value in (0, 1)
                and not isinstance(other.value, bool)
            ):
                return call, (other.value == 1) == (node.operator == "=")
    return None


def needed_rows(where: tree.Expression | None, alias: str, table: Table, geometry: GeometrySql) -> Needed:
    """Return which rows of one table in FROM can fulfil a condition.

    Parameters
    ----------
    where : Expression or None
        Resolved condition of WHERE.
    alias : str
        Name of the table in the query.
    table : Table
        What the table is.
    geometry : GeometrySql
        Makes shapes of the calls.
    """
    ranges: NDArray[np.int64] | None = None
    keys: tuple[int, ...] | None = None
    for term in terms_of_and(where):
        if table.position is not None and ranges is None:
            shape = _region(term, alias, table.position, geometry)
            if isinstance(shape, Circle) and shape.value is not None and shape.centre.value is not None:
                ranges = circle_ranges(*shape.centre.value, shape.value)
            elif isinstance(shape, Polygon):
                ranges = polygon_ranges(shape)
        if table.key is not None and keys is None:
            keys = _keys(term, alias, table.key)
    return Needed(ranges, keys)


def _region(
    term: tree.Expression, alias: str, position: tuple[str, str], geometry: GeometrySql
) -> Point | Circle | Polygon | None:
    """Return the constant shape that the positions of a table must be in."""
    test = contains_test(term)
    if test is not None and test[1]:
        first, second = test[0].arguments
        pairs = [(first, second)] + ([(second, first)] if test[0].name == "INTERSECTS" else [])
        for point, region in pairs:
            if _is_position(point, alias, position):
                return geometry.shape(region)
        return None
    if isinstance(term, tree.Binary) and term.operator in ("<", "<=", ">", ">="):
        call, limit = (term.left, term.right) if term.operator in ("<", "<=") else (term.right, term.left)
        radius = constant(limit)
        if isinstance(call, tree.Call) and call.name == "DISTANCE" and radius is not None and 0 <= radius <= 180:
            points = _points(call)
            for point, other in (points, points[::-1]):
                shape = geometry.shape(other)
                if _is_position(point, alias, position) and isinstance(shape, Point) and shape.value is not None:
                    return Circle(shape, repr(radius), radius)
    return None


def _points(call: tree.Call) -> tuple[tree.Expression, tree.Expression]:
    if len(call.arguments) == 2:
        return call.arguments[0], call.arguments[1]
    return tree.Call("POINT", call.arguments[:2], call.at), tree.Call("POINT", call.arguments[2:], call.at)


def _is_position(node: tree.Expression, alias: str, position: tuple[str, str]) -> bool:
    return (
        isinstance(node, tree.Call)
        and node.name == "POINT"
        and len(node.arguments) >= 2
        and all(
            isinstance(item, tree.ColumnRef) and item.name.name == name and _alias(item) == alias
            for item, name in zip(node.arguments[-2:], position, strict=True)
        )
    )


def _alias(ref: tree.ColumnRef) -> str:
    return ref.table[0].name if ref.table else ""


def _keys(term: tree.Expression, alias: str, key: str) -> tuple[int, ...] | None:
    """Return the identifiers that a condition asks for."""

    def is_key(node: tree.Expression) -> bool:
        return isinstance(node, tree.ColumnRef) and node.name.name == key and _alias(node) == alias

    def integer(node: tree.Expression) -> int | None:
        return node.value if isinstance(node, tree.Literal) and type(node.value) is int else None

    if isinstance(term, tree.Binary) and term.operator == "=":
        for column, value in ((term.left, term.right), (term.right, term.left)):
            if is_key(column) and (number := integer(value)) is not None:
                return (number,)
    if isinstance(term, tree.InList) and not term.negated and is_key(term.operand):
        values = [integer(item) for item in term.items]
        if all(value is not None for value in values):
            return tuple(value for value in values if value is not None)
    return None
