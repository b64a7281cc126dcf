"""Partitions of the sky of nearly equal numbers of rows, and the rows near their borders."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import hpgeom
import numpy as np
from numpy.typing import NDArray

__all__ = ("COUNT_ORDER", "Partitions", "choose_partitions", "grow_partitions", "margin_order", "margin_rows")

COUNT_ORDER = 8
"""Order at which rows are counted; no partition is finer."""


@dataclass(frozen=True)
class Partitions:
    """HEALPix pixels (nested) that do not overlap, in the order of their ranges.

    Parameters
    ----------
    order, pixel : (n,) int
        Which pixels.
    """

    order: NDArray[np.int64]
    pixel: NDArray[np.int64]

    @cached_property
    def first(self) -> NDArray[np.int64]:
        """First index of order 29 in each."""
        return self.pixel << (2 * (29 - self.order))

    @cached_property
    def last(self) -> NDArray[np.int64]:
        """Index of order 29 after the last in each."""
        return (self.pixel + 1) << (2 * (29 - self.order))

    def containing(self, index: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the place of the partition of each index of order 29, -1 where there is none."""
        place = np.searchsorted(self.first, index, side="right") - 1
        inside = (place >= 0) & (index < self.last[np.maximum(place, 0)])
        return np.where(inside, place, -1)

    def overlapping(self, ranges: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the places of the partitions that share an index with any of the ranges, (n, 2)."""
        begin = np.searchsorted(self.last, ranges[:, 0], side="right")
        end = np.searchsorted(self.first, ranges[:, 1], side="left")
        return np.unique(np.concatenate([np.arange(a, b) for a, b in zip(begin, end, strict=True)] or [begin]))


def choose_partitions(counts: NDArray[np.int64], *, threshold: int) -> Partitions:
    """Return the largest pixels with at most so many rows.

    Parameters
    ----------
    counts : (12 * 4**8,) int
        Rows in each pixel of order `COUNT_ORDER`.
    threshold : int
        Most rows in a partition; a pixel of order `COUNT_ORDER` may hold more.
    """
    return _split(counts, Partitions(np.zeros(12, dtype=np.int64), np.arange(12, dtype=np.int64)), threshold, None)


def grow_partitions(
    old: Partitions, counts: NDArray[np.int64], changed: NDArray[np.int64], *, threshold: int
) -> Partitions:
    """Return the partitions after rows were added: changed ones are split where needed, new ones fill the gaps.

    Parameters
    ----------
    old : Partitions
        Before.
    counts : (12 * 4**8,) int
        Rows in each pixel of order `COUNT_ORDER`, in changed partitions and outside of all.
    changed : (m,) int
        Places of the partitions that get rows.
    threshold : int
        Most rows in a partition.
    """
    kept = np.setdiff1d(np.arange(len(old.order)), changed)
    pixels = np.arange(len(counts), dtype=np.int64) << (2 * (29 - COUNT_ORDER))
    outside = old.containing(pixels) < 0
    parts = [
        Partitions(old.order[kept], old.pixel[kept]),
        _split(np.where(outside, 0, counts), Partitions(old.order[changed], old.pixel[changed]), threshold, None),
        _split(
            np.where(outside, counts, 0),
            Partitions(np.zeros(12, dtype=np.int64), np.arange(12, dtype=np.int64)),
            threshold,
            old,
        ),
    ]
    return _sorted(np.concatenate([p.order for p in parts]), np.concatenate([p.pixel for p in parts]))


def _sorted(order: NDArray[np.int64], pixel: NDArray[np.int64]) -> Partitions:
    by_range = np.argsort(pixel << (2 * (29 - order)), kind="stable")
    return Partitions(order[by_range], pixel[by_range])


def _split(counts: NDArray[np.int64], start: Partitions, threshold: int, avoid: Partitions | None) -> Partitions:
    """Return the largest pixels inside some others with few enough rows, that share nothing with those to avoid."""
    orders, pixels = [], []
    levels = [counts]
    for _ in range(COUNT_ORDER):
        levels.append(levels[-1].reshape(-1, 4).sum(axis=1))
    levels.reverse()
    open_ = np.zeros(0, dtype=np.int64)
    for order, level in enumerate(levels):
        open_ = np.concatenate([open_, start.pixel[start.order == order]])
        rows = level[open_]
        free = np.ones(len(open_), dtype=bool)
        if avoid is not None:
            first = open_ << (2 * (29 - order))
            last = (open_ + 1) << (2 * (29 - order))
            free = np.searchsorted(avoid.last, first, side="right") == np.searchsorted(avoid.first, last, side="left")
        done = (((rows <= threshold) & free) | (order == COUNT_ORDER)) & (rows > 0)
        orders.append(np.full(int(done.sum()), order, dtype=np.int64))
        pixels.append(open_[done])
        rest = open_[~done & (rows > 0)]
        open_ = (rest[:, None] * 4 + np.arange(4)).ravel()
    return _sorted(np.concatenate(orders), np.concatenate(pixels))


def margin_order(threshold: float) -> int:
    """Return the finest order whose pixels are nowhere narrower than a threshold [arcsec]."""
    # the shortest distance across a pixel is over 0.5 of the root of its area
    return int(np.clip(math.floor(math.log2(0.5 * 58.632 * 3600 / threshold)), 0, 29))


def margin_rows(index: NDArray[np.int64], partitions: Partitions, *, order: int) -> NDArray[np.int64]:
    """Return which rows belong to the margins of which other partitions.

    Parameters
    ----------
    index : (n,) int
        Indices of order 29.
    partitions : Partitions
        Where the rows are.
    order : int
        A row belongs to the margin of a partition if its pixel of this order touches the partition, so the margin is
        at least as wide as such a pixel.

    Returns
    -------
    (m, 2) int
        Row and place of the partition.
    """
    own = partitions.containing(index)
    pixel = index >> (2 * (29 - order))
    deeper = 2 * np.maximum(order - partitions.order[own], 0)
    mask = (np.int64(1) << deeper) - 1
    even, odd = np.int64(0x5555555555555555), np.int64(0x2AAAAAAAAAAAAAAA)
    x, y = pixel & mask & even, pixel & mask & odd
    rows = np.flatnonzero((x == 0) | (y == 0) | (x == (mask & even)) | (y == (mask & odd)))
    if not rows.size:
        return np.zeros((0, 2), dtype=np.int64)
    different, inverse = np.unique(pixel[rows], return_inverse=True)
    around = np.asarray(hpgeom.neighbors(1 << order, different), dtype=np.int64)
    around = np.concatenate([around, different[:, None]], axis=1)  # partitions may be finer than this pixel
    shift = 2 * (29 - order)
    target = np.where(around >= 0, partitions.containing(np.maximum(around, 0) << shift), -1)
    finer = _finer(around, partitions, order)
    pairs = [np.stack([rows, target[inverse, k]], axis=1) for k in range(9)] + [
        np.stack([rows[inverse == d], np.full(int((inverse == d).sum()), p)], axis=1) for d, p in finer
    ]
    found = np.unique(np.concatenate(pairs), axis=0)
    keep: NDArray[np.int64] = found[(found[:, 1] >= 0) & (found[:, 1] != own[found[:, 0]])]
    return keep


def _finer(around: NDArray[np.int64], partitions: Partitions, order: int) -> list[tuple[int, int]]:
    """Return pairs of row of `around` and partition, for partitions finer than the pixels."""
    shift = 2 * (29 - order)
    pairs = []
    for place in np.flatnonzero(partitions.order > order):
        holder = int(partitions.first[place] >> shift)
        pairs += [(int(d), int(place)) for d in np.unique(np.nonzero(around == holder)[0])]
    return pairs
