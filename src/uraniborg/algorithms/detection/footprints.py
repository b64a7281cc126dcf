"""Regions of detected pixels as runs along rows, with the peaks inside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from uraniborg.core.errors import UserError

__all__ = ("Footprints", "assemble_footprints", "footprint_bits", "join_footprints", "label_mask", "merge_footprints")

type Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Footprints:
    """Connected regions, numbered from 0; a run covers the pixels x0..x1 of row y, both ends included.

    Attributes
    ----------
    shape : pair of int
        (ny, nx) of the image.
    span_y, span_x0, span_x1, span_footprint : (n_spans,) int32 [pixel]
        Runs, ordered by footprint, then row.
    sign : (n_footprints,) int8
        +1 or -1: whether the footprint is of positive or negative significance.
    area : (n_footprints,) int32 [pixel]
        Number of pixels.
    peak_x, peak_y, peak_footprint : (n_peaks,) int32 [pixel]
        Peaks, ordered by footprint, then by falling significance; each footprint has one at least.
    peak_value : (n_peaks,) float32
        Significance at the peak, negative in negative footprints.
    peak_offset : (n_peaks, 2) float32 [pixel]
        x and y of the top of the peak from the centre of its pixel.
    """

    shape: tuple[int, int]
    span_y: Ints
    span_x0: Ints
    span_x1: Ints
    span_footprint: Ints
    sign: NDArray[np.int8]
    area: Ints
    peak_x: Ints
    peak_y: Ints
    peak_footprint: Ints
    peak_value: NDArray[np.float32]
    peak_offset: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of footprints."""
        return int(self.sign.size)

    def mask(self, sign: int = 0) -> NDArray[np.bool_]:
        """Return which pixels lie in a footprint of this sign (0: of any)."""
        wanted = np.ones(len(self), bool) if sign == 0 else self.sign == sign
        kept = wanted[self.span_footprint]
        out = np.zeros(self.shape, np.bool_)
        _paint(self.span_y[kept], self.span_x0[kept], self.span_x1[kept], np.ones(int(kept.sum()), bool), out)
        return out

    def labels(self) -> Ints:
        """Return the footprint of each pixel, -1 where there is none; where two overlap, the later one."""
        out = np.full(self.shape, -1, np.int32)
        _paint(self.span_y, self.span_x0, self.span_x1, self.span_footprint, out)
        return out


@njit(cache=True, nogil=True)
def _paint(y: Ints, x0: Ints, x1: Ints, values: NDArray[np.generic], out: NDArray[np.generic]) -> None:
    for n in range(y.shape[0]):
        for i in range(x0[n], x1[n] + 1):
            out[y[n], i] = values[n]


@njit(cache=True, nogil=True)
def _find_root(parent: Ints, node: int) -> int:
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@njit(cache=True, nogil=True)
def _spans_of(mask: NDArray[np.bool_]) -> Ints:
    """Return runs of set pixels, (n, 3): y, x0, x1, in raster order."""
    ny, nx = mask.shape
    count = 0
    for j in range(ny):
        inside = False
        for i in range(nx):
            if mask[j, i] and not inside:
                count += 1
            inside = mask[j, i]
    spans = np.empty((count, 3), np.int32)
    n = 0
    for j in range(ny):
        inside = False
        for i in range(nx):
            if mask[j, i]:
                if not inside:
                    spans[n, 0], spans[n, 1] = j, i
                spans[n, 2] = i
            elif inside:
                n += 1
            inside = mask[j, i]
        if inside:
            n += 1
    return spans


