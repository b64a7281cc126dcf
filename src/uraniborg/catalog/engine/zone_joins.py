"""Decides which joins of a query become joins of cells, and which side is repeated."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from uraniborg.catalog.adql import tree
from uraniborg.catalog.engine.geometry_sql import GeometrySql
from uraniborg.catalog.engine.prune import terms_of_and
from uraniborg.catalog.engine.zones import Grid, Near, aliases_in, aliases_of, is_equality, near_terms

__all__ = ("ZonePlanner",)

_UNKNOWN_ROWS = 100_000


class ZonePlanner:
    """Remembers for one query which relations are repeated over cells.

    Parameters
    ----------
    geometry : GeometrySql
        Makes shapes of the calls.
    explode : str
        Template of the engine for rows of whole numbers.
    name : callable
        Quotes a name.
    rows : callable
        About how many rows a relation has, None if that is not known.
    """

    def __init__(
        self,
        geometry: GeometrySql,
        explode: str,
        name: Callable[[str], str],
        rows: Callable[[tree.From, tree.Expression | None], int | None],
    ) -> None:
        self._geometry = geometry
        self._explode = explode
        self._name = name
        self._rows = rows
        self._repeated: dict[int, tuple[Near, str]] = {}
        self._decided: dict[int, list[str]] = {}
        self.compares_all = False

    def relation(self, relation: str, alias: str, ref: int) -> str:
        """Return SQL of a relation in FROM under its name, repeated over cells if a join needs that."""
        shown = self._name(alias)
        if ref in self._repeated:
            near, column = self._repeated[ref]
            point = near.second
            relation = self._grid(near).touched(relation, shown, (point.lon, point.lat), self._name(column))
        return f"{relation} AS {shown}"

    def _grid(self, near: Near) -> Grid:
        return Grid(near.radius, self._explode)

    def _condition(self, near: Near, ref: tree.From) -> str:
        """Return SQL of the condition that the first position is in the cell of a repeated relation's row."""
        column = f"_zone_cell_{len(self._repeated)}"
        self._repeated[id(ref)] = (near, column)
        (alias,) = aliases_of(ref)
        own = self._grid(near).own(near.first.lon, near.first.lat)
        return f"({own} = {self._name(alias)}.{self._name(column)})"

    def join_conditions(self, join: tree.Join, where: tree.Expression | None) -> list[str]:
        """Return the conditions that make a join one of cells; note a join that compares all pairs."""
        if id(join) not in self._decided:
            self._decided[id(join)] = [] if join.using else self._decide(join, where)
        return self._decided[id(join)]

    def _decide(self, join: tree.Join, where: tree.Expression | None) -> list[str]:
        terms = [*terms_of_and(join.on), *(terms_of_and(where) if join.kind in ("INNER", "CROSS") else ())]
        left, right = aliases_of(join.left), aliases_of(join.right)
        if any(is_equality(term, left, right) for term in terms):
            return []
        sides = {"LEFT": ("right",), "RIGHT": ("left",), "FULL": ()}.get(join.kind, ("left", "right"))
        choices: list[tuple[float, int, Near, tree.From]] = []
        for near in near_terms(iter(terms), self._geometry):
            for one, side in ((near, "right"), (near.swapped(), "right"), (near, "left"), (near.swapped(), "left")):
                here, there = (right, left) if side == "right" else (left, right)
                ref = self._repeatable(one, getattr(join, side), here) if side in sides else None
                if ref is not None and _columns(one, first=True) <= there:
                    rows = self._rows(ref, where)
                    choices.append((_UNKNOWN_ROWS if rows is None else rows, len(choices), one, ref))
        if not choices:
            self.compares_all = True
            return []
        _, _, near, ref = min(choices, key=lambda item: item[:2])
        return [self._condition(near, ref)]

    def _repeatable(self, near: Near, side: tree.From, aliases: frozenset[str]) -> tree.From | None:
        """Return the one relation that the second position is of, if it may be repeated."""
        columns = _columns(near, first=False)
        if len(columns) != 1 or not columns <= aliases:
            return None
        (alias,) = columns
        ref = next((item for item in _inner_relations(side) if aliases_of(item) == {alias}), None)
        return None if ref is None or id(ref) in self._repeated else ref

    def outer_conditions(self, source: tree.From, where: tree.Expression | None) -> list[str]:
        """Return the conditions that tie a query inside another one to cells of the other one's rows."""
        here = aliases_of(source)
        for near in near_terms(terms_of_and(where), self._geometry):
            for one in (near, near.swapped()):
                columns = _columns(one, first=True)
                ref = self._repeatable(one, source, here)
                if ref is not None and columns and None not in columns and not columns & here:
                    return [self._condition(one, ref)]
        return []


def _columns(near: Near, *, first: bool) -> frozenset[str | None]:
    return aliases_in((near.first if first else near.second).nodes)


def _inner_relations(source: tree.From) -> Iterator[tree.From]:
    """Yield the relations whose rows may be repeated: those on no side of an outer join."""
    if not isinstance(source, tree.Join):
        yield source
    elif source.kind in ("INNER", "CROSS") and not source.using:
        yield from _inner_relations(source.left)
        yield from _inner_relations(source.right)
