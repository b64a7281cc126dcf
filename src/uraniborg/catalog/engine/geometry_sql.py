"""SQL of ADQL geometry: exact tests on the sphere, written with plain arithmetic that every engine has."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from uraniborg.catalog.adql import tree
from uraniborg.catalog.adql.errors import AdqlError
from uraniborg.catalog.engine.shapes import Polygon, box_corners, polygon, unit_vectors

__all__ = ("Circle", "GeometrySql", "Point", "constant")


@dataclass(frozen=True, slots=True)
class Point:
    """A position: SQL of both coordinates [deg], their values where constant, and the nodes they come from."""

    lon: str
    lat: str
    value: tuple[float, float] | None
    nodes: tuple[tree.Expression, tree.Expression]


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle: centre, SQL of the radius [deg], and its value where constant."""

    centre: Point
    radius: str
    value: float | None


def constant(node: tree.Expression) -> float | None:
    """Return the value of an expression made of numbers only, else None."""
    match node:
        case tree.Literal(value) if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        case tree.Unary("-", operand):
            inner = constant(operand)
            return None if inner is None else -inner
        case tree.Unary("+", operand):
            return constant(operand)
        case tree.Binary(operator, left, right) if operator in ("+", "-", "*", "/"):
            a, b = constant(left), constant(right)
            if a is None or b is None or (operator == "/" and b == 0):
                return None
            return {"+": a + b, "-": a - b, "*": a * b}[operator] if operator != "/" else a / b
    return None


