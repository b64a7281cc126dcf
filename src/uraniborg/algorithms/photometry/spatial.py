"""How the zero point varies over a detector: a multiplicative field of Chebyshev polynomials.

calibrated flux = instrumental flux x field(x, y). A richer field is taken only where it predicts left-out stars better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import ArrayLike, NDArray

from uraniborg.core.errors import AlgorithmError

__all__ = ("CalibrationField", "fit_calibration_field")

type Floats = NDArray[np.float64]

_STARS_PER_TERM = 10
"""Fewest stars for each coefficient."""
_TUNING = 4.685
_SIGNIFICANCE = 3.0
"""Standard errors by which a richer field has to predict left-out stars better."""


@dataclass(frozen=True, slots=True)
class CalibrationField:
    """Factor from instrumental to calibrated flux over a region.

    Attributes
    ----------
    coefficients : (p, q) float
        Element [p, q] belongs to T_p(y) T_q(x), with the region scaled to -1..1.
    corner : (x, y) float [pixel]
        Lower outer edge of the region (a pixel centre minus 1/2).
    size : (width, height) float [pixel]
        Of the region.
    error : float
        Relative error of the factor in the mean of the used stars.
    scatter : float
        Weighted relative standard deviation of the used stars about the field.
    used : (n,) bool
        Stars with more than a tenth of their full weight.
    """

    coefficients: Floats
    corner: tuple[float, float]
    size: tuple[float, float]
    error: float
    scatter: float
    used: NDArray[np.bool_]

    @property
    def degree(self) -> int:
        """Highest total degree with a coefficient that is not zero."""
        rows, columns = np.nonzero(self.coefficients)
        return int((rows + columns).max(initial=0))

    def evaluate(self, x: ArrayLike, y: ArrayLike) -> Floats:
        """Return the factor at positions [pixel], in the shape of ``x`` and ``y``."""
        u = 2.0 * (np.asarray(x, float) - self.corner[0]) / self.size[0] - 1.0
        v = 2.0 * (np.asarray(y, float) - self.corner[1]) / self.size[1] - 1.0
        return np.asarray(chebyshev.chebval2d(v, u, self.coefficients))


def _terms(u: Floats, v: Floats, degree: int) -> Floats:
    """Return T_p(v) T_q(u) for p + q <= degree, (n, k)."""
    table = chebyshev.chebvander2d(v, u, [degree, degree]).reshape(len(u), degree + 1, degree + 1)
    rows, columns = _pairs(degree)
    return np.asarray(table[:, rows, columns])


def _pairs(degree: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    pairs = np.array([(p, q) for p in range(degree + 1) for q in range(degree + 1 - p)], dtype=np.intp)
    return pairs[:, 0], pairs[:, 1]


def _robust(terms: Floats, ratio: Floats, sigma: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return coefficients, their covariance, robust weights and left-out residuals in units of the error."""
    robust = np.ones(len(ratio))
    middle = np.median(ratio)
    away = (ratio - middle) / sigma
    spread = max(1.0, 1.4826 * float(np.median(np.abs(away))))
    robust = np.where(np.abs(away) < 3.0 * _TUNING * spread, 1.0, 0.0)
    for _ in range(30):
        weight = robust / sigma**2
        covariance = np.linalg.pinv((terms * weight[:, None]).T @ terms, hermitian=True)
        found = covariance @ (terms.T @ (weight * ratio))
        away = (ratio - terms @ found) / sigma
        spread = max(1.0, 1.4826 * float(np.median(np.abs(away))))
        bent = np.clip(1.0 - (away / (_TUNING * spread)) ** 2, 0.0, None) ** 2
        if np.abs(bent - robust).max() < 1e-6:
            break
        robust = bent
    leverage = np.einsum("ni,ij,nj->n", terms, covariance, terms) * robust / sigma**2
    return found, covariance * spread**2, robust, away / np.maximum(1.0 - leverage, 1e-3)


