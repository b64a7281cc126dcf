"""Aperture correction: how much of a star's light the point-spread stamp leaves out."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ("ApertureCorrection", "measure_aperture_correction")


@dataclass(frozen=True, slots=True)
class ApertureCorrection:
    """Ratio of aperture flux to point-source flux.

    Attributes
    ----------
    value, error : float
        Weighted mean after clipping and its standard error, from the scatter of the stars; NaN without stars.
    n_stars : int
        Stars that entered.
    """

    value: float
    error: float
    n_stars: int


def measure_aperture_correction(
    psf_flux: NDArray[np.floating],
    aperture_flux: NDArray[np.floating],
    *,
    aperture_flux_err: NDArray[np.floating],
    clip: float = 3.0,
    systematic: float = 0.001,
) -> ApertureCorrection:
    """Measure the factor that takes point-source fluxes to fluxes in a large aperture.

    Parameters
    ----------
    psf_flux, aperture_flux, aperture_flux_err : (n,) float
        Of isolated bright stars.
    clip : float [standard deviation]
        Where stars are left out.
    systematic : float
        Error of one ratio that is added to that of noise.

    Returns
    -------
    ApertureCorrection
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.asarray(aperture_flux / psf_flux, float)
        error = np.hypot(np.asarray(aperture_flux_err / psf_flux, float), systematic)
    keep = np.isfinite(ratio) & np.isfinite(error) & (np.asarray(psf_flux) > 0)
    if not keep.any():
        return ApertureCorrection(math.nan, math.nan, 0)
    center = float(np.median(ratio[keep]))
    for _ in range(5):
        spread = max(1.4826 * float(np.median(np.abs(ratio[keep] - center))), systematic)
        inside = keep & (np.abs(ratio - center) < clip * np.hypot(spread, error))
        if not inside.any() or (inside == keep).all():
            break
        keep = inside
        center = float(np.average(ratio[keep], weights=error[keep] ** -2))
    weight = error[keep] ** -2
    center = float(np.average(ratio[keep], weights=weight))
    chi2 = float(np.sum(weight * (ratio[keep] - center) ** 2)) / max(int(keep.sum()) - 1, 1)
    return ApertureCorrection(center, math.sqrt(max(chi2, 1.0) / float(np.sum(weight))), int(keep.sum()))
