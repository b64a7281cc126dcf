"""Joint fit of point sources to an image: all fluxes and, if wanted, all centres, neighbours taken out of each other.

For fluxes every pixel under a point-spread function has the same weight, not one over its variance. For sources
fainter than the sky that is the optimal filter; for bright ones it gives away some precision, but the flux stays
linear in the data: weights that hold the source's own noise bias bright fluxes low and make any error of the model
depend on brightness. Centres, which such weights do not bias, have them. Errors are propagated from the variance
plane.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from uraniborg.algorithms.measurement.pointkernels import (
    final_fluxes,
    masked_image,
    stamps_at,
    sweep_centers,
    sweep_fluxes,
)
from uraniborg.core.pixelgrid import PointSpread

__all__ = ("PointFit", "fit_points", "masked_image")

_BLENDED = 0.36
"""Distance, in sides of a stamp, within which sources share so much light that their errors are correlated."""

type Floats = NDArray[np.float64]
type Image = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PointFit:
    """Point sources fitted to an image.

    Attributes
    ----------
    residual : (ny, nx) float32
        Image minus all fitted sources; NaN on unusable pixels.
    x, y, x_err, y_err : (n,) float [pixel]
        Centres; errors are NaN where they were fixed or failed.
    flux, flux_err : (n,) float
        NaN where nothing could be measured.
    chi2 : (n,) float
        Chi-square per pixel in the core of the point-spread function.
    area : (n,) float [pixel^2]
        Effective noise area, 1 / sum(p^2).
    seen : (n,) float
        Part of sum(p^2) on usable pixels.
    background : (n,) float
        Fitted local background; 0 where it was not fitted.
    moved : (n,) bool
        Whether the centre was found.
    order : (k,) int
        Sources that lie on the image, brightest first.
    places : (k, 2) int [pixel]
        Column and row of the central pixel of each of their stamps.
    stamps : (k, s, s) float
        Their stamps.
    """

    residual: Image
    x: Floats
    y: Floats
    x_err: Floats
    y_err: Floats
    flux: Floats
    flux_err: Floats
    chi2: Floats
    area: Floats
    seen: Floats
    background: Floats
    moved: NDArray[np.bool_]
    order: NDArray[np.intp]
    places: NDArray[np.int64]
    stamps: Floats


def _neighbours(x: Floats, y: Floats, reach: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, for each source, the others within reach, nearest first, as starts and concatenated lists."""
    pairs = cKDTree(np.column_stack([x, y])).query_pairs(reach, output_type="ndarray")
    one = np.concatenate([pairs[:, 0], pairs[:, 1]])
    two = np.concatenate([pairs[:, 1], pairs[:, 0]])
    order = np.lexsort((two, np.hypot(x[one] - x[two], y[one] - y[two]), one))
    starts = np.searchsorted(one[order], np.arange(len(x) + 1))
    return starts.astype(np.int64), two[order].astype(np.int64)