def fit_calibration_field(
    flux: ArrayLike,
    flux_err: ArrayLike,
    magnitude: ArrayLike,
    *,
    magnitude_err: ArrayLike,
    x: ArrayLike,
    y: ArrayLike,
    corner: tuple[float, float],
    size: tuple[float, float],
    max_degree: int = 2,
    intrinsic_scatter: float = 0.0,
    reference_flux: float = 31.4,
    force: bool = False,
) -> CalibrationField:
    """Fit the calibration of instrumental fluxes over a detector.

    Parameters
    ----------
    flux, flux_err : (n,) float
        Instrumental fluxes; NaN or not positive are left out.
    magnitude, magnitude_err : (n,) float [mag]
        Known magnitudes; NaN are left out.
    x, y : (n,) float [pixel]
        Positions.
    corner, size : (x, y) pair of float [pixel]
        Lower outer edge and size of the region that is scaled to -1..1.
    max_degree : int
        Highest total degree.
    intrinsic_scatter : float [mag]
        Scatter of true magnitudes about those given, beyond their errors.
    reference_flux : float [mag]
        Magnitude of a calibrated flux of one.
    force : bool
        Take ``max_degree`` whatever it predicts.

    Returns
    -------
    CalibrationField

    Raises
    ------
    AlgorithmError
        If no star can be used.

    Notes
    -----
    Ratios of fluxes are fitted linearly, with Tukey's biweight (Beaton & Tukey 1974, Technometrics 16, 147).
    """
    counts, errors = np.asarray(flux, float), np.asarray(flux_err, float)
    known, known_err = np.asarray(magnitude, float), np.asarray(magnitude_err, float)
    with np.errstate(invalid="ignore"):
        good = np.isfinite(known + known_err + errors) & (counts > 0.0) & (errors > 0.0)
    if not good.any():
        raise AlgorithmError("no reference star with flux and magnitude for a calibration", n_stars=len(counts))
    ratio = 10.0 ** (-0.4 * (known[good] - reference_flux)) / counts[good]
    unit = float(np.median(ratio))
    per_mag = 0.4 * np.log(10.0)
    sigma = np.sqrt((errors[good] / counts[good]) ** 2 + per_mag**2 * (known_err[good] ** 2 + intrinsic_scatter**2))
    sigma, ratio = np.maximum(sigma, 1e-6), ratio / unit
    u = 2.0 * (np.asarray(x, float)[good] - corner[0]) / size[0] - 1.0
    v = 2.0 * (np.asarray(y, float)[good] - corner[1]) / size[1] - 1.0
    degree, best = 0, _robust(_terms(u, v, 0), ratio, sigma)
    for richer in range(1, max_degree + 1):
        terms = _terms(u, v, richer)
        if not force and len(ratio) < _STARS_PER_TERM * terms.shape[1]:
            break
        trial = _robust(terms, ratio, sigma)
        if force or _predicts_better(best[3], trial[3], np.minimum(best[2], trial[2])):
            degree, best = richer, trial
    found, covariance, robust, _ = best
    coefficients = np.zeros((degree + 1, degree + 1))
    coefficients[_pairs(degree)] = found * unit
    terms = _terms(u, v, degree)
    share = robust / sigma**2
    mean = np.average(terms, axis=0, weights=share)
    scatter = np.sqrt(np.average((ratio - terms @ found) ** 2, weights=share))
    used = np.zeros(len(counts), bool)
    used[good] = robust > 0.1
    return CalibrationField(coefficients, corner, size, float(np.sqrt(mean @ covariance @ mean)), float(scatter), used)


def _predicts_better(simple: Floats, rich: Floats, weight: Floats) -> bool:
    """Return whether left-out stars lie closer by more than some standard errors of the gain."""
    gain = (simple**2 - rich**2)[weight > 0.1]
    return len(gain) > 2 and bool(gain.mean() > _SIGNIFICANCE * gain.std(ddof=1) / np.sqrt(len(gain)))
