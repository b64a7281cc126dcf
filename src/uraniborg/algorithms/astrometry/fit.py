"""Robust fit of the small correction that takes first-guess positions to reference positions on a plane.

How rich the correction is follows from the number of stars and from how well it predicts stars left out of the fit,
so that a handful of stars gives a shift and never a wild polynomial.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.errors import AlgorithmError

__all__ = ("MODELS", "PlaneCorrection", "PlaneFit", "extra_error", "fit_correction")

MODELS: dict[str, int] = {"shift": 1, "similarity": 5, "affine": 8, "quadratic": 30, "cubic": 100}
"""Fewest stars for each model: 2, 4, 6, 12 and 20 parameters; each star gives two numbers."""

DEGREE = {"shift": 0, "similarity": 1, "affine": 1, "quadratic": 2, "cubic": 3}


@dataclass(frozen=True, slots=True)
class PlaneCorrection:
    """Polynomial displacement of points on a plane.

    Attributes
    ----------
    coefficients : (2, k) float [plane unit]
        Displacement of x and of y for each term.
    exponents : (k, 2) int
        Powers of the scaled x and y of each term.
    origin : (2,) float [plane unit]
        Point that is scaled to zero.
    scale : float [plane unit]
        Distance from the origin that is scaled to one.
    """

    coefficients: NDArray[np.float64]
    exponents: NDArray[np.intp]
    origin: NDArray[np.float64]
    scale: float

    def displacement(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the displacement of points.

        Parameters
        ----------
        points : (n, 2) float [plane unit]
            First-guess positions.

        Returns
        -------
        (n, 2) float [plane unit]
            Corrected minus first-guess positions.
        """
        return _terms((points - self.origin) / self.scale, self.exponents) @ self.coefficients.T

    def apply(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return corrected positions of points, (n, 2) [plane unit]."""
        return points + self.displacement(points)


@dataclass(frozen=True, slots=True)
class PlaneFit:
    """Result of `fit_correction`.

    Attributes
    ----------
    correction : PlaneCorrection
        What takes sources to references.
    model : str
        One of `MODELS`.
    n_parameters : int
        Number of fitted parameters.
    used : (n,) bool
        Pairs that were kept.
    residuals : (n, 2) float [plane unit]
        Reference minus corrected source position, for all pairs.
    left_out_residuals : (n, 2) float [plane unit]
        The same for a correction fitted without the pair; NaN where the others do not determine it. For pairs that
        were not used it equals ``residuals``.
    rms, left_out_rms : (2,) float [plane unit]
        Root mean square of the residuals of the used pairs for each axis (the first not corrected for the number of
        parameters).
    center_err : (2,) float [plane unit]
        Error of the correction at the origin, scaled up where the residuals exceed the given errors.
    chi2_dof : float
        Chi-square of the used pairs per degree of freedom; NaN without any.
    """

    correction: PlaneCorrection
    model: str
    n_parameters: int
    used: NDArray[np.bool_]
    residuals: NDArray[np.float64]
    left_out_residuals: NDArray[np.float64]
    rms: NDArray[np.float64]
    left_out_rms: NDArray[np.float64]
    center_err: NDArray[np.float64]
    chi2_dof: float


def _exponents(degree: int) -> NDArray[np.intp]:
    return np.array([(i, total - i) for total in range(degree + 1) for i in range(total, -1, -1)], dtype=np.intp)


def _terms(scaled: NDArray[np.float64], exponents: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the polynomial terms of scaled points, (n, k)."""
    return scaled[..., 0:1] ** exponents[:, 0] * scaled[..., 1:2] ** exponents[:, 1]


def _design(scaled: NDArray[np.float64], model: str) -> NDArray[np.float64]:
    """Return the derivatives of the displacement of each star by the parameters, (n, 2, p)."""
    if model == "similarity":
        x, y = scaled.T
        one, zero = np.ones_like(x), np.zeros_like(x)
        return np.stack([np.stack([one, zero, x, -y], axis=-1), np.stack([zero, one, y, x], axis=-1)], axis=1)
    terms = _terms(scaled, _exponents(DEGREE[model]))
    none = np.zeros_like(terms)
    return np.stack([np.hstack([terms, none]), np.hstack([none, terms])], axis=1)


def _coefficients(parameters: NDArray[np.float64], model: str) -> NDArray[np.float64]:
    if model == "similarity":
        dx, dy, stretch, turn = parameters
        return np.array([[dx, stretch, -turn], [dy, turn, stretch]])
    return parameters.reshape(2, -1)


@dataclass(frozen=True, slots=True)
class _Solution:
    parameters: NDArray[np.float64]
    covariance: NDArray[np.float64]
    residuals: NDArray[np.float64]
    left_out: NDArray[np.float64]


def _solve(
    design: NDArray[np.float64], offsets: NDArray[np.float64], variance: NDArray[np.float64], used: NDArray[np.bool_]
) -> _Solution:
    """Weighted least squares over the used stars, with the residuals that each star has when left out."""
    weight = np.where(used, 1.0 / variance, 0.0)
    flat = design.reshape(-1, design.shape[2])
    weighted = flat * np.repeat(weight, 2)[:, np.newaxis]
    covariance = np.linalg.pinv(weighted.T @ flat, hermitian=True)
    parameters = covariance @ (weighted.T @ offsets.ravel())
    residuals = offsets - design @ parameters
    # Leaving star i out: residual = (1 - H_ii)^-1 e_i with the star's 2x2 block of the hat matrix.
    complement = np.eye(2) - (weighted @ covariance).reshape(design.shape) @ design.transpose(0, 2, 1)
    determined = np.linalg.eigvalsh(complement)[:, 0] > 1e-9
    safe = np.where(determined[:, np.newaxis, np.newaxis], complement, np.eye(2))
    left_out = np.linalg.solve(safe, residuals[..., np.newaxis])[..., 0]
    left_out[~determined] = np.nan
    return _Solution(parameters, covariance, residuals, left_out)


def _clip(
    residuals: NDArray[np.float64], variance: NDArray[np.float64], used: NDArray[np.bool_], n_sigma: float
) -> NDArray[np.bool_]:
    """Return which stars lie within ``n_sigma`` of the errors, or of the scatter where that is larger."""
    pull = np.hypot(*residuals.T) / np.sqrt(variance)
    typical = np.median(pull[used]) / np.sqrt(2.0 * np.log(2.0))
    return np.asarray(pull <= n_sigma * max(1.0, float(typical)))


def _fit_model(
    model: str,
    scaled: NDArray[np.float64],
    offsets: NDArray[np.float64],
    variance: NDArray[np.float64],
    *,
    used: NDArray[np.bool_],
    n_sigma: float,
) -> tuple[_Solution, NDArray[np.bool_]]:
    design = _design(scaled, model)
    solution = _solve(design, offsets, variance, used)
    for _ in range(10):
        kept = _clip(solution.residuals, variance, used, n_sigma)
        if np.count_nonzero(kept) < MODELS[model] or np.array_equal(kept, used):
            break
        used = kept
        solution = _solve(design, offsets, variance, used)
    return solution, used


def _predicts_better(
    simple: NDArray[np.float64], rich: NDArray[np.float64], variance: NDArray[np.float64], used: NDArray[np.bool_]
) -> bool:
    """Return whether left-out stars lie closer by more than one standard error of the gain."""
    gain = (np.sum(simple**2, axis=1) - np.sum(rich**2, axis=1))[used] / variance[used]
    gain = gain[np.isfinite(gain)]
    return len(gain) > 1 and bool(gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)))