def fit_points(
    residual: Image,
    variance: NDArray[np.floating],
    psf: PointSpread,
    *,
    x: Floats,
    y: Floats,
    sign: NDArray[np.floating] | None = None,
    free: bool = True,
    deblend: bool = True,
    local_background: bool = False,
    max_shift: float = 2.0,
) -> PointFit:
    """Fit point sources to an image.

    Sources are visited from the brightest to the faintest, each against what all others leave
    (Gauss-Seidel iteration on the joint least-squares problem), first with free centres, then with
    fixed ones until no flux changes by more than 1 % of its error.

    Parameters
    ----------
    residual : (ny, nx) float32
        Image with NaN on unusable pixels; used up: the caller gives a copy.
    variance : (ny, nx) float
        Variance of each pixel.
    psf : PointSpread
        In array coordinates.
    x, y : (n,) float [pixel]
        Positions, or first guesses of them.
    sign : (n,) float, optional
        +1 or -1: whether a source is expected to be positive or negative; +1 by default.
    free : bool
        Whether centres are fitted.
    deblend : bool
        Whether the flux of neighbours is taken out; else each source is fitted as if alone.
    local_background : bool
        Whether a constant under each stamp is fitted with the flux (fixed centres only).
    max_shift : float [pixel]
        A centre that would move farther from its first guess is given up.

    Returns
    -------
    PointFit
    """
    n, size = len(x), psf.stamp_size
    grids = np.ascontiguousarray(psf.grids(x, y))
    measurable = np.isfinite(grids).all(axis=(1, 2)) & np.isfinite(x) & np.isfinite(y)
    margin = size // 2
    measurable &= (x > -margin) & (y > -margin) & (x < residual.shape[1] + margin) & (y < residual.shape[0] + margin)
    order = np.flatnonzero(measurable)
    peaks = np.floor(np.stack([x, y], axis=1)[order] + 0.5).astype(np.int64)
    inside = (np.clip(peaks[:, 1], 0, residual.shape[0] - 1), np.clip(peaks[:, 0], 0, residual.shape[1] - 1))
    rank = np.argsort(-np.abs(np.nan_to_num(residual[inside], nan=np.inf)), kind="stable")
    order, peaks = order[rank], peaks[rank]
    grids = grids[order]
    state = np.zeros((len(order), 8))  # flux, dx, dy, free, sign, first dx, first dy, last step
    state[:, 1] = state[:, 5] = x[order] - peaks[:, 0]
    state[:, 2] = state[:, 6] = y[order] - peaks[:, 1]
    state[:, 3] = 1.0 if free else 0.0
    state[:, 7] = np.inf
    state[:, 4] = 1.0 if sign is None else sign[order]
    starts, near = np.zeros(len(order) + 1, np.int64), np.zeros(len(order) + 1, np.int64)
    others = np.empty(0, np.int64)
    if deblend and len(order) > 1:
        starts, _ = _neighbours(x[order], y[order], 0.75 * size)
        near, others = _neighbours(x[order], y[order], _BLENDED * size)
    stamps = stamps_at(grids, state, psf.sampling, size)
    if free:
        for sweep in range(7):
            settled = (np.diff(near) == 0) | (sweep > 3)
            sweep_centers(residual, variance, grids, psf.sampling, stamps, peaks, state, settled, max_shift)
        state[:, 3] *= state[:, 7] < 0.05
    centers = peaks + state[:, 1:3]
    if deblend:
        _converge(residual, variance, stamps, peaks=peaks, state=state, starts=starts)
    table = final_fluxes(residual, variance, stamps, peaks, state, near, others, local_background)
    return _collect((residual, order, peaks, stamps), state, table, centers, n)


def _converge(
    residual: Image,
    variance: NDArray[np.floating],
    stamps: Floats,
    *,
    peaks: NDArray[np.int64],
    state: Floats,
    starts: NDArray[np.int64],
) -> None:
    """Repeat flux sweeps over whole stamps until nothing changes; sources without neighbours need one."""
    sample = variance[::16, ::16]  # only a yardstick for when to stop
    typical = float(np.median(sample[np.isfinite(sample) & (sample > 0)], overwrite_input=True))
    noise = np.sqrt(typical / np.maximum(np.sum(stamps**2, axis=(1, 2)), 1e-300))
    everything = np.arange(len(stamps), dtype=np.int64)
    crowded = everything[np.diff(starts) > 0]
    sweep_fluxes(residual, stamps, peaks, everything, state, noise)
    for _ in range(50):
        if crowded.size == 0 or sweep_fluxes(residual, stamps, peaks, crowded, state, noise) < 0.01:
            break


def _collect(
    found: tuple[Image, NDArray[np.intp], NDArray[np.int64], Floats],
    state: Floats,
    table: Floats,
    centers: Floats,
    n: int,
) -> PointFit:
    """Put the results in the order of the sources given."""
    residual, order, places, stamps = found
    columns = np.full((12, n), np.nan)
    columns[0:2, order] = centers.T
    columns[2:10, order] = table.T
    moved = np.zeros(n, bool)
    moved[order] = (state[:, 3] > 0) & np.isfinite(table[:, 2])
    x, y, flux, flux_err, x_err, y_err, chi2, area, seen, background = columns[:10]
    seen, background = np.nan_to_num(seen), np.where(np.isfinite(flux), background, np.nan)
    numbers = (x, y, x_err, y_err, flux, flux_err, chi2, area, seen, background)
    return PointFit(residual, *numbers, moved, order, places, stamps)
