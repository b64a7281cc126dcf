"""Sky over the whole focal plane: one smooth surface for all detectors of a visit, with a step for each of them.

The mesh of one detector follows whatever is a few hundred pixels wide, halos of bright galaxies too. The sky itself is
smooth over the focal plane. This takes the cells of all detectors together and tells the two apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from uraniborg.core.errors import Unprocessable

__all__ = ("FocalPlaneSky", "fit_focal_plane_sky")

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FocalPlaneSky:
    """A surface and the steps of the detectors.

    Attributes
    ----------
    coefficients : (order + 1, order + 1) float
        Of Chebyshev polynomials in x (first axis) and y, sum of the degrees at most ``order``.
    center, half_size : (2,) float
        Focal-plane coordinates are ``(x - center) / half_size`` in -1..1.
    steps : (n_detectors,) float
        What each detector is above the surface (gains, amplifiers); their mean is 0.
    used : (n,) bool
        Cells that entered.
    rms : float
        Scatter of these cells about the fit.
    """

    coefficients: Floats
    center: Floats
    half_size: Floats
    steps: Floats
    used: NDArray[np.bool_]
    rms: float

    def evaluate(self, x: Floats, y: Floats, detector: NDArray[np.integer] | int | None = None) -> Floats:
        """Return the sky at focal-plane positions, with the steps of their detectors if these are given."""
        u, v = (x - self.center[0]) / self.half_size[0], (y - self.center[1]) / self.half_size[1]
        level = np.asarray(chebyshev.chebval2d(u, v, self.coefficients))
        return level if detector is None else level + self.steps[detector]


def _design(u: Floats, v: Floats, order: int) -> tuple[NDArray[np.floating], list[tuple[int, int]]]:
    powers = [(i, j) for i in range(order + 1) for j in range(order + 1 - i)]
    full = chebyshev.chebvander2d(u, v, [order, order])
    return full[:, [i * (order + 1) + j for i, j in powers]], powers


def fit_focal_plane_sky(
    x: Floats,
    y: Floats,
    values: Floats,
    *,
    errors: Floats,
    detector: NDArray[np.integer],
    order: int = 4,
    clip: float = 3.0,
) -> FocalPlaneSky:
    """Fit the sky of a visit to the background cells of its detectors.

    Least absolute deviations, then least squares without what lies far above (objects only add light) or farther below.

    Parameters
    ----------
    x, y : (n,) float
        Centres of the cells in the focal plane, in any unit.
    values, errors : (n,) float
        Sky of each cell and its error; cells without a finite value or error do not count.
    detector : (n,) int
        Detector of each cell, from 0.
    order : int
        Highest degree of the surface.
    clip : float [standard deviation]
        Cells farther than this above, or half as far again below, are left out.

    Returns
    -------
    FocalPlaneSky

    Raises
    ------
    Unprocessable
        If there are fewer usable cells than parameters.
    """
    n_detectors = int(detector.max()) + 1 if detector.size else 0
    center = np.array([(np.max(c) + np.min(c)) / 2.0 for c in (x, y)]) if x.size else np.zeros(2)
    half = np.array([max((np.max(c) - np.min(c)) / 2.0, 1e-12) for c in (x, y)]) if x.size else np.ones(2)
    surface, powers = _design((x - center[0]) / half[0], (y - center[1]) / half[1], order)
    steps = (detector[:, None] == np.arange(n_detectors)[None, :]).astype(float)
    matrix = np.hstack([surface, steps])
    # The level belongs to the surface: the steps sum to zero, by one strong equation more.
    rule = np.concatenate([np.zeros(surface.shape[1]), np.ones(n_detectors)])[None, :]
    usable = np.isfinite(values) & np.isfinite(errors) & (errors > 0.0)
    if usable.sum() < matrix.shape[1]:
        raise Unprocessable(
            f"the sky of the focal plane has {matrix.shape[1]} parameters and only {int(usable.sum())} usable cells; "
            "use a lower order or mask less"
        )
    noise, level = np.where(usable, errors, 1.0), np.where(usable, values, 0.0)
    used, damping = usable.copy(), np.ones(values.shape)
    solution, scatter = np.zeros(matrix.shape[1]), 0.0
    for step in range(30):
        weight = np.where(used, np.sqrt(damping) / noise, 0.0)
        weighted = matrix * (weight**2)[:, None]
        normal = weighted.T @ matrix
        # A detector without cells has no step; the others follow the rule.
        normal += np.trace(normal) * (rule.T @ rule + 1e-12 * np.eye(matrix.shape[1]))
        solution = np.linalg.solve(normal, weighted.T @ level)
        residual = level - matrix @ solution
        scatter = 1.4826 * float(np.median(np.abs(residual[used] - np.median(residual[used]))))
        width = np.hypot(scatter, noise)
        if step < 12:  # least absolute deviations first, which a bright halo hardly moves
            damping = 1.0 / np.maximum(np.abs(residual) / width, 0.5)
            continue
        inside = usable & (residual < clip * width) & (residual > -1.5 * clip * width)
        if inside.sum() < matrix.shape[1] or (step > 12 and (inside == used).all()):
            break
        used, damping = inside, np.ones(values.shape)
    coefficients = np.zeros((order + 1, order + 1))
    for (i, j), value in zip(powers, solution, strict=False):
        coefficients[i, j] = value
    return FocalPlaneSky(coefficients, center, half, solution[len(powers) :], used, scatter)
