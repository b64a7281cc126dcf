"""Which names are visible at a place of a query, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass, field

from uraniborg.catalog.adql.tree import Identifier
from uraniborg.catalog.schema import Column

__all__ = ("Found", "Relation", "Scope")


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or query in FROM, under the name that the rest of the query uses."""

    alias: Identifier
    columns: tuple[Column, ...]
    name: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Found:
    """A column and the relation it is in; merged columns of USING and NATURAL have no relation."""

    column: Column
    alias: str | None


@dataclass(slots=True)
class Scope:
    """Relations of one SELECT, the columns that joins have merged, and the scope around it."""

    relations: list[Relation] = field(default_factory=list)
    merged: dict[str, Column] = field(default_factory=dict)
    outer: Scope | None = None

    def qualified(self, table: tuple[Identifier, ...]) -> list[Relation]:
        """Return the relations that a name before a dot may mean; inner scopes come first."""
        here = [relation for relation in self.relations if _means(relation, table)]
        return here or (self.outer.qualified(table) if self.outer is not None else [])

    def find(self, name: Identifier, table: tuple[Identifier, ...]) -> list[Found]:
        """Return the columns that a name may mean; inner scopes come first."""
        if table:
            return [
                Found(column, relation.alias.name)
                for relation in self.qualified(table)
                for column in relation.columns
                if name.matches(column.name)
            ]
        merged = [Found(column, None) for column in self.merged.values() if name.matches(column.name)]
        here = merged or [
            Found(column, relation.alias.name)
            for relation in self.relations
            for column in relation.columns
            if name.matches(column.name)
        ]
        return here or (self.outer.find(name, table) if self.outer is not None else [])

    def names(self) -> list[str]:
        """Return the names of all visible columns, for suggestions."""
        here = [column.name for relation in self.relations for column in relation.columns]
        return here + (self.outer.names() if self.outer is not None else [])


def _means(relation: Relation, table: tuple[Identifier, ...]) -> bool:
    if len(table) == 1:
        wanted = table[0]
        if wanted.quoted or relation.alias.quoted:
            return wanted.name == relation.alias.name
        return wanted.name.lower() == relation.alias.name.lower()
    return len(table) == len(relation.name) and all(
        part.matches(name) for part, name in zip(table, relation.name, strict=True)
    )