def _rms(values: NDArray[np.float64]) -> NDArray[np.float64]:
    values = values[np.isfinite(values).all(axis=1)]
    return np.sqrt(np.mean(values**2, axis=0)) if len(values) else np.full(2, np.nan)


def fit_correction(
    sources: NDArray[np.float64],
    references: NDArray[np.float64],
    errors: NDArray[np.float64],
    *,
    max_model: str = "cubic",
    n_sigma: float = 4.0,
    origin: NDArray[np.float64] | None = None,
    scale: float | None = None,
) -> PlaneFit:
    """Fit the displacement of matched positions.

    Models of rising richness (`MODELS`) are tried as far as the number of pairs allows; a richer one is taken if it
    predicts left-out stars better by more than one standard error. Pairs off by more than ``n_sigma`` are dropped.

    Parameters
    ----------
    sources, references : (n, 2) float [plane unit]
        Matched positions.
    errors : (n,) float [plane unit]
        Error of the difference of a pair for each axis: centroid, reference position and floor in quadrature.
    max_model : str
        Richest model to try.
    n_sigma : float
        Clipping limit on the length of a residual in units of its error.
    origin : (2,) float, optional [plane unit]
        Point about which polynomials are taken (default: centroid of the sources).
    scale : float, optional [plane unit]
        Unit of the polynomials (default: distance of the farthest source from the origin).

    Returns
    -------
    PlaneFit

    Raises
    ------
    AlgorithmError
        If there is no pair.
    """
    if len(sources) == 0:
        raise AlgorithmError("cannot fit a correction without matched stars", n_matches=0)
    origin = sources.mean(axis=0) if origin is None else np.asarray(origin, dtype=np.float64)
    scale = float(max(np.hypot(*(sources - origin).T).max(), 1e-12)) if scale is None else scale
    scaled, offsets, variance = (sources - origin) / scale, references - sources, np.asarray(errors) ** 2
    # Start from the median shift: it stands a third of wrong pairs even among three.
    used = _clip(offsets - np.median(offsets, axis=0), variance, np.ones(len(sources), dtype=bool), 2.0 * n_sigma)
    used = used if used.any() else np.ones(len(sources), dtype=bool)
    model = "shift"
    solution, kept = _fit_model(model, scaled, offsets, variance, used=used, n_sigma=n_sigma)
    names = list(MODELS)
    for rich in names[1 : names.index(max_model) + 1]:
        if np.count_nonzero(used) < MODELS[rich]:
            break
        trial, trial_kept = _fit_model(rich, scaled, offsets, variance, used=used, n_sigma=n_sigma)
        if _predicts_better(solution.left_out, trial.left_out, variance, kept | trial_kept):
            model, solution, kept = rich, trial, trial_kept
    correction = PlaneCorrection(
        _coefficients(solution.parameters, model), _exponents(DEGREE[model]), origin, float(scale)
    )
    return _summarise(correction, model, solution, used=kept, variance=variance)


