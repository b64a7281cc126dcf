"""Polygons and boxes on the sphere: vertices, sides, area, and whether they are convex."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ("Polygon", "box_corners", "north_crossings", "polygon", "unit_vectors")


@dataclass(frozen=True, slots=True)
class Polygon:
    """A polygon of great-circle arcs; its inside is the smaller of the two parts of the sphere.

    Parameters
    ----------
    vertices : (n, 3) float
        Unit vectors, counter-clockwise as seen from outside if convex.
    convex : bool
        Whether the inside is where all sides' normals point to.
    pole_inside : bool
        Whether the North pole is inside.
    area : float [deg2]
        Of the inside.
    """

    vertices: NDArray[np.float64]
    convex: bool
    pole_inside: bool
    area: float

    @property
    def normals(self) -> NDArray[np.float64]:
        """Normals of the sides, (n, 3), not of unit length."""
        return np.cross(self.vertices, np.roll(self.vertices, -1, axis=0))

    @property
    def bounding_circle(self) -> tuple[float, float, float]:
        """Longitude, latitude and radius [deg] of a circle that holds the polygon."""
        centre = self.vertices.sum(axis=0)
        norm = float(np.linalg.norm(centre))
        if norm < 1e-6 * len(self.vertices):
            return 0.0, 0.0, 180.0
        centre = centre / norm
        radius = math.degrees(2 * math.asin(min(1.0, float(np.linalg.norm(self.vertices - centre, axis=1).max()) / 2)))
        lon = math.degrees(math.atan2(centre[1], centre[0])) % 360.0
        # a circle under 90 deg is convex, so with the vertices it holds the arcs between them
        return lon, math.degrees(math.asin(max(-1.0, min(1.0, centre[2])))), radius if radius < 89.0 else 180.0


def unit_vectors(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return unit vectors, (n, 3), of positions [deg]."""
    a, d = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(d) * np.cos(a), np.cos(d) * np.sin(a), np.sin(d)], axis=-1)


def box_corners(lon: float, lat: float, width: float, height: float) -> NDArray[np.float64]:
    """Return the corners of an ADQL BOX, (4, 3), counter-clockwise.

    The arms of a cross at the centre run along the great circles to the East and to the North; the sides are the
    great circles perpendicular to the arms at their ends (ADQL 2.1, section 4.2.9).

    Parameters
    ----------
    lon, lat : float [deg]
        Centre.
    width, height : float [deg]
        Whole lengths of the arms, over 0 and under 180.
    """
    a, d = math.radians(lon), math.radians(lat)
    centre = unit_vectors(np.array([lon]), np.array([lat]))[0]
    east = np.array([-math.sin(a), math.cos(a), 0.0])
    north = np.array([-math.sin(d) * math.cos(a), -math.sin(d) * math.sin(a), math.cos(d)])
    x, y = math.tan(math.radians(width) / 2), math.tan(math.radians(height) / 2)
    corners = np.array([centre - x * east - y * north, centre + x * east - y * north,
                        centre + x * east + y * north, centre - x * east + y * north])  # fmt: skip
    corners = corners / np.linalg.norm(corners, axis=1, keepdims=True)
    result: NDArray[np.float64] = corners
    return result


def polygon(vertices: NDArray[np.float64]) -> Polygon:
    """Return a polygon from unit vectors in either direction.

    Parameters
    ----------
    vertices : (n, 3) float
        Unit vectors; equal neighbours are dropped.

    Raises
    ------
    ValueError
        If fewer than three different vertices are left, or two neighbours are opposite each other.
    """
    keep = np.linalg.norm(vertices - np.roll(vertices, 1, axis=0), axis=1) > 1e-12
    points = np.asarray(vertices[keep], dtype=np.float64)
    if len(points) < 3:
        raise ValueError(f"{len(points)} different vertices, three or more are needed")
    if np.any(np.linalg.norm(points + np.roll(points, 1, axis=0), axis=1) < 1e-9):
        raise ValueError("two neighbouring vertices are opposite each other on the sky; put another one between them")
    area = _signed_area(points)
    if area > 2 * math.pi:
        points, area = points[::-1].copy(), 4 * math.pi - area
    turns = _turns(points)
    normals = np.cross(points, np.roll(points, -1, axis=0))
    convex = bool((turns > 0).all()) and bool((normals @ points.T > -1e-12).all())
    crossings = _pole_crossings(points)
    return Polygon(points, convex, crossings, math.degrees(math.degrees(area)))


def _turns(points: NDArray[np.float64]) -> NDArray[np.float64]:
    before, after = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
    result: NDArray[np.float64] = np.einsum("ij,ij->i", np.cross(before, points), after)
    return result


def _signed_area(points: NDArray[np.float64]) -> float:
    """Return the area [sr] to the left of the sides: the sum of interior angles minus (n - 2) pi."""
    before, after = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
    total = 0.0
    for p, b, a in zip(points, before, after, strict=True):
        to_before, to_after = np.cross(np.cross(p, b), p), np.cross(np.cross(p, a), p)
        angle = math.atan2(float(np.cross(to_after, to_before) @ p), float(to_after @ to_before))
        total += angle % (2 * math.pi)
    return total - (len(points) - 2) * math.pi


def _pole_crossings(points: NDArray[np.float64]) -> bool:
    """Return whether the North pole is inside a polygon whose inside is to its left.

    The inside is to the left of the sides, so the side that is first met when going North from just left of the
    middle of a side decides by parity.
    """
    middle = points[0] + points[1]
    left = np.cross(points[0], points[1])
    start = middle / np.linalg.norm(middle) + 1e-7 * left / np.linalg.norm(left)
    return bool(north_crossings(start / np.linalg.norm(start), points) % 2 == 0)


def north_crossings(point: NDArray[np.float64], points: NDArray[np.float64]) -> int:
    """Return how many sides cross the meridian of a point between the point and the North pole."""
    following = np.roll(points, -1, axis=0)
    side = points[:, 1] * point[0] - points[:, 0] * point[1]
    after = following[:, 1] * point[0] - following[:, 0] * point[1]
    met = (side >= 0) != (after >= 0)
    cut = points * np.abs(after)[:, None] + following * np.abs(side)[:, None]
    ahead = cut[:, 0] * point[0] + cut[:, 1] * point[1]
    square = point[0] ** 2 + point[1] ** 2
    return int((met & (ahead > 0) & (cut[:, 2] * square > point[2] * ahead)).sum())
