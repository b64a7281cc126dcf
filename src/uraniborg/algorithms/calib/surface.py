"""Smooth surfaces through an image: sums of products of Legendre polynomials, fitted to medians of cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from uraniborg.core.errors import Unprocessable

__all__ = ("Surface", "fit_surface")

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Surface:
    """A surface over a detector.

    Attributes
    ----------
    coefficients, errors : (k, k) float
        Of Legendre polynomials ``[y, x]`` on -1..1, in image units, and standard errors; those of a total degree of k
        or more are zero.
    shape : tuple of int
        Rows and columns.
    scatter : float
        Standard deviation of the cells around the surface.
    """

    coefficients: Floats
    errors: Floats
    shape: tuple[int, int]
    scatter: float

    def evaluate(self) -> NDArray[np.float32]:
        """Return the surface, (ny, nx)."""
        ny, nx = self.shape
        y = legendre.legvander(np.linspace(-1.0, 1.0, ny), len(self.coefficients) - 1)
        x = legendre.legvander(np.linspace(-1.0, 1.0, nx), len(self.coefficients) - 1)
        return np.asarray(y @ self.coefficients @ x.T, dtype=np.float32)


def fit_surface(
    image: NDArray[np.floating], *, bad: NDArray[np.bool_] | None = None, degree: int = 4, cell: int = 32
) -> Surface:
    """Fit a surface.

    Parameters
    ----------
    image : (ny, nx) float
        Pixels.
    bad : (ny, nx) bool, optional
        Pixels to leave out.
    degree : int
        Largest total degree.
    cell : int [pixel]
        Side of the cells; cells of which less than a fifth is usable are left out.

    Raises
    ------
    Unprocessable
        If there are fewer usable cells than coefficients.
    """
    masked = np.where(np.isfinite(image) if bad is None else np.isfinite(image) & ~bad, image, np.nan)
    ny, nx = (max(1, size // cell) for size in image.shape)
    edges_y, edges_x = (np.linspace(0, size, n + 1).astype(int) for size, n in zip(image.shape, (ny, nx), strict=True))
    values, weights = np.full((ny, nx), np.nan), np.zeros((ny, nx))
    for j in range(ny):
        strip = masked[edges_y[j] : edges_y[j + 1]]
        for i in range(nx):
            part = strip[:, edges_x[i] : edges_x[i + 1]]
            good = part[np.isfinite(part)]
            if good.size > 0.2 * part.size:
                values[j, i], weights[j, i] = np.median(good), np.sqrt(good.size)
    place_y, place_x = (
        (edges[:-1] + edges[1:] - 1.0) / (size - 1.0) - 1.0
        for edges, size in zip((edges_y, edges_x), image.shape, strict=True)
    )
    terms = [(p, q) for p in range(degree + 1) for q in range(degree + 1 - p)]
    use = weights > 0.0
    if use.sum() < len(terms) + 3:
        raise Unprocessable(f"{use.sum()} usable cells for {len(terms)} coefficients; use a lower degree or less mask")
    basis_y, basis_x = legendre.legvander(place_y, degree), legendre.legvander(place_x, degree)
    design = np.stack([(basis_y[:, p, None] * basis_x[None, :, q])[use] for p, q in terms], axis=1)
    y, w = values[use], weights[use]
    keep = np.ones(y.size, dtype=bool)
    for _ in range(4):
        solution, *_ = np.linalg.lstsq(design[keep] * w[keep, None], y[keep] * w[keep], rcond=None)
        offset = (y - design @ solution) * w
        scatter = float(np.sqrt(np.sum(offset[keep] ** 2) / max(keep.sum() - len(terms), 1)))
        keep = np.abs(offset) <= 4.0 * scatter + 1e-300
    inverse = np.linalg.pinv((design[keep] * w[keep, None]).T @ (design[keep] * w[keep, None]))
    coefficients, errors = np.zeros((degree + 1, degree + 1)), np.zeros((degree + 1, degree + 1))
    for (p, q), value, error in zip(terms, solution, np.sqrt(np.diag(inverse)) * scatter, strict=True):
        coefficients[p, q], errors[p, q] = value, error
    shape = (int(image.shape[0]), int(image.shape[1]))
    return Surface(coefficients, errors, shape, float(np.std((y - design @ solution)[keep])))
