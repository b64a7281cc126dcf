"""The magnitude of one electron, from stars of known magnitude, robust against a few that vary or are no stars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uraniborg.core.errors import AlgorithmError

__all__ = ("AB_NJY", "ZeroPoint", "fit_zero_point", "flux_scale", "per_adu_and_second")

AB_NJY = 31.4
"""AB magnitude of 1 nJy: -2.5 log10(1e-9 / 3631) = 31.4001, by convention 31.4."""

TUNING = 4.685
"""Tukey's constant: 95 % of the efficiency of the mean for Gaussian errors."""


@dataclass(frozen=True, slots=True)
class ZeroPoint:
    """Result of `fit_zero_point`.

    Attributes
    ----------
    zero_point : float [mag]
        AB magnitude of an instrumental flux of one.
    error : float [mag]
        Standard error, with the intrinsic scatter of the stars.
    scatter : float [mag]
        Weighted standard deviation of the used stars about the zero point; NaN for one star.
    n_used : int
        Stars with a weight above one tenth of full weight.
    used : (n,) bool
        Which they are.
    residuals : (n,) float [mag]
        Zero point of each star minus the result; NaN where there is none.
    """

    zero_point: float
    error: float
    scatter: float
    n_used: int
    used: NDArray[np.bool_]
    residuals: NDArray[np.float64]


def flux_scale(zero_point: float) -> float:
    """Return the flux in nJy of an instrumental flux of one, for the zero point [mag]."""
    return float(10.0 ** (-0.4 * (zero_point - AB_NJY)))


def per_adu_and_second(zero_point: float, *, exposure_time: float, gain: float) -> float:
    """Return the zero point for one adu in one second from that for one electron in the exposure.

    Parameters
    ----------
    zero_point : float [mag]
        For one electron in the whole exposure.
    exposure_time : float [s]
        Open-shutter time.
    gain : float [electron/adu]
        Of the image that the electrons were made from.

    Returns
    -------
    float [mag]
        ``z`` in m = -2.5 log10(adu / s) + z, the convention of the Legacy Surveys' tables.
    """
    return float(zero_point - 2.5 * np.log10(exposure_time * gain))


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values, kind="stable")
    share = np.cumsum(weights[order]) / np.sum(weights)
    upper = int(np.searchsorted(share, 0.5 - 1e-12))
    if np.isclose(share[upper], 0.5) and upper + 1 < len(values):
        return float(0.5 * (values[order[upper]] + values[order[upper + 1]]))
    return float(values[order[upper]])


def fit_zero_point(
    flux: ArrayLike,
    flux_err: ArrayLike,
    magnitude: ArrayLike,
    *,
    magnitude_err: ArrayLike,
    intrinsic_scatter: float = 0.0,
    min_stars: int = 2,
) -> ZeroPoint:
    """Fit the zero point of instrumental fluxes.

    The weighted median is refined to Tukey's biweight M-estimate with the given errors as scale (or the scatter of
    the stars, where five or more show that it is larger), so a star that is off by many errors has no say.

    Parameters
    ----------
    flux, flux_err : (n,) float [electron]
        Instrumental fluxes of the whole exposure, with aperture correction; NaN or not positive are left out.
    magnitude, magnitude_err : (n,) float [mag]
        AB magnitudes in the band of the exposure; NaN are left out.
    intrinsic_scatter : float [mag]
        Scatter of true magnitudes about those given, beyond their errors.
    min_stars : int
        Fewest stars of a result.

    Returns
    -------
    ZeroPoint

    Raises
    ------
    AlgorithmError
        If fewer stars can be used.

    Notes
    -----
    Beaton & Tukey 1974, Technometrics 16, 147; Huber & Ronchetti 2009, Robust Statistics, chapter 6.
    """
    counts, counts_err = np.asarray(flux, dtype=np.float64), np.asarray(flux_err, dtype=np.float64)
    known, known_err = np.asarray(magnitude, dtype=np.float64), np.asarray(magnitude_err, dtype=np.float64)
    good = np.isfinite(known) & np.isfinite(known_err) & np.isfinite(counts_err) & (counts > 0.0) & (counts_err > 0.0)
    if np.count_nonzero(good) < min_stars:
        raise AlgorithmError(
            "too few reference stars with flux and colour for a zero point",
            n_stars=int(np.count_nonzero(good)),
            n_matched=len(counts),
            min_stars=min_stars,
        )
    values = known[good] + 2.5 * np.log10(counts[good])
    noise = 2.5 / np.log(10.0) * counts_err[good] / counts[good]
    sigma = np.sqrt(noise**2 + known_err[good] ** 2 + intrinsic_scatter**2)
    sigma = np.maximum(sigma, 1e-6)
    result, weight, scale = _biweight(values, sigma)
    share = weight / sigma**2
    residuals = np.full(len(counts), np.nan)
    residuals[good] = values - result
    used = np.zeros(len(counts), dtype=bool)
    used[good] = weight > 0.1
    effective = np.sum(share) ** 2 / np.sum(share**2)
    variance = np.sum(share * (values - result) ** 2) / np.sum(share)
    return ZeroPoint(
        zero_point=result,
        error=float(scale / np.sqrt(0.95 * np.sum(sigma[weight > 0.0] ** -2))),
        scatter=float(np.sqrt(variance * effective / (effective - 1.0))) if effective > 1.0 + 1e-9 else np.nan,
        n_used=int(np.count_nonzero(used)),
        used=used,
        residuals=residuals,
    )


def _biweight(values: NDArray[np.float64], sigma: NDArray[np.float64]) -> tuple[float, NDArray[np.float64], float]:
    """Return the M-estimate, the robust weight of each value, and the factor by which errors were scaled up."""
    result = _weighted_median(values, 1.0 / sigma)
    pulls = np.abs(values - result) / sigma
    scale = 1.4826 * float(np.median(pulls))
    # The median absolute deviation has a relative error of 1.17 / sqrt(n); only what exceeds it by far counts.
    if len(values) < 5 or scale < 1.0 + 2.0 * 1.17 / np.sqrt(len(values)):
        scale = 1.0
    weight = np.ones_like(values)
    for _ in range(50):
        pulls = (values - result) / (sigma * scale)
        weight = np.where(np.abs(pulls) < TUNING, (1.0 - (pulls / TUNING) ** 2) ** 2, 0.0)
        if not np.any(weight > 0.0):
            weight = (np.abs(pulls) == np.abs(pulls).min()).astype(np.float64)
        previous, result = result, float(np.sum(weight * values / sigma**2) / np.sum(weight / sigma**2))
        if abs(result - previous) < 1e-7:
            break
    return result, weight, scale
