"""Which sources are stars fit for a point-spread model: the narrow locus of sizes, high signal, no neighbours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

__all__ = ("StarSelection", "select_stars")

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StarSelection:
    """Selected stars.

    Attributes
    ----------
    indices : (n,) int
        Rows of the stars, brightest first.
    size : float [pixel]
        Middle of the stellar locus: (xx * yy - xy^2)^(1/4).
    size_scatter : float [pixel]
        Scatter about it.
    n_bright : int
        Unflagged sources above the limit on signal-to-noise ratio, isolated or not.
    """

    indices: NDArray[np.int64]
    size: float
    size_scatter: float
    n_bright: int


def select_stars(
    moments: NDArray[np.floating],
    snr: NDArray[np.floating],
    *,
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    flux: NDArray[np.floating],
    bad: NDArray[np.bool_],
    min_snr: float = 40.0,
    isolation: float = 12.0,
    max_stars: int = 1000,
) -> StarSelection:
    """Select stars by the locus of constant size.

    Galaxies are larger than stars and spread in size, defects are smaller: the stars are the densest clump of
    log(size) among the bright sources. The limit on the signal-to-noise ratio is lowered in two steps where fewer
    than ten stars are found.

    Parameters
    ----------
    moments : (n, 3) float [pixel^2]
        Adaptive moments xx, yy, xy; NaN where they failed.
    snr : (n,) float
        Signal-to-noise ratio.
    x, y : (n,) float [pixel]
        Positions.
    flux : (n,) float
        Fluxes, in any unit.
    bad : (n,) bool
        Sources not to use: saturated, on bad pixels, at the edge.
    min_snr : float
        Lowest signal-to-noise ratio wanted.
    isolation : float [pixel]
        Distance within which no neighbour may have more than 3 % of the star's flux.
    max_stars : int
        Largest number returned.

    Returns
    -------
    StarSelection
        Empty where nothing qualifies.
    """
    with np.errstate(invalid="ignore"):
        size = (moments[:, 0] * moments[:, 1] - moments[:, 2] ** 2) ** 0.25
        usable = ~bad & np.isfinite(size) & (size > 0.4) & (flux > 0)
        usable &= ~_crowded(x, y, flux, isolation)
        chosen = np.zeros(len(snr), bool)
        middle = scatter = np.nan
        for limit in (min_snr, min_snr / 2.0, min_snr / 4.0):
            bright = usable & (snr > limit)
            if bright.sum() == 0:
                continue
            middle, scatter = _locus(np.log(size[bright]), snr[bright])
            # 1 / snr bounds the error of a size's logarithm for a well-sampled star.
            width = np.hypot(max(3.0 * scatter, 0.03), 3.0 / np.maximum(snr, 1.0))
            chosen = bright & (np.abs(np.log(size) - middle) < width)
            if chosen.sum() >= 10:
                break
        round_ones = _round(moments, chosen)
    indices = np.flatnonzero(chosen & round_ones)
    indices = indices[np.argsort(-snr[indices], kind="stable")][:max_stars]
    bright_count = int(np.sum(~bad & (snr > min_snr)))
    middle_size = float(np.exp(middle))
    return StarSelection(indices.astype(np.int64), middle_size, middle_size * float(scatter), bright_count)


def _crowded(
    x: NDArray[np.floating], y: NDArray[np.floating], flux: NDArray[np.floating], radius: float
) -> NDArray[np.bool_]:
    crowded = np.zeros(len(x), bool)
    known = np.flatnonzero(np.isfinite(x) & np.isfinite(y) & (flux > 0))
    if known.size < 2:
        return crowded
    tree = cKDTree(np.column_stack([x[known], y[known]]))
    pairs = known[tree.query_pairs(radius, output_type="ndarray")]
    if pairs.size:
        for one, two in ((0, 1), (1, 0)):
            disturbed = flux[pairs[:, two]] > 0.03 * flux[pairs[:, one]]
            crowded[pairs[disturbed, one]] = True
    return crowded


def _locus(log_size: NDArray[np.floating], snr: NDArray[np.floating]) -> tuple[float, float]:
    """Return the middle and scatter of the densest clump of sizes; the narrower of two clumps of one weight wins."""
    weight = np.log(np.maximum(snr, 2.0))
    order = np.argsort(log_size)
    values, heights = log_size[order], np.concatenate([[0.0], np.cumsum(weight[order])])
    half = 0.04
    low = np.searchsorted(values, values - half, side="left")
    high = np.searchsorted(values, values + half, side="right")
    # Where the density is equal the smaller size is taken: nothing real is smaller than a star.
    middle = float(values[np.argmax(heights[high] - heights[low] - 1e-9 * np.arange(values.size))])
    scatter = half
    for _ in range(10):
        inside = np.abs(values - middle) < max(3.0 * scatter, 0.02)
        middle, previous = float(np.median(values[inside])), middle
        scatter = float(1.4826 * np.median(np.abs(values[inside] - middle)))
        scatter = min(max(scatter, 0.005), half)
        if middle == previous:
            break
    return middle, scatter


def _round(moments: NDArray[np.floating], chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which sources have about the ellipticity of most chosen ones."""
    trace = moments[:, 0] + moments[:, 1]
    shape = np.stack([(moments[:, 0] - moments[:, 1]) / trace, 2.0 * moments[:, 2] / trace])
    if chosen.sum() < 4:
        return chosen
    middle = np.median(shape[:, chosen], axis=1)[:, None]
    scatter = np.maximum(1.4826 * np.median(np.abs(shape[:, chosen] - middle), axis=1)[:, None], 0.01)
    return np.asarray((np.abs(shape - middle) < 5.0 * scatter).all(axis=0))