class GeometrySql:
    """Makes SQL of shapes.

    Parameters
    ----------
    text : str
        The query, for errors.
    value : callable
        Returns the SQL of any expression that is not a shape.
    """

    def __init__(self, text: str, value: Callable[[tree.Expression], str]) -> None:
        self._text = text
        self._value = value

    def _fail(self, message: str, node: tree.Expression, hint: str = "") -> AdqlError:
        return AdqlError(message, self._text, node.at, hint=hint)

    def shape(self, node: tree.Expression) -> Point | Circle | Polygon:
        """Return the shape that an expression makes."""
        if not isinstance(node, tree.Call):
            raise self._fail("a shape is written with POINT, CIRCLE, BOX or POLYGON here", node)
        arguments = node.arguments
        if arguments and isinstance(arguments[0], tree.Literal) and isinstance(arguments[0].value, str):
            arguments = arguments[1:]
        if node.name == "POINT":
            return self._point(arguments[0], arguments[1])
        if node.name == "CENTROID":
            inner = self.shape(arguments[0])
            return inner if isinstance(inner, Point) else self._centre(inner, node)
        if node.name == "CIRCLE":
            centre, rest = self._centre_and_rest(arguments, 3)
            radius = constant(rest[0])
            if radius is not None and not 0 <= radius <= 180:
                raise self._fail(f"the radius {radius} deg is not between 0 and 180", rest[0])
            return Circle(centre, self._value(rest[0]), radius)
        return self._polygon(node, arguments)

    def _centre(self, shape: Circle | Polygon, node: tree.Call) -> Point:
        if isinstance(shape, Circle):
            return shape.centre
        raise self._fail("CENTROID is answered for circles and points", node, "take the centre as numbers")

    def _centre_and_rest(
        self, arguments: tuple[tree.Expression, ...], full: int
    ) -> tuple[Point, tuple[tree.Expression, ...]]:
        if len(arguments) == full:
            return self._point(arguments[0], arguments[1]), arguments[2:]
        shape = self.shape(arguments[0])
        if not isinstance(shape, Point):
            raise self._fail("this should be a POINT", arguments[0])
        return shape, arguments[1:]

    def _point(self, lon: tree.Expression, lat: tree.Expression) -> Point:
        a, d = constant(lon), constant(lat)
        if d is not None and not -90 <= d <= 90:
            raise self._fail(f"the latitude {d} deg is not between -90 and 90", lat, "POINT(longitude, latitude)")
        value = (a, d) if a is not None and d is not None else None
        return Point(self._value(lon), self._value(lat), value, (lon, lat))

    def _polygon(self, node: tree.Call, arguments: tuple[tree.Expression, ...]) -> Polygon:
        hint = f"{node.name} takes numbers here; with columns use CIRCLE or DISTANCE"
        if node.name == "BOX":
            centre, rest = self._centre_and_rest(arguments, 4)
            width, height = constant(rest[0]), constant(rest[1])
            if centre.value is None or width is None or height is None:
                raise self._fail("BOX with columns is not answered", node, hint)
            if not (0 < width < 180 and 0 < height < 180):
                raise self._fail(f"the sides {width} and {height} deg are not between 0 and 180", node)
            return polygon(box_corners(*centre.value, width, height))
        points: list[tuple[float, float]] = []
        if isinstance(arguments[0], tree.Call) and arguments[0].name in ("POINT", "CENTROID"):
            shapes = [self.shape(item) for item in arguments]
        else:
            shapes = [self._point(a, d) for a, d in zip(arguments[::2], arguments[1::2], strict=True)]
        for shape in shapes:
            if not isinstance(shape, Point) or shape.value is None:
                raise self._fail("POLYGON with columns is not answered", node, hint)
            points.append(shape.value)
        lonlat = np.array(points)
        try:
            return polygon(unit_vectors(lonlat[:, 0], lonlat[:, 1]))
        except ValueError as error:
            raise self._fail(f"POLYGON has {error}", node) from None

    def ends(self, node: tree.Call) -> tuple[Point, Point]:
        """Return the two points of DISTANCE."""
        if len(node.arguments) == 4:
            return self._point(*node.arguments[:2]), self._point(*node.arguments[2:])
        return self._as_point(node.arguments[0]), self._as_point(node.arguments[1])

    def distance(self, node: tree.Call) -> str:
        """Return SQL of DISTANCE [deg], by Vincenty's formula for a sphere: exact at all separations."""
        first, second = self.ends(node)
        dl = f"radians({second.lon} - {first.lon})"
        s1, c1 = f"sin(radians({first.lat}))", f"cos(radians({first.lat}))"
        s2, c2 = f"sin(radians({second.lat}))", f"cos(radians({second.lat}))"
        up = f"sqrt(pow({c2} * sin({dl}), 2) + pow({c1} * {s2} - {s1} * {c2} * cos({dl}), 2))"
        return f"degrees(atan2({up}, {s1} * {s2} + {c1} * {c2} * cos({dl})))"

    def _as_point(self, node: tree.Expression) -> Point:
        shape = self.shape(node)
        if not isinstance(shape, Point):
            raise self._fail("DISTANCE is between POINTs", node)
        return shape

    def coordinate(self, node: tree.Call) -> str:
        """Return SQL of COORD1 or COORD2."""
        shape = self.shape(node.arguments[0])
        if not isinstance(shape, Point):
            raise self._fail(f"{node.name} takes a POINT", node)
        return shape.lon if node.name == "COORD1" else shape.lat

    def area(self, node: tree.Call) -> str:
        """Return SQL of AREA [deg2]."""
        shape = self.shape(node.arguments[0])
        if isinstance(shape, Polygon):
            return f"{shape.area!r}e0" if "e" not in repr(shape.area) else repr(shape.area)
        if isinstance(shape, Point):
            return "0e0"
        return f"({4 * math.pi * (180 / math.pi) ** 2!r} * pow(sin(radians({shape.radius}) / 2), 2))"

    def relation(self, node: tree.Call) -> str:
        """Return SQL of the condition that CONTAINS or INTERSECTS stands for."""
        first, second = (self.shape(item) for item in node.arguments)
        if node.name == "INTERSECTS" and isinstance(second, Point):
            first, second = second, first
        if isinstance(first, Point):
            return self.inside(first, second, node)
        if isinstance(first, Circle) and isinstance(second, Circle):
            gap = self._separation(first.centre, second.centre)
            if node.name == "INTERSECTS":
                return f"({gap} <= {first.radius} + {second.radius})"
            return f"({gap} + {first.radius} <= {second.radius})"
        small = isinstance(second, Circle) and second.value is not None and second.value < 90
        if node.name == "CONTAINS" and isinstance(first, Polygon) and isinstance(second, Circle) and small:
            return f"({' AND '.join(self._in_circle(_fixed(v), second) for v in first.vertices)})"
        names = [getattr(item, "name", "shape") for item in node.arguments]
        hint = "answered are POINT with any shape, CIRCLE with CIRCLE, and POLYGON or BOX in a CIRCLE under 90 deg"
        raise self._fail(f"{node.name} of {names[0]} and {names[1]} is not answered", node, hint)

    def _separation(self, first: Point, second: Point) -> str:
        return f"(2 * degrees(asin(least(1, sqrt({_haversine(first, second)})))))"

    def _in_circle(self, point: Point, circle: Circle) -> str:
        return f"({_haversine(point, circle.centre)} <= pow(sin(radians({circle.radius}) / 2), 2))"

    def inside(self, point: Point, shape: Point | Circle | Polygon, node: tree.Call) -> str:
        """Return SQL of the condition that a point is in a shape; borders belong to it."""
        if isinstance(shape, Point):
            return f"({_haversine(point, shape)} = 0)"
        if isinstance(shape, Circle):
            return self._in_circle(point, shape)
        x = f"cos(radians({point.lat})) * cos(radians({point.lon}))"
        y = f"cos(radians({point.lat})) * sin(radians({point.lon}))"
        z = f"sin(radians({point.lat}))"
        if shape.convex:
            sides = (f"({a!r} * {x} + {b!r} * {y} + {c!r} * {z} >= -1e-15)" for a, b, c in shape.normals.tolist())
            return f"({' AND '.join(sides)})"
        terms = []
        vertices = shape.vertices.tolist()
        for (ax, ay, az), (bx, by, bz) in zip(vertices, vertices[1:] + vertices[:1], strict=True):
            side, after = f"({ay!r} * {x} - {ax!r} * {y})", f"({by!r} * {x} - {bx!r} * {y})"
            cx, cy, cz = (f"({a!r} * abs({after}) + {b!r} * abs({side}))" for a, b in ((ax, bx), (ay, by), (az, bz)))
            ahead = f"({cx} * {x} + {cy} * {y})"
            north = f"{cz} * pow(cos(radians({point.lat})), 2) > {z} * {ahead}"
            terms.append(f"CAST((({side} >= 0) <> ({after} >= 0)) AND {ahead} > 0 AND {north} AS INTEGER)")
        return f"((({' + '.join(terms)}) % 2) = {0 if shape.pole_inside else 1})"


def _haversine(first: Point, second: Point) -> str:
    """Return SQL of the squared sine of half the separation."""
    return (
        f"(pow(sin(radians({second.lat} - {first.lat}) / 2), 2) + cos(radians({first.lat}))"
        f" * cos(radians({second.lat})) * pow(sin(radians({second.lon} - {first.lon}) / 2), 2))"
    )


def _fixed(vector: np.ndarray) -> Point:
    lon, lat = math.degrees(math.atan2(vector[1], vector[0])), math.degrees(math.asin(vector[2]))
    zero = tree.Literal(0, (0, 0))
    return Point(f"({lon!r})", f"({lat!r})", (lon, lat), (zero, zero))
