"""What is known of an object from its sources: mean position, and mean, spread and extremes of its flux in a band."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ("FluxSummary", "PositionSummary", "summarise_fluxes", "summarise_positions")


@dataclass(frozen=True, slots=True)
class PositionSummary:
    """Weighted mean position of each object.

    Attributes
    ----------
    ra, dec : (m,) float [deg]
        Mean position.
    ra_err, dec_err : (m,) float [deg]
        Standard errors; that of right ascension is on the sky (times cos dec).
    covariance : (m,) float [deg^2]
        Covariance of the two; zero, because the axes are averaged independently.
    """

    ra: NDArray[np.float64]
    dec: NDArray[np.float64]
    ra_err: NDArray[np.float64]
    dec_err: NDArray[np.float64]
    covariance: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FluxSummary:
    """Statistics of the fluxes of each object, in the unit of the flux; NaN where they are not defined.

    Attributes
    ----------
    mean, mean_err : (m,) float
        Inverse-variance weighted mean and its standard error.
    sigma : (m,) float
        Standard deviation (n - 1); needs two fluxes.
    chi2 : (m,) float
        Sum of squared normalised deviations from the mean.
    minimum, maximum : (m,) float
        Extremes.
    max_slope : (m,) float [flux / d]
        Largest change per day between fluxes that follow each other in time.
    err_mean : (m,) float
        Mean of the errors.
    count : (m,) int
        Number of fluxes.
    """

    mean: NDArray[np.float64]
    mean_err: NDArray[np.float64]
    sigma: NDArray[np.float64]
    chi2: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    max_slope: NDArray[np.float64]
    err_mean: NDArray[np.float64]
    count: NDArray[np.int32]


def _sum(index: NDArray[np.intp], values: NDArray[np.floating], n: int) -> NDArray[np.float64]:
    return np.bincount(index, weights=values, minlength=n)[:n]


def summarise_positions(
    object_index: NDArray[np.intp],
    positions: NDArray[np.floating],
    errors: NDArray[np.floating],
    *,
    n_objects: int,
) -> PositionSummary:
    """Average the positions of the sources of each object.

    Parameters
    ----------
    object_index : (n,) int
        Object of each source.
    positions : (n, 2) float [deg]
        Right ascension and declination.
    errors : (n, 2) float [deg]
        Errors on the sky for each axis; where one is not finite both axes get the median error.
    n_objects : int
        Number of objects.

    Returns
    -------
    PositionSummary
    """
    first = np.zeros(n_objects, dtype=np.intp)
    first[object_index[::-1]] = np.arange(len(object_index))[::-1]
    reference = positions[first][object_index] if len(positions) else positions
    # Offsets from one of the sources: small, and safe where right ascension jumps from 360 to 0.
    d_ra = (positions[:, 0] - reference[:, 0] + 180.0) % 360.0 - 180.0
    d_dec = positions[:, 1] - reference[:, 1]
    good = np.isfinite(errors).all(axis=1) & (errors > 0).all(axis=1)
    typical = np.median(errors[good]) if good.any() else 1.0
    weight = np.where(good[:, None], errors, typical) ** -2.0
    total = np.stack([_sum(object_index, weight[:, axis], n_objects) for axis in (0, 1)])
    with np.errstate(invalid="ignore", divide="ignore"):
        mean_ra = _sum(object_index, weight[:, 0] * d_ra, n_objects) / total[0]
        mean_dec = _sum(object_index, weight[:, 1] * d_dec, n_objects) / total[1]
        ra_err, dec_err = total**-0.5
    start = positions[first] if len(positions) else np.full((n_objects, 2), np.nan)
    return PositionSummary(
        ra=(start[:, 0] + mean_ra) % 360.0,
        dec=start[:, 1] + mean_dec,
        ra_err=ra_err,
        dec_err=dec_err,
        covariance=np.zeros(n_objects),
    )


def summarise_fluxes(
    object_index: NDArray[np.intp],
    flux: NDArray[np.floating],
    flux_err: NDArray[np.floating],
    *,
    time: NDArray[np.floating],
    n_objects: int,
) -> FluxSummary:
    """Summarise the fluxes of each object; rows without a finite flux and a positive error are left out.

    Parameters
    ----------
    object_index : (n,) int
        Object of each flux.
    flux, flux_err : (n,) float
        Fluxes and their errors.
    time : (n,) float [d]
        Epochs.
    n_objects : int
        Number of objects.

    Returns
    -------
    FluxSummary
    """
    good = np.isfinite(flux) & np.isfinite(flux_err) & (flux_err > 0)
    index = np.asarray(object_index[good])
    value, error, epoch = (np.asarray(a[good], dtype=np.float64) for a in (flux, flux_err, time))
    count = np.bincount(index, minlength=n_objects)[:n_objects]
    weight = error**-2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        total = _sum(index, weight, n_objects)
        mean = _sum(index, weight * value, n_objects) / total
        plain = _sum(index, value, n_objects) / count
        variance = _sum(index, (value - plain[index]) ** 2, n_objects) / (count - 1)
        chi2 = _sum(index, weight * (value - mean[index]) ** 2, n_objects)
        err_mean = _sum(index, error, n_objects) / count
        mean_err = total**-0.5
    minimum, maximum = np.full(n_objects, np.inf), np.full(n_objects, -np.inf)
    np.minimum.at(minimum, index, value)
    np.maximum.at(maximum, index, value)
    empty = count == 0
    return FluxSummary(
        mean=mean,
        mean_err=np.where(empty, np.nan, mean_err),
        sigma=np.where(count > 1, np.sqrt(np.where(count > 1, variance, 0.0)), np.nan),
        chi2=np.where(empty, np.nan, chi2),
        minimum=np.where(empty, np.nan, minimum),
        maximum=np.where(empty, np.nan, maximum),
        max_slope=_max_slopes(index, value, epoch, n_objects),
        err_mean=err_mean,
        count=count.astype(np.int32),
    )


def _max_slopes(
    index: NDArray[np.intp], value: NDArray[np.float64], epoch: NDArray[np.float64], n_objects: int
) -> NDArray[np.float64]:
    order = np.lexsort([epoch, index])
    owner = index[order]
    step = np.diff(epoch[order])
    usable = (np.diff(owner) == 0) & (step > 0)
    slope = np.full(n_objects, -np.inf)
    np.maximum.at(slope, owner[1:][usable], np.diff(value[order])[usable] / step[usable])
    return np.where(np.isfinite(slope), slope, np.nan)
