"""Joins of near neighbours as joins of equal cells: zones of declination cut into cells of right ascension.

A pair closer than r has one row in a cell that the circle of radius r around the other touches. One side is repeated
once for each cell that its circle touches, the other stays in its own cell, so every near pair meets in exactly one
cell; the exact test of the query then decides (after Gray, Nieto-Santisteban and Szalay 2006, MSR-TR-2006-52).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass

from uraniborg.catalog.adql import tree
from uraniborg.catalog.engine.geometry_sql import Circle, GeometrySql, Point, constant
from uraniborg.catalog.engine.prune import contains_test

__all__ = ("Grid", "Near", "aliases_in", "aliases_of", "is_equality", "near_terms")

_CELLS_A_ZONE = 1 << 24
_SMALLEST = 1.0 / 3600.0
_WIDTH = 4.0
_LARGEST = 10.0


@dataclass(frozen=True, slots=True)
class Near:
    """A condition that two positions are at most so far apart.

    Parameters
    ----------
    first, second : Point
        The positions, each of columns of one side.
    radius : float [deg]
        Largest separation; the condition itself may be narrower.
    """

    first: Point
    second: Point
    radius: float

    def swapped(self) -> Near:
        """Return the same condition, told from the other side."""
        return Near(self.second, self.first, self.radius)


@dataclass(frozen=True, slots=True)
class Grid:
    """SQL of the cells for one radius [deg], in the words that DuckDB and Spark share.

    Parameters
    ----------
    radius : float [deg]
        Largest separation.
    explode : str
        Template of the rows of whole numbers from {0} to {1}.
    """

    radius: float
    explode: str = "unnest(range({0}, ({1}) + 1))"

    @property
    def height(self) -> float:
        """Height of a zone [deg]."""
        return max(_SMALLEST, _WIDTH * self.radius)

    def _cells(self, zone: str) -> str:
        """Return SQL of the number of cells in a zone: none narrower than the height at either edge."""
        h = f"{self.height!r}e0" if "e" not in repr(self.height) else repr(self.height)
        edge = f"least(9e1, greatest(abs({zone} * {h} - 9e1), abs(({zone} + 1) * {h} - 9e1)))"
        return f"CAST(greatest(1e0, floor(cos(radians({edge})) * {360.0 / self.height!r})) AS BIGINT)"

    def own(self, lon: str, lat: str) -> str:
        """Return SQL of the cell that a position is in."""
        zone = f"CAST(floor(({lat} + 9e1) / {self.height!r}) AS BIGINT)"
        cells = self._cells(zone)
        turn = f"({lon} - 3.6e2 * floor({lon} / 3.6e2))"
        return f"({zone} * {_CELLS_A_ZONE} + least({cells} - 1, CAST(floor({turn} * {cells} / 3.6e2) AS BIGINT)))"

    def touched(self, relation: str, alias: str, position: tuple[str, str], column: str) -> str:
        """Return SQL of a relation whose rows are repeated for each cell that their circle touches.

        Parameters
        ----------
        relation : str
            SQL of the relation.
        alias : str
            Its name, quoted.
        position : tuple of (str, str)
            SQL of longitude and latitude [deg] of a row.
        column : str
            Name of the new column with the cell, quoted.
        """
        lon, lat = position
        r = f"{self.radius * (1 + 1e-9) + 1e-9!r}"
        low, high = (f"CAST(floor(({lat} {sign} {r} + 9e1) / {self.height!r}) AS BIGINT)" for sign in "-+")
        wide = (
            f"CASE WHEN abs({lat}) + {r} >= 8.9999e1 THEN 3.6e2 ELSE "
            f"1e-9 + degrees(asin(least(1e0, sin(radians({r})) / cos(radians({lat}))))) END"
        )
        zones = (
            f"SELECT {alias}.*, {lon} AS _zone_x, {wide} AS _zone_w, {self.explode.format(low, high)} AS _zone_z "
            f"FROM {relation} AS {alias} WHERE {lat} IS NOT NULL AND {lon} IS NOT NULL"
        )
        counted = f"SELECT _zone_1.*, {self._cells('_zone_z')} AS _zone_n FROM ({zones}) AS _zone_1"
        first = "CAST(floor((_zone_x - _zone_w) * _zone_n / 3.6e2) AS BIGINT)"
        last = f"least(CAST(floor((_zone_x + _zone_w) * _zone_n / 3.6e2) AS BIGINT), {first} + _zone_n - 1)"
        cells = f"SELECT _zone_2.*, {self.explode.format(first, last)} AS _zone_c FROM ({counted}) AS _zone_2"
        key = f"_zone_z * {_CELLS_A_ZONE} + ((_zone_c % _zone_n) + _zone_n) % _zone_n"
        return f"(SELECT _zone_3.*, {key} AS {column} FROM ({cells}) AS _zone_3)"


def aliases_of(source: tree.From) -> frozenset[str]:
    """Return the names of the relations in a part of FROM."""
    match source:
        case tree.TableRef(name, alias):
            return frozenset([(alias or name[-1]).name])
        case tree.SubqueryRef(_, alias):
            return frozenset([alias.name])
        case tree.Join(_, left, right):
            return aliases_of(left) | aliases_of(right)


def aliases_in(node: object) -> frozenset[str | None]:
    """Return the names of the relations whose columns an expression has; None for columns of no one relation."""
    found: set[str | None] = set()
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, tree.ColumnRef):
            found.add(item.table[0].name if item.table else None)
        elif isinstance(item, tree.Query):
            found.add(None)
        elif isinstance(item, tuple):
            stack += item
        elif is_dataclass(item):
            stack += [getattr(item, field.name) for field in fields(item) if field.name != "at"]
    return frozenset(found)


def near_terms(terms: Iterator[tree.Expression], geometry: GeometrySql) -> Iterator[Near]:
    """Yield the conditions among terms that hold two positions with columns together."""
    for term in terms:
        near = _near(term, geometry)
        if near is not None and 0 <= near.radius <= _LARGEST and near.first.value is None and near.second.value is None:
            yield near


def _near(term: tree.Expression, geometry: GeometrySql) -> Near | None:
    test = contains_test(term)
    if test is not None and test[1]:
        first, second = (geometry.shape(item) for item in test[0].arguments)
        if test[0].name == "INTERSECTS" and isinstance(second, Point):
            first, second = second, first
        if isinstance(first, Point) and isinstance(second, Circle) and second.value is not None:
            return Near(first, second.centre, second.value)
        if test[0].name == "CONTAINS" or not (isinstance(first, Circle) and isinstance(second, Circle)):
            return None
        if first.value is None or second.value is None:
            return None
        return Near(first.centre, second.centre, first.value + second.value)
    if isinstance(term, tree.Binary) and term.operator in ("<", "<=", ">", ">="):
        call, limit = (term.left, term.right) if term.operator in ("<", "<=") else (term.right, term.left)
        radius = constant(limit)
        if isinstance(call, tree.Call) and call.name == "DISTANCE" and radius is not None:
            first, second = geometry.ends(call)
            return Near(first, second, radius)
    return None


def is_equality(term: tree.Expression, left: frozenset[str], right: frozenset[str]) -> bool:
    """Return whether a condition says that something of one side equals something of the other."""
    if not (isinstance(term, tree.Binary) and term.operator == "="):
        return False
    first, second = aliases_in(term.left), aliases_in(term.right)
    return bool(first and second) and ((first <= left and second <= right) or (first <= right and second <= left))
