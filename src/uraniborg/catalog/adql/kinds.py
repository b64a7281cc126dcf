"""What kind of value an expression gives, and which kinds go together."""

from __future__ import annotations

from dataclasses import dataclass

from uraniborg.catalog.adql import tree
from uraniborg.catalog.adql.functions import AGGREGATES, FUNCTIONS, GEOMETRIES

__all__ = ("Typed", "call_fault", "comparison_fault", "shape_fault")


@dataclass(frozen=True, slots=True)
class Typed:
    """An expression whose names are resolved, with the kind and the unit of its value."""

    node: tree.Expression
    kind: str = "any"
    unit: str = ""


def comparison_fault(left: Typed, right: Typed) -> str:
    """Return what is wrong in comparing two values, or an empty string."""
    kinds = {left.kind, right.kind}
    if "geometry" in kinds:
        return "shapes cannot be compared with = or <; CONTAINS, INTERSECTS and DISTANCE relate shapes"
    if kinds == {"number", "text"} or kinds == {"truth", "text"}:
        return f"a {left.kind} cannot be compared with a {right.kind}; numbers stand without quotes, or write CAST"
    return ""


def call_fault(call: tree.Call, arguments: tuple[Typed, ...]) -> str:
    """Return what is wrong with the arguments of a function, or an empty string."""
    if call.name in GEOMETRIES or call.name == "DISTANCE":
        return shape_fault(call, arguments)
    wanted = FUNCTIONS[call.name].takes
    for argument in arguments:
        if wanted == "any":
            fits = argument.kind != "geometry" or call.name == "COUNT"
        else:
            fits = argument.kind in (wanted, "any") and not (wanted == "geometry" and argument.kind == "any")
            if call.name in AGGREGATES and argument.kind == "truth":
                fits = False
        if not fits:
            return f"{call.name} takes a {wanted}, this is a {argument.kind}"
    return ""


_SHAPES = {
    "POINT": ("nn",),
    "CIRCLE": ("nnn", "gn"),
    "BOX": ("nnnn", "gnn"),
    "DISTANCE": ("gg", "nnnn"),
    "CENTROID": ("g",),
}


def shape_fault(call: tree.Call, arguments: tuple[Typed, ...]) -> str:
    """Return what is wrong with the arguments of a shape; a frame as first argument is gone by now."""
    letters = "".join({"geometry": "g", "number": "n", "any": "n"}.get(item.kind, "t") for item in arguments)
    if call.name == "POLYGON":
        points = len(letters) if set(letters) == {"g"} else len(letters) / 2 if set(letters) == {"n"} else 0
        if points < 3 or points != int(points):
            return "POLYGON takes three or more pairs of longitude and latitude [deg], or as many POINTs"
    elif letters not in _SHAPES[call.name]:
        forms = {"n": "number", "g": "geometry"}
        ways = " or ".join(f"{call.name}({', '.join(forms[letter] for letter in way)})" for way in _SHAPES[call.name])
        return f"{call.name} is written {ways}, angles in degrees"
    wanted = "CIRCLE" if call.name == "CENTROID" else "POINT"
    fitting = ("POINT", "CENTROID") if wanted == "POINT" else ("CIRCLE", "POINT", "CENTROID")
    for argument in arguments:
        name = argument.node.name if isinstance(argument.node, tree.Call) else ""
        if argument.kind == "geometry" and name not in fitting:
            return f"{call.name} takes a {wanted}, this is a {name or 'geometry'}"
    return ""
