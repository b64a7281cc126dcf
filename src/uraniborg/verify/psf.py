"""How well a point-spread model has the size and shape of what it models, and whether its errors are correlated."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.algorithms.measurement import adaptive_moments

__all__ = ("Correlation", "ShapeResiduals", "residual_correlation", "shape_residuals")

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ShapeResiduals:
    """Differences of adaptive moments, model minus truth, at n positions.

    Attributes
    ----------
    size : (n,) float
        Difference of T = xx + yy over the true T.
    ellipticity : (n, 2) float
        Differences of (xx - yy) / T and 2 xy / T.
    """

    size: Floats
    ellipticity: Floats


@dataclass(frozen=True, slots=True)
class Correlation:
    """Mean product of ellipticity residuals of pairs of stars.

    Attributes
    ----------
    value : float
        Mean of the product over the pairs (both components summed), absolute.
    floor : float
        Standard error that uncorrelated residuals of this size would give it.
    n_pairs : int
    """

    value: float
    floor: float
    n_pairs: int


def shape_residuals(model: Floats, truth: Floats, *, sigma: float = 1.8) -> ShapeResiduals:
    """Compare stamps of a model with noise-free stamps of the truth at the same positions.

    Parameters
    ----------
    model, truth : (n, s, s), (n, t, t) float
        Stamps; sides may differ, centres may not.
    sigma : float [pixel]
        First guess of the width.

    Returns
    -------
    ShapeResiduals
    """
    ours, theirs = adaptive_moments(model, sigma=sigma), adaptive_moments(truth, sigma=sigma)
    size, wanted = ours.xx + ours.yy, theirs.xx + theirs.yy
    first = (ours.xx - ours.yy) / size - (theirs.xx - theirs.yy) / wanted
    second = 2.0 * ours.xy / size - 2.0 * theirs.xy / wanted
    return ShapeResiduals(size / wanted - 1.0, np.column_stack([first, second]))


def residual_correlation(x: Floats, y: Floats, residuals: Floats, *, separation: tuple[float, float]) -> Correlation:
    """Correlate ellipticity residuals over a range of separations: TE1 (up to 1 arcmin), TE2 (from 5 arcmin).

    Parameters
    ----------
    x, y : (n,) float [any length]
        Positions.
    residuals : (n, 2) float
        Both components; NaN are left out.
    separation : (low, high) float [the same length]
        Range of separations.

    Returns
    -------
    Correlation
        NaN where there is no pair.

    Notes
    -----
    LSST Science Requirements Document (LPM-17), section 3.3.3: |<de de*>| of pairs.
    """
    known = np.isfinite(residuals).all(axis=1)
    points, values = np.column_stack([x, y])[known], residuals[known]
    total, n_pairs = 0.0, 0
    for first in range(0, len(points), 500):  # blocks of stars, to bound memory
        block = slice(first, first + 500)
        distance = np.hypot(*(points[block, None, :] - points[None, :, :]).transpose(2, 0, 1))
        chosen = (distance > max(separation[0], 0.0)) & (distance <= separation[1])
        chosen &= np.arange(len(points))[None, :] > np.arange(len(points))[block, None]
        total += float(np.sum((values[block] @ values.T)[chosen]))
        n_pairs += int(np.count_nonzero(chosen))
    if n_pairs == 0:
        return Correlation(np.nan, np.nan, 0)
    spread = float(np.sqrt(np.sum(np.var(values, axis=0) ** 2)))
    return Correlation(abs(total / n_pairs), spread / np.sqrt(n_pairs), n_pairs)