@njit(cache=True, nogil=True)
def _connect(spans: Ints) -> Ints:
    """Return the region of each run; runs that touch, also by a corner, are in one (8-connectivity)."""
    n = spans.shape[0]
    parent = np.arange(n).astype(np.int32)
    above = start = 0
    for k in range(n):
        if k > 0 and spans[k, 0] != spans[k - 1, 0]:
            above, start = start, k
            if spans[k, 0] != spans[k - 1, 0] + 1:
                above = start
        while above < start and spans[above, 2] < spans[k, 1] - 1:
            above += 1
        other = above
        while other < start and spans[other, 1] <= spans[k, 2] + 1:
            one, two = _find_root(parent, other), _find_root(parent, k)
            if one != two:
                parent[max(one, two)] = min(one, two)
            other += 1
    label = np.empty(n, np.int32)
    found = 0
    for k in range(n):
        root = _find_root(parent, k)
        if root == k:
            label[k] = found
            found += 1
        else:
            label[k] = label[root]
    return label


def label_mask(mask: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return the runs of a mask and the 8-connected region that each belongs to.

    Parameters
    ----------
    mask : (ny, nx) bool
        Chosen pixels.

    Returns
    -------
    spans : (n, 3) int32
        y, x0, x1, in raster order.
    region : (n,) int32
        Regions are numbered in the order of their first pixel.
    """
    spans = _spans_of(mask)
    return spans, _connect(spans)


@njit(cache=True, nogil=True)
def _gather_bits(y: Ints, x0: Ints, x1: Ints, owner: Ints, bits: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    for n in range(y.shape[0]):
        for i in range(x0[n], x1[n] + 1):
            out[owner[n]] |= bits[y[n], i]


def footprint_bits(footprints: Footprints, bits: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return all mask bits found in each footprint.

    Parameters
    ----------
    footprints : Footprints
        Regions of an image.
    bits : (ny, nx) uint8
        Mask of that image.

    Returns
    -------
    (n_footprints,) uint8
    """
    out = np.zeros(len(footprints), np.uint8)
    spans = (footprints.span_y, footprints.span_x0, footprints.span_x1, footprints.span_footprint)
    _gather_bits(*spans, bits, out)
    return out


def _separate(x: Ints, y: Ints, value: NDArray[np.float32], distance: float) -> NDArray[np.bool_]:
    """Return which peaks stay when of two that are close only the more significant is kept."""
    keep = np.ones(x.size, bool)
    pairs = cKDTree(np.column_stack([x, y])).query_pairs(distance, output_type="ndarray")
    if pairs.size:
        strength = np.abs(value)
        weaker_first = strength[pairs[:, 0]] < strength[pairs[:, 1]]
        keep[np.where(weaker_first, pairs[:, 0], pairs[:, 1])] = False
    return keep


def merge_footprints(first: Footprints, second: Footprints, *, min_separation: float = 2.0) -> Footprints:
    """Unite two sets of footprints of one image: regions that touch become one and share their peaks.

    Parameters
    ----------
    first, second : Footprints
        Of images of one shape.
    min_separation : float [pixel]
        Of peaks closer than this only the most significant stays.

    Returns
    -------
    Footprints

    Raises
    ------
    UserError
        If the shapes differ.
    """
    if first.shape != second.shape:
        raise UserError(f"footprints of images of shapes {first.shape} and {second.shape} cannot be merged")
    x = np.concatenate([first.peak_x, second.peak_x])
    y = np.concatenate([first.peak_y, second.peak_y])
    value = np.concatenate([first.peak_value, second.peak_value])
    offset = np.concatenate([first.peak_offset, second.peak_offset])
    parts = []
    for sign in (1, -1):
        chosen = np.flatnonzero(np.sign(value) == sign)
        if chosen.size:
            chosen = chosen[_separate(x[chosen], y[chosen], value[chosen], min_separation)]
            mask = first.mask(sign) | second.mask(sign)
            peaks = {"peak_value": value[chosen], "peak_offset": offset[chosen]}
            parts.append(assemble_footprints(mask, x[chosen], y[chosen], **peaks, sign=sign))
    return join_footprints(parts, first.shape)


def assemble_footprints(
    mask: NDArray[np.bool_],
    x: Ints,
    y: Ints,
    *,
    peak_value: NDArray[np.floating],
    sign: int,
    peak_offset: NDArray[np.floating] | None = None,
) -> Footprints:
    """Make footprints of a mask and the peaks inside it; regions without a peak are left out.

    Parameters
    ----------
    mask : (ny, nx) bool
        Detected pixels.
    x, y : (n_peaks,) int [pixel]
        Peaks, each on a set pixel.
    peak_value : (n_peaks,) float
        Their significance.
    sign : int
        +1 or -1.
    peak_offset : (n_peaks, 2) float, optional [pixel]
        Their places within their pixels; the centres by default.

    Returns
    -------
    Footprints
    """
    offset = np.zeros((len(x), 2)) if peak_offset is None else peak_offset
    spans, region = label_mask(mask)
    n_regions = int(region.max()) + 1 if region.size else 0
    row_start = np.searchsorted(spans[:, 0], y, side="left")
    span = _span_of_pixels(spans, row_start.astype(np.int64), x.astype(np.int64))
    owner = region[span]
    kept = np.zeros(n_regions, bool)
    kept[owner] = True
    number = (np.cumsum(kept) - 1).astype(np.int32)
    inside = kept[region]
    spans, region = spans[inside], number[region[inside]]
    order = np.argsort(region, kind="stable")
    spans, region = spans[order], region[order]
    owner = number[owner]
    rank = np.lexsort((x, y, -np.abs(peak_value), owner))
    n = int(kept.sum())
    area = np.bincount(region, weights=spans[:, 2] - spans[:, 1] + 1, minlength=n).astype(np.int32)
    return Footprints(
        shape=(mask.shape[0], mask.shape[1]),
        span_y=spans[:, 0].copy(),
        span_x0=spans[:, 1].copy(),
        span_x1=spans[:, 2].copy(),
        span_footprint=region,
        sign=np.full(n, sign, np.int8),
        area=area,
        peak_x=x[rank].astype(np.int32),
        peak_y=y[rank].astype(np.int32),
        peak_footprint=owner[rank],
        peak_value=peak_value[rank].astype(np.float32),
        peak_offset=offset[rank].astype(np.float32),
    )


@njit(cache=True, nogil=True)
def _span_of_pixels(spans: Ints, start: NDArray[np.int64], x: NDArray[np.int64]) -> NDArray[np.int64]:
    found = np.empty(x.shape[0], np.int64)
    for n in range(x.shape[0]):
        k = start[n]
        while spans[k, 2] < x[n]:
            k += 1
        found[n] = k
    return found


def join_footprints(parts: list[Footprints], shape: tuple[int, int]) -> Footprints:
    """Put sets of footprints of one image one after another, renumbered, as they are.

    Parameters
    ----------
    parts : list of Footprints
        Sets; may be empty.
    shape : pair of int
        (ny, nx) of the image.

    Returns
    -------
    Footprints
    """
    starts = np.cumsum([0] + [len(part) for part in parts])[: len(parts)]

    def joined(arrays: list[Ints]) -> Ints:
        return np.concatenate([np.empty(0, np.int32), *arrays]).astype(np.int32)

    def numbered(arrays: list[Ints]) -> Ints:
        return joined([array + start for array, start in zip(arrays, starts, strict=True)])

    return Footprints(
        shape=shape,
        span_y=joined([part.span_y for part in parts]),
        span_x0=joined([part.span_x0 for part in parts]),
        span_x1=joined([part.span_x1 for part in parts]),
        span_footprint=numbered([part.span_footprint for part in parts]),
        sign=np.concatenate([np.empty(0, np.int8), *(part.sign for part in parts)]),
        area=joined([part.area for part in parts]),
        peak_x=joined([part.peak_x for part in parts]),
        peak_y=joined([part.peak_y for part in parts]),
        peak_footprint=numbered([part.peak_footprint for part in parts]),
        peak_value=np.concatenate([np.empty(0, np.float32), *(part.peak_value for part in parts)]),
        peak_offset=np.concatenate([np.empty((0, 2), np.float32), *(part.peak_offset for part in parts)]),
    )
