"""Numbers about fluxes: zero points, repeatability between epochs, bias and pulls against the truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from uraniborg.core.errors import AlgorithmError

__all__ = (
    "FluxQuality",
    "Repeatability",
    "ZeroPointComparison",
    "compare_zero_points",
    "flux_quality",
    "repeatability",
    "robust_width",
)


@dataclass(frozen=True, slots=True)
class ZeroPointComparison:
    """Zero points of exposures against those of someone else.

    Attributes
    ----------
    offsets : (n,) float [mag]
        Ours minus theirs.
    largest : float [mag]
        Largest absolute offset.
    scatter : dict of str to float [mag]
        For each band with two exposures or more, the standard deviation of the offsets (n - 1 degrees of freedom).
    mean : dict of str to float [mag]
        For each band, the mean offset.
    """

    offsets: NDArray[np.float64]
    largest: float
    scatter: dict[str, float]
    mean: dict[str, float]


def compare_zero_points(ours: ArrayLike, theirs: ArrayLike, *, band: ArrayLike) -> ZeroPointComparison:
    """Compare zero points that are in one convention.

    Parameters
    ----------
    ours, theirs : (n,) float [mag]
        Zero points of the exposures.
    band : (n,) str
        Bands.

    Returns
    -------
    ZeroPointComparison

    Raises
    ------
    AlgorithmError
        If there is no exposure, or a zero point is missing.
    """
    offsets = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    if not offsets.size or not np.isfinite(offsets).all():
        missing = int(np.sum(~np.isfinite(offsets)))
        raise AlgorithmError("zero points are missing", n_exposures=offsets.size, n_missing=missing)
    bands = np.asarray(band)
    names = [str(name) for name in np.unique(bands)]
    groups = {name: offsets[bands == name] for name in names}
    return ZeroPointComparison(
        offsets=offsets,
        largest=float(np.abs(offsets).max()),
        scatter={name: float(np.std(group, ddof=1)) for name, group in groups.items() if group.size > 1},
        mean={name: float(np.mean(group)) for name, group in groups.items()},
    )


@dataclass(frozen=True, slots=True)
class Repeatability:
    """How well constant stars repeat.

    Attributes
    ----------
    rms : float [mag]
        Root mean square of single measurements about the mean of their star and band, of all bands, with the degrees
        of freedom of the means taken off; the variable stars are left out.
    by_band : dict of str to float [mag]
        The same for each band.
    n_stars, n_measurements : int
        What it was made from.
    variable : (k,) int
        Stars that vary, the most significant first.
    variable_rms : (k,) float [mag]
        Their scatter.
    """

    rms: float
    by_band: dict[str, float]
    n_stars: int
    n_measurements: int
    variable: NDArray[np.int64]
    variable_rms: NDArray[np.float64]


def repeatability(
    star: ArrayLike,
    band: ArrayLike,
    magnitude: ArrayLike,
    *,
    error: ArrayLike,
    significance: float = 3.0,
    floor: float = 0.015,
    max_variable: int = 1,
) -> Repeatability:
    """Measure the scatter of stars' magnitudes between epochs, setting aside stars that truly vary.

    A star varies if its scatter is more than ``significance`` times what its errors and the floor allow, and if it is
    the worst by that measure; at most ``max_variable`` are set aside, so that bad photometry cannot hide so.

    Parameters
    ----------
    star : (n,) int
        Star of each measurement.
    band : (n,) str
        Band.
    magnitude, error : (n,) float [mag]
        Measurements.
    significance : float []
        See above.
    floor : float [mag]
        Scatter that is expected beside the errors.
    max_variable : int
        Most stars to set aside.

    Returns
    -------
    Repeatability

    Raises
    ------
    AlgorithmError
        If no star has two measurements in a band.
    """
    number, bands = np.asarray(star, dtype=np.int64), np.asarray(band)
    values, errors = np.asarray(magnitude, dtype=float), np.asarray(error, dtype=float)
    good = np.isfinite(values) & np.isfinite(errors)
    number, bands, values, errors = number[good], bands[good], values[good], errors[good]
    key, group = np.unique(np.char.add(number.astype(str), bands.astype(str)), return_inverse=True)
    count = np.bincount(group, minlength=key.size)
    mean = np.bincount(group, values, key.size) / np.maximum(count, 1)
    repeated = count[group] > 1
    if not repeated.any():
        raise AlgorithmError("no star was measured twice in a band", n_measurements=values.size)
    number, bands = number[repeated], bands[repeated]
    residual = (values - mean[group])[repeated]
    freedom = (1.0 - 1.0 / count[group])[repeated]
    pull = residual**2 / (errors[repeated] ** 2 + floor**2)
    stars, which = np.unique(number, return_inverse=True)
    excess = np.sqrt(np.bincount(which, pull) / np.bincount(which, freedom))
    scatter = np.sqrt(np.bincount(which, residual**2) / np.bincount(which, freedom))
    order = np.argsort(-excess)[:max_variable]
    chosen = order[excess[order] > significance]
    constant = ~np.isin(which, chosen)
    if not constant.any():
        raise AlgorithmError("every star with two measurements varies", n_stars=stars.size)

    def rms(keep: NDArray[np.bool_]) -> float:
        return float(np.sqrt(np.sum(residual[keep] ** 2) / np.sum(freedom[keep])))

    names = np.unique(bands[constant])
    return Repeatability(
        rms=rms(constant),
        by_band={str(name): rms(constant & (bands == name)) for name in names},
        n_stars=int(np.unique(number[constant]).size),
        n_measurements=int(constant.sum()),
        variable=stars[chosen],
        variable_rms=scatter[chosen],
    )


@dataclass(frozen=True, slots=True)
class FluxQuality:
    """Fluxes against the truth.

    Attributes
    ----------
    bias : float []
        Median relative deviation of the bright stars.
    bias_error : float []
        Error of the median.
    pull_width : float []
        Robust width of (flux - truth) / error of all stars.
    n_bright, n_all : int
        Stars.
    """

    bias: float
    bias_error: float
    pull_width: float
    n_bright: int
    n_all: int


def flux_quality(flux: ArrayLike, flux_error: ArrayLike, truth: ArrayLike, *, bright: float = 100.0) -> FluxQuality:
    """Measure bias and pulls of fluxes.

    Parameters
    ----------
    flux, flux_error : (n,) float [nJy]
        Measured.
    truth : (n,) float [nJy]
        True fluxes.
    bright : float []
        Stars with at least this true flux in units of the error are bright.

    Returns
    -------
    FluxQuality

    Raises
    ------
    AlgorithmError
        If there are fewer than 5 stars, or 5 bright ones.
    """
    f, e, t = (np.asarray(a, dtype=float) for a in (flux, flux_error, truth))
    good = np.isfinite(f) & np.isfinite(e) & (e > 0) & np.isfinite(t)
    f, e, t = f[good], e[good], t[good]
    is_bright = t >= bright * e
    if f.size < 5 or is_bright.sum() < 5:
        raise AlgorithmError("too few stars to compare fluxes", n_stars=f.size, n_bright=int(is_bright.sum()))
    relative = f[is_bright] / t[is_bright] - 1.0
    return FluxQuality(
        bias=float(np.median(relative)),
        bias_error=float(1.2533 * robust_width(relative) / np.sqrt(relative.size)),
        pull_width=robust_width((f - t) / e),
        n_bright=int(is_bright.sum()),
        n_all=int(f.size),
    )


def robust_width(values: ArrayLike) -> float:
    """Return half the distance of the 15.865th and 84.135th percentile: the standard deviation if Gaussian."""
    low, high = np.percentile(np.asarray(values, dtype=float), [15.865525, 84.134475])
    return float(0.5 * (high - low))
