"""A smooth map from the pixels of one grid to positions on another, kept on coarse nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.errors import AlgorithmError

__all__ = ("CoordinateTransform", "PixelMap", "cubic_weights", "sample_pixel_map")

type CoordinateTransform = Callable[[NDArray[np.float64], NDArray[np.float64]], tuple[NDArray[np.float64], ...]]
"""Function of (x, y) on the output grid that returns (x, y) on the input grid, both (n,) float [pixel]."""

MIN_SPACING = 4


@dataclass(frozen=True, slots=True)
class PixelMap:
    """Where the pixels of an output array lie on an input array.

    Node ``(j, i)`` belongs to the output pixel ``y = (j - 1) * spacing``, ``x = (i - 1) * spacing``; there is one
    node more than needed on each side, so that every pixel has four nodes along each axis for cubic interpolation.

    Attributes
    ----------
    shape : tuple of int
        Shape (ny, nx) of the output array.
    spacing : int
        Distance of the nodes [pixel].
    x, y : (my, mx) float64
        Positions on the input array, 0-based with integer pixel centres [pixel].
    area : (my, mx) float64
        Area of one output pixel in input pixels [pixel**2].
    max_error : float
        Largest interpolation error found at the centres of the node cells [pixel].
    """

    shape: tuple[int, int]
    spacing: int
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    area: NDArray[np.float64]
    max_error: float

    def evaluate(self, x: NDArray[np.floating], y: NDArray[np.floating]) -> tuple[NDArray[np.float64], ...]:
        """Return positions on the input array for positions on the output array.

        Parameters
        ----------
        x, y : (n,) float
            Positions inside the output array [pixel].

        Returns
        -------
        x, y : (n,) float64
            Positions on the input array [pixel].
        """
        return _interpolate(self.x, self.y, self.spacing, np.asarray(x, float), np.asarray(y, float))


def cubic_weights(t: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return Lagrange weights of the nodes at -1, 0, 1, 2 for positions 0 <= t <= 1, (n, 4)."""
    weights = np.empty((*t.shape, 4))
    weights[..., 0] = -t * (t - 1) * (t - 2) / 6
    weights[..., 1] = (t + 1) * (t - 1) * (t - 2) / 2
    weights[..., 2] = -(t + 1) * t * (t - 2) / 2
    weights[..., 3] = (t + 1) * t * (t - 1) / 6
    return weights


def _interpolate(
    x_nodes: NDArray[np.float64],
    y_nodes: NDArray[np.float64],
    spacing: int,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> tuple[NDArray[np.float64], ...]:
    column = np.clip(np.floor(x / spacing).astype(int), 0, x_nodes.shape[1] - 4)
    row = np.clip(np.floor(y / spacing).astype(int), 0, x_nodes.shape[0] - 4)
    wx = cubic_weights(x / spacing - column)
    wy = cubic_weights(y / spacing - row)
    index = (row[:, None, None] + np.arange(4)[:, None], column[:, None, None] + np.arange(4))
    found_x: NDArray[np.float64] = np.einsum("nj,ni,nji->n", wy, wx, x_nodes[index])
    found_y: NDArray[np.float64] = np.einsum("nj,ni,nji->n", wy, wx, y_nodes[index])
    return found_x, found_y


def _node_positions(n: int, spacing: int) -> NDArray[np.float64]:
    count = (max(n, 1) - 1) // spacing + 4
    positions: NDArray[np.float64] = (np.arange(count, dtype=np.float64) - 1.0) * spacing
    return positions


def sample_pixel_map(
    transform: CoordinateTransform, shape: tuple[int, int], *, spacing: int = 32, tolerance: float = 1e-3
) -> PixelMap:
    """Compute a map exactly on coarse nodes that are close enough for cubic interpolation between them.

    Parameters
    ----------
    transform : callable
        From output (x, y) to input (x, y), both (n,) float; 0-based array indices [pixel].
    shape : tuple of int
        Shape (ny, nx) of the output array.
    spacing : int, optional
        First distance of the nodes to try; halved until the map is good enough [pixel].
    tolerance : float, optional
        Largest error allowed at the centres of the node cells [pixel].

    Returns
    -------
    PixelMap

    Raises
    ------
    AlgorithmError
        If the map is not smooth enough for nodes every 4 pixels, or is not finite.
    """
    while True:
        nodes = _sample_nodes(transform, shape, spacing)
        error = _centre_error(transform, nodes, spacing)
        if error <= tolerance:
            area = _area(*nodes, spacing)
            return PixelMap(shape, spacing, nodes[0], nodes[1], area, error)
        if spacing // 2 < MIN_SPACING or not np.isfinite(error):
            raise AlgorithmError(
                "the map between the two pixel grids is not smooth; check both sky projections",
                error_pixel=error,
                spacing=spacing,
                tolerance=tolerance,
            )
        spacing //= 2


def _sample_nodes(
    transform: CoordinateTransform, shape: tuple[int, int], spacing: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x = _node_positions(shape[1], spacing)
    y = _node_positions(shape[0], spacing)
    grid_x, grid_y = np.meshgrid(x, y)
    source_x, source_y = transform(grid_x.ravel(), grid_y.ravel())
    return np.reshape(source_x, grid_x.shape), np.reshape(source_y, grid_x.shape)


def _centre_error(
    transform: CoordinateTransform, nodes: tuple[NDArray[np.float64], NDArray[np.float64]], spacing: int
) -> float:
    x = (np.arange(nodes[0].shape[1] - 3) + 0.5) * spacing
    y = (np.arange(nodes[0].shape[0] - 3) + 0.5) * spacing
    grid_x, grid_y = (array.ravel() for array in np.meshgrid(x, y))
    exact = transform(grid_x, grid_y)
    found = _interpolate(nodes[0], nodes[1], spacing, grid_x, grid_y)
    return float(np.max(np.hypot(found[0] - exact[0], found[1] - exact[1])))


def _area(x: NDArray[np.float64], y: NDArray[np.float64], spacing: int) -> NDArray[np.float64]:
    x_dy, x_dx = np.gradient(x, spacing, edge_order=2)
    y_dy, y_dx = np.gradient(y, spacing, edge_order=2)
    area: NDArray[np.float64] = np.abs(x_dx * y_dy - x_dy * y_dx)
    return area
