"""Fit of a pixel-grid point-spread function, varying over the image, to selected stars.

All stars and all polynomial terms are solved together: the normal equations are never formed but applied
(resample, weight, resample back) inside a conjugate-gradient solution. A Moffat profile fitted first is the
starting point and, with a stated spread, the prior of every grid value, so that few or faint stars give a
smooth model rather than a noisy one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from uraniborg.algorithms.measurement.moments import adaptive_moments
from uraniborg.algorithms.psf.analytic import choose_sampling, elliptical_moffat, stamp_size_for
from uraniborg.algorithms.psf.shape import radial_fwhm
from uraniborg.algorithms.psf.stars import StarStamps, cut_stamps, fit_centers
from uraniborg.core.errors import AlgorithmError
from uraniborg.core.pixelgrid import PsfModel, axis_weights, polynomial_terms

__all__ = ("PsfFit", "fit_psf", "fit_stamps")

type Floats = NDArray[np.float64]
type Singles = NDArray[np.float32]

_STARS_FOR_ORDER = (1, 8, 20, 60)
"""Fewest stars for a polynomial of order 0, 1, 2, 3."""

_ACCURACY = 0.005
"""Part of the model that is taken as its own error when pixels are weighted."""

_CORE_SPREAD, _FLOOR_SPREAD = 0.3, 5e-4
"""Prior spread of a grid value: this part of the analytic value plus this part of its peak."""


@dataclass(frozen=True, slots=True)
class PsfFit:
    """A fitted point-spread function.

    Attributes
    ----------
    model : PsfModel
    order : int
        Order of the polynomial that was used.
    n_stars, n_candidates : int
        Stars in the last fit, and stars given.
    used : (n_candidates,) bool
        Which stars entered the last fit.
    x, y : (n_candidates,) float [pixel]
        Fitted centres; NaN where a star was never fitted.
    flux : (n_candidates,) float
        Fitted fluxes.
    chi2 : (n_candidates,) float
        Chi-square per degree of freedom of each star, errors of the model counted in.
    chi2_dof : float
        Median of those used.
    fwhm : float [pixel]
        Median over the used stars.
    reason : str
        Why the order is lower than was asked for; empty where it is not.
    color_gradient : (g, g) float or None
        Change of the grid for a colour larger by one, where colours were given.
    """

    model: PsfModel
    order: int
    n_stars: int
    n_candidates: int
    used: NDArray[np.bool_]
    x: Floats
    y: Floats
    flux: Floats
    chi2: Floats
    chi2_dof: float
    fwhm: float
    reason: str
    color_gradient: Floats | None = None

    def at_color(self, color: float) -> PsfModel:
        """Return the model for a source of a colour, counted from that of ``model`` (in the unit of the colours given).

        Raises
        ------
        AlgorithmError
            If the fit has no colour term.
        """
        if self.color_gradient is None:
            raise AlgorithmError("this point-spread function was fitted without colours", color=color)
        changed = self.model.coefficients.copy()
        changed[0] += color * self.color_gradient
        return replace(self.model, coefficients=changed)


def fit_psf(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    *,
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    unusable: NDArray[np.bool_] | None = None,
    max_order: int = 2,
    fwhm: float = 4.0,
    max_stars: int = 1000,
    n_iterations: int = 4,
    color: NDArray[np.floating] | None = None,
) -> PsfFit:
    """Fit the point-spread function of an image.

    Parameters
    ----------
    image, variance : (ny, nx) float
        Background-subtracted image and its variance.
    x, y : (n,) float [pixel]
        Stars, best first: where there are more than ``max_stars`` the first ones are used.
    unusable : (ny, nx) bool, optional
        Pixels not to use.
    max_order : int
        Highest order of the polynomial in x and y (0 to 3); lower where stars are few.
    fwhm : float [pixel]
        First guess of the width.
    max_stars : int
        Largest number of stars used.
    n_iterations : int
        Rounds of model, centres and fluxes, rejection.
    color : (n,) float, optional
        Colour of each star minus that of the model wanted; the grid then also has a term linear in it. NaN counts as
        zero.

    Returns
    -------
    PsfFit

    Raises
    ------
    AlgorithmError
        If no star can be fitted.
    """
    stars = cut_stamps(image, variance, unusable, x=x[:max_stars], y=y[:max_stars], size=stamp_size_for(fwhm))
    found = fit_stamps(
        stars,
        (image.shape[1], image.shape[0]),
        fwhm=fwhm,
        max_order=max_order,
        n_iterations=n_iterations,
        color=None if color is None else color[:max_stars],
    )
    more = len(x) - len(stars.x0)
    rest = np.full(more, np.nan)
    return replace(
        found,
        n_candidates=len(x),
        used=np.pad(found.used, (0, more)),
        x=np.append(found.x, rest),
        y=np.append(found.y, rest),
        flux=np.append(found.flux, rest),
        chi2=np.append(found.chi2, rest),
    )


def fit_stamps(
    stars: StarStamps,
    field: tuple[int, int],
    *,
    fwhm: float,
    max_order: int = 2,
    n_iterations: int = 4,
    color: NDArray[np.floating] | None = None,
) -> PsfFit:
    """Fit the point-spread function to stamps of stars.

    Parameters
    ----------
    stars : StarStamps
        Stars, best first.
    field : (nx, ny) int [pixel]
        Size of the region that the stars are spread over; its middle is the origin of the polynomial.
    fwhm : float [pixel]
        First guess of the width.
    max_order, n_iterations, color
        As for `fit_psf`.

    Returns
    -------
    PsfFit

    Raises
    ------
    AlgorithmError
        If no star can be fitted.
    """
    n_candidates = len(stars.x0)
    if n_candidates == 0:
        raise AlgorithmError("no star to fit a point-spread function to; lower the limits of the selection", n_stars=0)
    shade = None if color is None else np.nan_to_num(np.asarray(color, float))
    alive = np.mean(np.isfinite(stars.variance), axis=(1, 2)) > 0.7
    base, sampling, stars, alive = _analytic_model(stars, alive, fwhm)
    solution = _Solution(base[None], _empty_model(base, field, sampling, stars.data.shape[-1]), None)
    chi2 = np.full(len(alive), np.nan)
    fitted = measurable = alive
    for step in range(n_iterations):
        order = _choose_order(int(alive.sum()), max_order)
        # The last round is iterated further: what comes before only finds centres and outliers.
        steps = 12 if step == n_iterations - 1 else 6
        some = None if shade is None else shade[alive]
        solution = _solve_model(stars.subset(alive), base, solution, order, color=some, steps=steps)
        stars, chi2 = _refit_stars(stars, solution, shade, steps=2 if step == 0 else 1)
        fitted = alive
        alive = _accept(chi2, measurable & np.isfinite(stars.flux) & (stars.flux > 0))
        if not alive.any():
            raise AlgorithmError("every star was rejected from the point-spread fit", n_candidates=n_candidates)
    return _summarise(solution, stars, fitted, chi2, max_order)


@dataclass(frozen=True, slots=True)
class _Solution:
    coefficients: Floats
    model: PsfModel
    gradient: Floats | None

    def grids(self, stars: StarStamps, color: Floats | None) -> Floats:
        """Return the grid of each star, (n, g, g)."""
        grids = self.model.grids(stars.x0, stars.y0)
        if self.gradient is None or color is None:
            return grids
        return np.asarray(grids + color[:, None, None] * self.gradient)


def _empty_model(base: Floats, field: tuple[int, int], sampling: float, size: int) -> PsfModel:
    center = ((field[0] - 1) / 2.0, (field[1] - 1) / 2.0)
    return PsfModel(base[None], 0, center, (field[0] / 2.0, field[1] / 2.0), sampling, size - 2)


def _choose_order(n_stars: int, max_order: int) -> int:
    return max(order for order in range(max_order + 1) if n_stars >= _STARS_FOR_ORDER[order] or order == 0)


def _weights(stars: StarStamps, stamps: Floats, clip: float) -> Floats:
    """Return inverse variances with the star's own noise taken from the model, not from the noisy data."""
    usable = np.isfinite(stars.variance)
    sky, inverse_gain = stars.sky_variance[:, None, None], stars.inverse_gain[:, None, None]
    model = np.nan_to_num(stars.flux)[:, None, None] * stamps
    noise = sky + inverse_gain * np.maximum(model, 0.0) + (_ACCURACY * model) ** 2
    # Pixels hit by something else are left out; the model may still be wrong by a fifth in the core.
    usable &= np.abs(stars.data - model) < clip * np.sqrt(noise) + 0.2 * np.abs(model)
    return np.where(usable, 1.0 / noise, 0.0)


