"""The zero point of one detector image, from its matched reference stars."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from lsst.images import Box
from numpy.typing import NDArray

from uraniborg.algorithms.photometry import CalibrationField, ZeroPoint, fit_calibration_field, fit_zero_point
from uraniborg.core.flags import MeasurementFlag, has_flag

__all__ = ("choose_standards", "solve_photometry", "solve_variation", "usable_fluxes")

UNUSABLE_FLUX = (
    MeasurementFlag.PSF_FLUX_FAILED
    | MeasurementFlag.PSF_FLUX_EDGE
    | MeasurementFlag.PIXEL_BAD
    | MeasurementFlag.PIXEL_SATURATED
    | MeasurementFlag.PIXEL_SATURATED_CENTER
    | MeasurementFlag.PIXEL_COSMIC_RAY
    | MeasurementFlag.NEGATIVE
    | MeasurementFlag.NO_DATA
)
"""Flags of sources whose flux is not that of a star."""


def usable_fluxes(sources: Table) -> NDArray[np.bool_]:
    """Return which rows of ``PreliminarySource`` are point sources with a good flux, (n,)."""
    flagged = has_flag(np.asarray(sources["flags"]), UNUSABLE_FLUX)
    return ~flagged & ~(np.asarray(sources["extendedness"], dtype=np.float64) > 0.5)


def choose_standards(usable: NDArray[np.bool_], moving: NDArray[np.bool_], *, min_stars: int = 2) -> NDArray[np.bool_]:
    """Choose the reference objects that are stars beyond doubt, where there are enough of them.

    The colour relations hold for stars. A quasar has neither proper motion nor parallax, the colours of none of them,
    and varies; among a handful of reference objects one is enough to spoil a zero point.

    Parameters
    ----------
    usable : (n,) bool
        Objects with a magnitude and a good flux.
    moving : (n,) bool
        Significant proper motion or parallax.
    min_stars : int
        Number of moving objects that make the others dispensable.

    Returns
    -------
    (n,) bool
    """
    stars = usable & moving
    return stars if np.count_nonzero(stars) >= min_stars else usable


def solve_photometry(
    flux: NDArray[np.float64],
    flux_err: NDArray[np.float64],
    *,
    magnitude: NDArray[np.float64],
    magnitude_err: NDArray[np.float64],
    usable: NDArray[np.bool_],
    moving: NDArray[np.bool_],
    scatter: float,
    min_stars: int = 2,
) -> ZeroPoint:
    """Fit the zero point of matched sources.

    Parameters
    ----------
    flux, flux_err : (n,) float [electron]
        Aperture-corrected fluxes of the matched sources.
    magnitude, magnitude_err : (n,) float [mag]
        Of their reference stars, in the band of the image; NaN where not known.
    usable : (n,) bool
        Sources with a good flux.
    moving : (n,) bool
        Reference objects that are stars beyond doubt.
    scatter : float [mag]
        Intrinsic scatter of the colour relation.
    min_stars : int
        Fewest stars of a zero point.

    Returns
    -------
    ZeroPoint
        ``residuals`` are those of all stars with flux and magnitude, used or not.

    Raises
    ------
    AlgorithmError
        If too few stars can be used.
    """
    good = usable & np.isfinite(magnitude) & np.isfinite(flux) & (flux > 0.0)
    chosen = choose_standards(good, moving, min_stars=min_stars)
    fit = fit_zero_point(
        np.where(chosen, flux, np.nan),
        flux_err,
        magnitude,
        magnitude_err=magnitude_err,
        intrinsic_scatter=scatter,
        min_stars=min_stars,
    )
    residuals = np.full(len(flux), np.nan)
    residuals[good] = magnitude[good] + 2.5 * np.log10(flux[good]) - fit.zero_point
    return ZeroPoint(fit.zero_point, fit.error, fit.scatter, fit.n_used, fit.used, residuals)


def solve_variation(
    flux: NDArray[np.float64],
    flux_err: NDArray[np.float64],
    *,
    place: tuple[NDArray[np.float64], NDArray[np.float64]],
    bbox: Box,
    magnitude: NDArray[np.float64],
    magnitude_err: NDArray[np.float64],
    usable: NDArray[np.bool_],
    moving: NDArray[np.bool_],
    scatter: float,
    min_stars: int = 2,
    max_degree: int = 2,
) -> CalibrationField | None:
    """Fit how the calibration varies over an image.

    Parameters
    ----------
    flux, flux_err : (n,) float [electron]
    place : (x, y), each (n,) float [pixel]
        Positions of the stars.
    bbox : lsst.images.Box
        Pixels of the image.
    magnitude, magnitude_err, usable, moving, scatter, min_stars
        As for `solve_photometry`.
    max_degree : int
        Highest degree to try.

    Returns
    -------
    CalibrationField or None
        None where no variation is significant.
    """
    good = usable & np.isfinite(magnitude) & np.isfinite(flux) & (flux > 0.0)
    chosen = choose_standards(good, moving, min_stars=min_stars)
    if max_degree == 0 or not chosen.any():
        return None
    field = fit_calibration_field(
        np.where(chosen, flux, np.nan),
        flux_err,
        magnitude,
        magnitude_err=magnitude_err,
        x=place[0],
        y=place[1],
        corner=(bbox.x.min - 0.5, bbox.y.min - 0.5),
        size=(float(bbox.x.size), float(bbox.y.size)),
        max_degree=max_degree,
        intrinsic_scatter=scatter,
    )
    return field if field.degree > 0 else None
