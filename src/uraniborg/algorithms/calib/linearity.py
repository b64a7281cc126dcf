"""Linearity of an amplifier, from flats of a steady lamp and known exposure times.

The correction c(m) makes a measured level linear, m + c(m) = k t. Its value and its slope at zero are zero: small
signals define the scale, so the gain means the same with and without the correction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from uraniborg.core.errors import Unprocessable

__all__ = ("LinearityFit", "fit_linearity")

_FLOOR = 1e-4  # relative error that no level is thought to beat
_NODES = 45  # at which the correction is tabulated
_BEYOND = 1.1  # of the highest level: where the table ends
type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LinearityFit:
    """How one amplifier is made linear.

    Attributes
    ----------
    coefficient, coefficient_error : float [adu^-1]
        Quadratic correction, coefficient times measured level squared.
    nodes, corrections : (m,) float [adu]
        Spline correction: measured levels from zero on, and what is added there.
    rate : float [adu/s]
        Light of the lamp, in units of the measured times.
    residuals : (n,) float []
        Relative deviations from the line after the spline correction, in the order of the levels.
    quadratic_residuals : (n,) float []
        The same after the quadratic correction.
    used : (n,) bool
        Levels that entered.
    """

    coefficient: float
    coefficient_error: float
    nodes: Floats
    corrections: Floats
    rate: float
    residuals: Floats
    quadratic_residuals: Floats
    used: NDArray[np.bool_]

    def correct(self, levels: Floats) -> Floats:
        """Return levels made linear by the spline [adu]; none below zero, with the last slope above the nodes."""
        spline = CubicSpline(self.nodes, self.corrections, bc_type="natural")
        inside = np.clip(levels, 0.0, self.nodes[-1])
        above = np.maximum(levels - self.nodes[-1], 0.0)
        return np.asarray(levels + spline(inside) + above * spline(self.nodes[-1], 1))


def fit_linearity(
    levels: Floats, times: Floats, *, errors: Floats | None = None, highest: float = np.inf, knots: int = 6
) -> LinearityFit:
    """Fit the correction of one amplifier.

    Parameters
    ----------
    levels : (n,) float [adu]
        Mean levels of flats without bias and dark.
    times : (n,) float [s]
        Exposure times, or the charge of a photodiode.
    errors : (n,) float [adu], optional
        Standard errors of the levels; a relative floor of 1e-4 is added.
    highest : float [adu]
        Levels above are left out, as pixels are full there.
    knots : int
        Intervals of the cubic spline.

    Returns
    -------
    LinearityFit

    Raises
    ------
    Unprocessable
        If there are not enough levels for the spline.
    """
    used = np.isfinite(levels) & (levels > 0.0) & (times > 0.0) & (levels <= highest)
    distinct = np.unique(times[used]).size
    if distinct < 5:
        raise Unprocessable(f"{distinct} different exposure times of unsaturated flats; linearity needs at least 5")
    knots = max(1, min(knots, distinct - 3))
    m, t = levels[used], times[used]
    relative = np.full(m.size, _FLOOR) if errors is None else np.hypot(errors[used] / m, _FLOOR)
    rate, quadratic, covariance = _solve(m, t, relative, [m**2])
    coefficient = float(quadratic[0])
    edges = np.linspace(0.0, float(m.max()), knots + 1)
    shapes = [_shape(edges, k) for k in range(knots)]
    spline_rate, weights, _ = _solve(m, t, relative, [shape(m) for shape in shapes])
    # Pixels of the brightest flats are above its mean: there the correction goes on with its last slope.
    top = float(m.max())
    nodes = np.linspace(0.0, _BEYOND * top, _NODES)
    inside = np.minimum(nodes, top)
    corrections = np.zeros(_NODES)
    for w, shape in zip(weights, shapes, strict=True):
        corrections += w * (shape(inside) + (nodes - inside) * shape(top, 1))
    fit = LinearityFit(
        coefficient,
        float(np.sqrt(covariance[1, 1])),
        nodes,
        corrections,
        spline_rate,
        np.zeros(levels.size),
        np.zeros(levels.size),
        used,
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        residuals = np.where(used, fit.correct(levels) / (spline_rate * times) - 1.0, np.nan)
        bent = np.where(used, (levels + coefficient * levels**2) / (rate * times) - 1.0, np.nan)
    return LinearityFit(
        fit.coefficient, fit.coefficient_error, nodes, fit.corrections, spline_rate, residuals, bent, used
    )


def _shape(edges: Floats, k: int) -> CubicSpline:
    """Return the spline that is one at knot k + 1, zero at the others, and flat at zero."""
    values = np.zeros(edges.size)
    values[k + 1] = 1.0
    return CubicSpline(edges, values, bc_type=((1, 0.0), "not-a-knot" if edges.size > 3 else (2, 0.0)))


def _solve(m: Floats, t: Floats, relative: Floats, shapes: list[Floats]) -> tuple[float, Floats, Floats]:
    """Return the rate and the weights w of k t - sum of w shape = m, and their covariance."""
    unit = m / t
    scale = float(np.median(unit))
    columns = [t * scale / m, *(-shape / m for shape in shapes)]
    norms = np.array([float(np.abs(column).max()) for column in columns])
    matrix = np.stack(columns, axis=1) / norms / relative[:, None]
    values, *_ = np.linalg.lstsq(matrix, 1.0 / relative, rcond=None)
    covariance = np.linalg.pinv(matrix.T @ matrix) / np.outer(norms, norms)
    values = values / norms
    return float(values[0] * scale), values[1:], covariance