def _summarise(
    correction: PlaneCorrection,
    model: str,
    solution: _Solution,
    *,
    used: NDArray[np.bool_],
    variance: NDArray[np.float64],
) -> PlaneFit:
    n_parameters = len(solution.parameters)
    dof = 2 * np.count_nonzero(used) - n_parameters
    chi2 = float(np.sum(solution.residuals[used] ** 2 / variance[used, np.newaxis]))
    chi2_dof = chi2 / dof if dof > 0 else np.nan
    at_origin = _design(np.zeros((1, 2)), model)[0]
    inflate = max(1.0, chi2_dof) if np.isfinite(chi2_dof) else 1.0
    center_err = np.sqrt(np.diag(at_origin @ solution.covariance @ at_origin.T) * inflate)
    return PlaneFit(
        correction=correction,
        model=model,
        n_parameters=n_parameters,
        used=used,
        residuals=solution.residuals,
        left_out_residuals=solution.left_out,
        rms=_rms(solution.residuals[used]),
        left_out_rms=_rms(solution.left_out[used]),
        center_err=center_err,
        chi2_dof=chi2_dof,
    )


def extra_error(residuals: NDArray[np.float64], errors: NDArray[np.float64], n_parameters: int) -> float:
    """Return the error that has to be added to those given for a chi-square of one per degree of freedom.

    Parameters
    ----------
    residuals : (n, k) float
        Of k axes.
    errors : (n,) float
        Error of each axis, in the same unit.
    n_parameters : int
        Of the fit.

    Returns
    -------
    float
        To be added in quadrature, in the same unit; zero where the given errors suffice.
    """
    square, variance = residuals**2, errors[:, np.newaxis] ** 2
    wanted = max(square.size - n_parameters, 1)
    if not square.size or np.sum(square / variance) <= wanted:
        return 0.0
    low, high = 0.0, float(np.sqrt(np.sum(square) / wanted))
    for _ in range(50):
        middle = 0.5 * (low + high)
        enough = np.sum(square / (variance + middle**2)) <= wanted
        low, high = (low, middle) if enough else (middle, high)
    return 0.5 * (low + high)
