from __future__ import annotations

from uraniborg.catalog.adql.scope import Relation, Scope
from uraniborg.catalog.adql.tree import Identifier
from uraniborg.catalog.schema import Column


def _name(text: str) -> Identifier:
    return Identifier(text, (0, 1))


def test_inner_names_hide_outer_ones() -> None:
    outer = Scope([Relation(_name("o"), (Column("a", unit="m"), Column("b")))])
    inner = Scope([Relation(_name("i"), (Column("a", unit="s"),))], outer=outer)
    assert [f.column.unit for f in inner.find(_name("A"), ())] == ["s"]
    assert [f.alias for f in inner.find(_name("b"), ())] == ["o"]
    assert [f.column.unit for f in inner.find(_name("a"), (_name("O"),))] == ["m"]
    assert inner.find(_name("c"), ()) == []
    assert inner.names() == ["a", "a", "b"]


def test_a_merged_column_is_found_once() -> None:
    column = Column("k")
    scope = Scope([Relation(_name("x"), (column,)), Relation(_name("y"), (column,))], {"k": column})
    assert [f.alias for f in scope.find(_name("k"), ())] == [None]
    assert [f.alias for f in scope.find(_name("k"), (_name("y"),))] == ["y"]
