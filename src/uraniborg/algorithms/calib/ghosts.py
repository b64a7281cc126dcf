"""A model of optical ghosts: rings of light of bright stars, reflected between surfaces, fitted to images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from uraniborg.core.errors import AlgorithmError, Unprocessable

__all__ = ("GhostFit", "GhostScene", "fit_ghost", "ghost_light")

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class GhostScene:
    """Light away from objects, and the stars that make ghosts; all positions from the optical axis.

    Attributes
    ----------
    x, y : (n,) float [pixel]
        Centres of cells of pixels without objects.
    light, error : (n,) float [electron/pixel]
        Mean light of the cells above the sky, and standard error.
    star_x, star_y : (m,) float [pixel]
        Bright stars.
    star_flux : (m,) float [electron]
        Their light.
    """

    x: Floats
    y: Floats
    light: Floats
    error: Floats
    star_x: Floats
    star_y: Floats
    star_flux: Floats


@dataclass(frozen=True, slots=True)
class GhostFit:
    """One pair of reflecting surfaces.

    Attributes
    ----------
    magnification, magnification_error : float []
        Centre of the ghost over position of the star.
    offset_x, offset_y : float [pixel]
        Shift of all ghosts of the pair.
    radius, radius_error : float [pixel]
        Outer radius.
    inner : float []
        Inner radius over outer radius.
    fraction, fraction_error : float []
        Light of the ghost over light of the star.
    chi2 : float []
        Sum of squared residuals over degrees of freedom.
    """

    magnification: float
    magnification_error: float
    offset_x: float
    offset_y: float
    radius: float
    radius_error: float
    inner: float
    fraction: float
    fraction_error: float
    chi2: float


def ghost_light(scene: GhostScene, values: Floats, *, edge: float = 3.0) -> Floats:
    """Return the light of all ghosts of one pair of surfaces.

    Parameters
    ----------
    scene : GhostScene
        Cells and stars.
    values : (6,) float
        Magnification, offset in x and y [pixel], outer radius [pixel], inner over outer radius, fraction.
    edge : float [pixel]
        Width over which the rings fall to zero.

    Returns
    -------
    (n,) float [electron/pixel]
        Even light over rings.
    """
    magnification, offset_x, offset_y, radius, inner, fraction = values
    area = np.pi * radius**2 * (1.0 - inner**2)
    total = np.zeros(scene.x.size)
    for x, y, flux in zip(scene.star_x, scene.star_y, scene.star_flux, strict=True):
        distance = np.hypot(scene.x - magnification * x - offset_x, scene.y - magnification * y - offset_y)
        ring = np.clip((radius - distance) / edge + 0.5, 0.0, 1.0)
        ring *= np.clip((distance - inner * radius) / edge + 0.5, 0.0, 1.0)
        total += flux * fraction / area * ring
    return total


def fit_ghost(
    scene: GhostScene,
    *,
    radii: tuple[float, float],
    magnifications: tuple[float, float] = (-2.0, 2.0),
    edge: float = 16.0,
    offset_limit: float = 200.0,
) -> GhostFit:
    """Fit one pair of surfaces: a scan over magnification and radius, then least squares.

    Parameters
    ----------
    scene : GhostScene
        Cells and stars. To fit a second pair, subtract `ghost_light` of the first.
    radii, magnifications : tuple of float
        Limits of the scan.
    edge : float [pixel]
        Width of the edges of the model; at least the size of the cells.
    offset_limit : float [pixel]
        Largest shift.

    Raises
    ------
    Unprocessable
        If there are no stars or too few cells.
    AlgorithmError
        If there is no ghost: its light is less than five standard errors.
    """
    if not scene.star_flux.size or scene.x.size < 100:
        raise Unprocessable(f"{scene.star_flux.size} stars and {scene.x.size} cells are not enough for ghosts")
    start = _scan(scene, radii, magnifications, edge)

    def residual(values: Floats) -> Floats:
        return np.asarray((scene.light - values[6] - ghost_light(scene, values[:6], edge=edge)) / scene.error)

    limits = (
        [magnifications[0], -offset_limit, -offset_limit, 0.5 * radii[0], 0.0, 0.0, -np.inf],
        [magnifications[1], offset_limit, offset_limit, 2.0 * radii[1], 0.9, 1.0, np.inf],
    )
    scales = [0.01, 2.0, 2.0, 0.02 * start[3], 0.03, 0.05 * max(start[5], 1e-9), 0.1]
    begin = np.clip(np.append(start, 0.0), np.array(limits[0]) + 1e-12, np.array(limits[1]) - 1e-12)
    solution = least_squares(residual, begin, x_scale=scales, bounds=limits, loss="soft_l1", diff_step=1e-4)
    values = solution.x
    errors = np.sqrt(np.maximum(np.diag(np.linalg.pinv(solution.jac.T @ solution.jac)), 0.0))
    if not values[5] > 5.0 * errors[5]:
        raise AlgorithmError("no ghost found", fraction=float(values[5]), error=float(errors[5]))
    chi2 = float(np.sum(residual(values) ** 2) / (scene.x.size - 7))
    return GhostFit(
        *(float(values[0]), float(errors[0]), float(values[1]), float(values[2])),
        *(float(values[3]), float(errors[3]), float(values[4]), float(values[5]), float(errors[5]), chi2),
    )


def _scan(scene: GhostScene, radii: tuple[float, float], magnifications: tuple[float, float], edge: float) -> Floats:
    """Return the values of the grid that explain most of the light."""
    weight = 1.0 / scene.error**2
    light = scene.light - np.average(scene.light, weights=weight)
    # Bright ghosts of the brightest stars are enough to find a first guess.
    brightest = np.argsort(-scene.star_flux)[:8]
    every = slice(None, None, max(1, scene.x.size // 4000))
    weight, light = weight[every], light[every]
    part = GhostScene(
        scene.x[every],
        scene.y[every],
        scene.light[every],
        scene.error[every],
        scene.star_x[brightest],
        scene.star_y[brightest],
        scene.star_flux[brightest],
    )
    best, found = 0.0, np.array([magnifications[0], 0.0, 0.0, radii[0], 0.5, 1e-6])
    count = max(3, int(np.ceil(np.log(radii[1] / radii[0]) / 0.12)))
    reach = float(np.hypot(part.star_x, part.star_y).max())
    steps = int(np.clip((magnifications[1] - magnifications[0]) * reach / (0.25 * radii[0]), 21, 201))
    for magnification in np.linspace(*magnifications, steps):
        for radius in np.geomspace(*radii, count):
            for inner in (0.0, 0.5):
                values = np.array([magnification, 0.0, 0.0, radius, inner, 1.0])
                model = ghost_light(part, values, edge=edge)
                model -= np.average(model, weights=weight)
                norm = float(np.sum(weight * model**2))
                product = float(np.sum(weight * model * light))
                if norm > 0.0 and product > 0.0 and product**2 / norm > best:
                    best, found = product**2 / norm, np.append(values[:5], product / norm)
    return found
