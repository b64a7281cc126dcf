"""Checks of a measured frame by itself: places without sources, and whether the field is too crowded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from uraniborg.algorithms.background import BackgroundModel
from uraniborg.algorithms.detection import Footprints
from uraniborg.core.pixelgrid import PointSpread

__all__ = ("MAX_SOURCES", "SkyCheck", "brightest_sources", "check_sky", "crowding_notes", "place_sky_sources")

type Floats = NDArray[np.float64]

MAX_SOURCES = 60_000
"""Sources of one frame that are measured; memory and time grow with them. About 1.2 million in a square degree."""

_COARSE = 8
_FEW_FREE_CELLS = 0.3
_MANY_BLENDED = 0.5


@dataclass(frozen=True, slots=True)
class SkyCheck:
    """Point-source fluxes where no source is.

    Attributes
    ----------
    x, y : (n,) int [pixel]
        Places.
    flux, flux_err : (n,) float
    mean : float
        Mean of flux / error; its own error is ``width / sqrt(n)``. NaN without places.
    width : float
        Width of flux / error from the median absolute deviation: what errors of faint sources have to be multiplied by.
    """

    x: NDArray[np.int64]
    y: NDArray[np.int64]
    flux: Floats
    flux_err: Floats
    mean: float
    width: float


def place_sky_sources(
    occupied: NDArray[np.bool_], *, n: int, distance: float, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose places that are far from everything, at random but always the same for one mask.

    Parameters
    ----------
    occupied : (ny, nx) bool
        Detected or unusable pixels.
    n : int
        Wanted places; fewer are returned where there is no room.
    distance : float [pixel]
        To the next occupied pixel, and to the edges.
    seed : int
        Of the choice.

    Returns
    -------
    x, y : (n,) int [pixel]
    """
    ny, nx = (size // _COARSE * _COARSE for size in occupied.shape)
    # Rows first: they lie in memory as they are read.
    bands = occupied[:ny, :nx].reshape(ny // _COARSE, _COARSE, nx).any(axis=1)
    coarse = bands.reshape(ny // _COARSE, nx // _COARSE, _COARSE).any(axis=2)
    room = distance_transform_edt(np.pad(~coarse, 1)).astype(np.float32)[1:-1, 1:-1] - 1.0
    row, column = np.nonzero(room * _COARSE > distance)
    chosen = np.sort(np.random.default_rng(seed).permutation(row.size)[:n])
    return column[chosen] * _COARSE + _COARSE // 2, row[chosen] * _COARSE + _COARSE // 2


def check_sky(
    flat: NDArray[np.floating],
    variance: NDArray[np.floating],
    psf: PointSpread,
    *,
    occupied: NDArray[np.bool_],
    n: int = 200,
) -> SkyCheck:
    """Measure point-source fluxes on places without sources.

    Parameters
    ----------
    flat, variance : (ny, nx) float
        Background-subtracted image and its variance.
    psf : PointSpread
        Point-spread function in array coordinates.
    occupied : (ny, nx) bool
        Detected or unusable pixels.
    n : int
        Number of places.

    Returns
    -------
    SkyCheck
    """
    x, y = place_sky_sources(occupied, n=n, distance=0.25 * psf.stamp_size)
    flux, flux_err = _fluxes_at(flat, variance, psf, x, y)
    with np.errstate(invalid="ignore"):
        pull = flux / flux_err
    pull = pull[np.isfinite(pull)]
    if pull.size == 0:
        return SkyCheck(x, y, flux, flux_err, math.nan, math.nan)
    width = 1.4826 * float(np.median(np.abs(pull - np.median(pull))))
    return SkyCheck(x, y, flux, flux_err, float(np.mean(pull)), width)


def _fluxes_at(
    flat: NDArray[np.floating],
    variance: NDArray[np.floating],
    psf: PointSpread,
    x: NDArray[np.int64],
    y: NDArray[np.int64],
) -> tuple[Floats, Floats]:
    """Fit point sources at whole pixels whose surroundings are empty and usable; return fluxes and errors, (n,)."""
    if x.size == 0:
        return np.empty(0), np.empty(0)
    stamps = psf.evaluate(x.astype(float), y.astype(float))
    steps = np.arange(stamps.shape[-1]) - stamps.shape[-1] // 2
    rows, columns = y[:, None, None] + steps[:, None], x[:, None, None] + steps[None, :]
    inside = (rows >= 0) & (columns >= 0) & (rows < flat.shape[0]) & (columns < flat.shape[1])
    at = (np.clip(rows, 0, flat.shape[0] - 1), np.clip(columns, 0, flat.shape[1] - 1))
    data, noise = flat[at].astype(float), variance[at].astype(float)
    usable = inside & np.isfinite(data) & (noise > 0.0)
    shape = np.where(usable, stamps, 0.0)
    norm = np.sum(shape**2, axis=(1, 2))
    flux = np.sum(shape * np.where(usable, data, 0.0), axis=(1, 2)) / norm
    return flux, np.sqrt(np.sum(shape**2 * np.where(usable, noise, 0.0), axis=(1, 2))) / norm


def brightest_sources(found: Footprints, limit: int = MAX_SOURCES) -> NDArray[np.bool_]:
    """Return which peaks are measured: all, or the most significant ones of a field with too many."""
    kept = np.ones(found.peak_x.size, bool)
    if found.peak_x.size > limit:
        kept[:] = False
        kept[np.argsort(-np.abs(found.peak_value), kind="stable")[:limit]] = True
    return kept


def crowding_notes(found: Footprints, background: BackgroundModel, *, measured: int) -> tuple[str, ...]:
    """Say how a crowded field degrades what is measured.

    Parameters
    ----------
    found : Footprints
        All detections.
    background : BackgroundModel
        Final sky.
    measured : int
        Sources that are measured.

    Returns
    -------
    tuple of str
        Empty for a field that is not crowded.
    """
    notes = []
    n = found.peak_x.size
    shared = float(np.mean(np.bincount(found.peak_footprint)[found.peak_footprint] > 1)) if n else 0.0
    if n > 100 and shared > _MANY_BLENDED:
        notes.append(
            f"crowded: {shared:.0%} of {n} sources share their footprint with others; faint sources between "
            "bright ones are missed, and fluxes hold light of neighbours that were not found"
        )
    ny, nx = background.shape
    free = float(background.counts.sum()) / (ny * nx)
    if free < _FEW_FREE_CELLS:
        notes.append(
            f"crowded: only {free:.0%} of the pixels are free of sources; "
            "the sky is too high by the light of the others"
        )
    if measured < n:
        notes.append(f"crowded: only the {measured} most significant of {n} sources are measured")
    return tuple(notes)
