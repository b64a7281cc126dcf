from __future__ import annotations

from uraniborg.catalog.adql import tree
from uraniborg.catalog.adql.kinds import Typed, call_fault, comparison_fault, shape_fault

_NUMBER = Typed(tree.Literal(1, (0, 1)), "number")
_TEXT = Typed(tree.Literal("a", (0, 1)), "text")
_POINT = Typed(tree.Call("POINT", (), (0, 1)), "geometry")
_CIRCLE = Typed(tree.Call("CIRCLE", (), (0, 1)), "geometry")


def _call(name: str) -> tree.Call:
    return tree.Call(name, (), (0, 1))


def test_numbers_and_texts_do_not_compare() -> None:
    assert comparison_fault(_NUMBER, _TEXT)
    assert comparison_fault(_POINT, _NUMBER)
    assert not comparison_fault(_NUMBER, Typed(_TEXT.node, "any"))


def test_arguments_of_functions() -> None:
    assert call_fault(_call("SQRT"), (_TEXT,))
    assert call_fault(_call("LOWER"), (_NUMBER,))
    assert not call_fault(_call("CONTAINS"), (_POINT, _CIRCLE))
    assert call_fault(_call("CONTAINS"), (_POINT, _NUMBER))


def test_arguments_of_shapes() -> None:
    assert not shape_fault(_call("CIRCLE"), (_POINT, _NUMBER))
    assert shape_fault(_call("CIRCLE"), (_CIRCLE, _NUMBER))
    assert shape_fault(_call("CIRCLE"), (_NUMBER, _NUMBER))
    assert not shape_fault(_call("POLYGON"), (_NUMBER,) * 6)
    assert shape_fault(_call("POLYGON"), (_NUMBER,) * 7)
    assert not shape_fault(_call("POLYGON"), (_POINT,) * 3)
    assert not shape_fault(_call("CENTROID"), (_CIRCLE,))
    assert shape_fault(_call("DISTANCE"), (_POINT, _CIRCLE))