def _analytic_model(
    stars: StarStamps, alive: NDArray[np.bool_], fwhm: float
) -> tuple[Floats, float, StarStamps, NDArray[np.bool_]]:
    """Fit a Moffat profile of common width, slope and shape to the first stars."""
    usable = np.isfinite(stars.variance)
    moments = adaptive_moments(
        stars.data, np.where(usable, stars.variance, 0.0), sigma=fwhm / 2.3548, offset=(stars.dx, stars.dy)
    )
    alive = alive & moments.converged
    if not alive.any():
        raise AlgorithmError("no star has measurable moments", n_stars=len(alive))
    stars = replace(
        stars,
        dx=np.where(alive, moments.x, stars.dx),
        dy=np.where(alive, moments.y, stars.dy),
        flux=np.where(alive, moments.flux, 0.0),
    )
    xx, yy, xy = (float(np.median(m[alive])) for m in (moments.xx, moments.yy, moments.xy))
    trace, root = xx + yy, np.sqrt(max(xx * yy - xy * xy, 0.0))
    shear = ((xx - yy) / (trace + 2.0 * root), 2.0 * xy / (trace + 2.0 * root))
    width = 2.3548 * (xx * yy - xy * xy) ** 0.25
    size = stars.data.shape[-1]
    bright = np.flatnonzero(alive)[:25]
    some = stars.subset(bright)
    fine = min(choose_sampling(width), 1.0)
    side = 2 * int(np.ceil((size // 2) / fine)) + 1

    def profile(parameters: Floats) -> Floats:
        return elliptical_moffat(
            float(np.exp(parameters[0])), float(np.exp(parameters[1])), size=side, sampling=fine, shear=shear
        )

    wx, wy = axis_weights(some.dx, fine, size, side), axis_weights(some.dy, fine, size, side)

    def misfit(parameters: Floats) -> float:
        if not (0.2 < parameters[1] < 3.5 and abs(parameters[0] - np.log(width)) < 1.0):
            return 1e30
        stamps = _resample(profile(parameters)[None], wx, wy)
        weight = _weights(some, stamps, np.inf)
        fitted = fit_centers(some, stamps, weight, move=False)
        residual = some.data - fitted.flux[:, None, None] * stamps
        return float(np.sum(np.minimum(weight * residual**2, 25.0)))

    best = minimize(misfit, np.log([width, 3.0]), method="Nelder-Mead", options={"maxfev": 60, "xatol": 1e-3})
    return profile(best.x), fine, stars, alive


def _resample(grids: Floats, wx: Floats, wy: Floats) -> Floats:
    return np.asarray(wy @ grids @ wx.transpose(0, 2, 1))


def _draw(solution: _Solution, stars: StarStamps, color: Floats | None) -> Floats:
    """Return the model at the stars' centres, which may lie outside the central pixel; sums to 1."""
    size, side = stars.data.shape[-1], solution.model.coefficients.shape[-1]
    wx, wy = (axis_weights(offset, solution.model.sampling, size, side) for offset in (stars.dx, stars.dy))
    stamps = _resample(solution.grids(stars, color), wx, wy)
    stamps /= stamps.sum(axis=(1, 2), keepdims=True)
    return stamps


def _solve_model(
    stars: StarStamps, base: Floats, start: _Solution, order: int, *, color: Floats | None, steps: int
) -> _Solution:
    """Solve for the grids of all terms, given centres and fluxes; products in single precision."""
    size, side = stars.data.shape[-1], base.shape[0]
    model = start.model
    wide = [axis_weights(offset, model.sampling, size, side) for offset in (stars.dx, stars.dy)]
    weight = _weights(stars, _draw(start, stars, color), 6.0).astype(np.float32)
    terms = polynomial_terms(
        (stars.x0 - model.center[0]) / model.scale[0], (stars.y0 - model.center[1]) / model.scale[1], order
    )
    n_poly = terms.shape[1]
    if color is not None:
        terms = np.column_stack([terms, color])
    n_terms = terms.shape[1]
    spread = _CORE_SPREAD * base + _FLOOR_SPREAD * base.max()
    precision = np.repeat(spread[None] ** -2.0, n_terms, axis=0).astype(np.float32)
    precision[1:] *= 16.0
    scaled = (terms * stars.flux[:, None]).astype(np.float32)
    wx, wy = (np.ascontiguousarray(values, np.float32) for values in wide)
    back_x, back_y = (np.ascontiguousarray(values.transpose(0, 2, 1)) for values in (wx, wy))

    def forward(unknown: Singles) -> Singles:
        return np.asarray(wy @ (scaled @ unknown.reshape(n_terms, -1)).reshape(-1, side, side) @ back_x)

    def adjoint(values: Singles) -> Singles:
        back = back_y @ values @ wx
        return np.asarray((scaled.T @ back.reshape(len(back), -1)).reshape(n_terms, side, side))

    def normal(unknown: Singles) -> Singles:
        return adjoint(weight * forward(unknown)) + precision * unknown

    residual = (stars.data - _resample(base[None], *wide) * stars.flux[:, None, None]).astype(np.float32)
    begin = np.zeros((n_terms, side, side))
    if len(start.coefficients) == n_terms:
        begin = start.coefficients.copy()
        begin[0] -= base
    light = (back_y**2 @ weight @ wx**2).reshape(len(wx), -1)
    diagonal = (precision + ((scaled**2).T @ light).reshape(n_terms, side, side)).astype(np.float32)
    change = _conjugate_gradient(normal, adjoint(weight * residual), begin.astype(np.float32), diagonal, steps=steps)
    found = change.astype(np.float64)
    found[0] += base
    found /= found[0].sum()
    gradient = found[-1] if color is not None else None
    return _Solution(found, replace(model, coefficients=found[:n_poly], order=order), gradient)


def _conjugate_gradient(
    apply: Callable[[Singles], Singles], right: Singles, start: Singles, diagonal: Singles, *, steps: int
) -> Singles:
    """Solve a symmetric positive system, preconditioned by its diagonal."""
    x = start.copy()
    r = right - apply(x)
    z = r / diagonal
    p, rz = z, float(np.sum(r * z))  # sums of millions of numbers, pairwise: single precision serves
    first = float(np.sum(right * right / diagonal))
    for _ in range(steps):
        if rz <= 1e-10 * first or rz == 0.0:
            break
        q = apply(p)
        alpha = np.float32(rz / float(np.sum(p * q)))
        x = x + alpha * p
        r = r - alpha * q
        z = r / diagonal
        rz, old = float(np.sum(r * z)), rz
        p = z + np.float32(rz / old) * p
    return x


def _refit_stars(
    stars: StarStamps, solution: _Solution, color: Floats | None, *, steps: int
) -> tuple[StarStamps, Floats]:
    """Refit centre and flux; centres are those of the model's matched Gaussian, so that it stays centred."""
    model = solution.model
    for _ in range(steps):
        stamps = _draw(solution, stars, color)
        stars = fit_centers(stars, stamps, _weights(stars, stamps, 6.0))
        stars = replace(stars, dx=np.clip(stars.dx, -3.0, 3.0), dy=np.clip(stars.dy, -3.0, 3.0))
    centered = model.evaluate(stars.x0, stars.y0)
    moments = adaptive_moments(centered, sigma=float(np.nanmedian(radial_fwhm(centered))) / 2.3548)
    stamps = _draw(solution, stars, color)
    weight = _weights(stars, stamps, np.inf)
    core = stamps > 0.02 * stamps.max(axis=(1, 2), keepdims=True)
    residual = stars.data - np.nan_to_num(stars.flux)[:, None, None] * stamps
    chi2 = np.sum(core * weight * residual**2, axis=(1, 2)) / np.maximum(
        np.sum(core & (weight > 0), axis=(1, 2)) - 3, 1
    )
    stars = replace(stars, dx=stars.dx + np.nan_to_num(moments.x), dy=stars.dy + np.nan_to_num(moments.y))
    return stars, chi2


def _accept(chi2: Floats, candidates: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return which stars fit about as well as the rest."""
    if candidates.sum() < 3:
        return candidates
    values = chi2[candidates]
    middle = np.median(values)
    scatter = 1.4826 * np.median(np.abs(values - middle))
    return np.asarray(candidates & (chi2 <= max(middle + 4.0 * scatter, 1.5 * middle)))


def _summarise(
    solution: _Solution, stars: StarStamps, alive: NDArray[np.bool_], chi2: Floats, max_order: int
) -> PsfFit:
    n_stars, model, reason = int(alive.sum()), solution.model, ""
    if model.order < max_order:
        reason = f"{n_stars} stars; order {model.order + 1} needs {_STARS_FOR_ORDER[model.order + 1]}"
    return PsfFit(
        model=model,
        order=model.order,
        n_stars=n_stars,
        n_candidates=len(alive),
        used=alive,
        x=stars.x0 + stars.dx,
        y=stars.y0 + stars.dy,
        flux=stars.flux,
        chi2=chi2,
        chi2_dof=float(np.median(chi2[alive])),
        fwhm=float(np.median(radial_fwhm(model.evaluate(stars.x0[alive], stars.y0[alive])))),
        reason=reason,
        color_gradient=solution.gradient,
    )
