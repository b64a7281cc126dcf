"""Ranges of HEALPix indices (order 29, nested) that hold a shape: a superset, so that an exact test must follow."""

from __future__ import annotations

import math

import hpgeom
import numpy as np
from numpy.typing import NDArray

from uraniborg.catalog.engine.shapes import Polygon

__all__ = ("MAX_ORDER", "circle_ranges", "healpix_index", "limit_ranges", "polygon_ranges")

MAX_ORDER = 29
_MOST = 24
_SLACK = 1e-7
_EVERYTHING = np.array([[0, 12 << 58]], dtype=np.int64)


def healpix_index(lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the HEALPix index, order 29, nested, of positions [deg]; longitudes may be outside 0 to 360.

    Raises
    ------
    ValueError
        If a position is not finite or a latitude is beyond a pole.
    """
    lon, lat = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
    if not (np.isfinite(lon).all() and (np.abs(lat) <= 90.0).all()):
        raise ValueError("positions must be finite, with latitudes from -90 to 90 deg")
    if not lon.size:
        return np.zeros(0, dtype=np.int64)
    return np.asarray(hpgeom.angle_to_pixel(1 << MAX_ORDER, np.mod(lon, 360.0), lat), dtype=np.int64)


def circle_ranges(lon: float, lat: float, radius: float) -> NDArray[np.int64]:
    """Return ranges, (n, 2), first included and last not, that hold a circle [deg]."""
    if radius > 60.0:
        return _EVERYTHING
    order = _order(radius)
    size = max(radius + _SLACK, 1e-6)
    found = hpgeom.query_circle(1 << order, lon % 360.0, lat, size, inclusive=True, return_pixel_ranges=True)
    return limit_ranges(_upgraded(found, order), most=_MOST)


def polygon_ranges(shape: Polygon) -> NDArray[np.int64]:
    """Return ranges that hold a polygon."""
    return circle_ranges(*shape.bounding_circle)


def limit_ranges(ranges: NDArray[np.int64], *, most: int) -> NDArray[np.int64]:
    """Return at most so many ranges, by closing the smallest gaps.

    Parameters
    ----------
    ranges : (n, 2) int
        Sorted, not overlapping.
    most : int
        Number wanted.
    """
    if len(ranges) <= most:
        return ranges
    gaps = ranges[1:, 0] - ranges[:-1, 1]
    cuts = np.sort(np.argsort(gaps, kind="stable")[len(gaps) - (most - 1) :])
    first = np.concatenate([[0], cuts + 1])
    last = np.concatenate([cuts, [len(ranges) - 1]])
    return np.stack([ranges[first, 0], ranges[last, 1]], axis=1)


def _order(radius: float) -> int:
    """Return the order whose pixels are about a third of a radius [deg]."""
    return int(np.clip(math.ceil(math.log2(58.6 / max(radius, 1e-6))) + 1, 0, 24))


def _upgraded(ranges: NDArray[np.int64], order: int) -> NDArray[np.int64]:
    shift = 2 * (MAX_ORDER - order)
    return np.asarray(ranges, dtype=np.int64).reshape(-1, 2) << shift
