"""Pictures of astrometric residuals over a focal plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

__all__ = ("draw_focal_plane", "mean_in_cells")

type Floats = NDArray[np.float64]


def mean_in_cells(
    points: Floats, values: Floats, *, cells: int, at_least: int = 3
) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Average values in square cells.

    Parameters
    ----------
    points : (n, 2) float
        Positions.
    values : (n, k) float
    cells : int
        Cells along the longer side.
    at_least : int
        Fewest points of a cell that is returned.

    Returns
    -------
    centers : (m, 2) float
        Middles of the cells.
    means : (m, k) float
    counts : (m,) int
    """
    low = points.min(axis=0)
    side = float((points.max(axis=0) - low).max()) / cells * (1.0 + 1e-9)
    index = np.floor((points - low) / side).astype(int)
    keys, inverse = np.unique(index, axis=0, return_inverse=True)
    counts = np.bincount(inverse)
    means = np.column_stack([np.bincount(inverse, column) / counts for column in values.T])
    kept = counts >= at_least
    return low + (keys[kept] + 0.5) * side, means[kept], counts[kept]


def draw_focal_plane(
    points: Floats, residuals: Floats, *, used: NDArray[np.bool_], path: Path, cells: int = 22
) -> Path:
    """Draw the mean residuals in cells of the field and the distribution of all of them.

    Parameters
    ----------
    points : (n, 2) float [deg]
        Field angles, East and North.
    residuals : (n, 2) float [mas]
        East and North.
    used : (n,) bool
        Stars to draw.
    path : pathlib.Path
        PNG to write.
    cells : int
        Cells along the field.

    Returns
    -------
    pathlib.Path
        The file.
    """
    centers, means, _ = mean_in_cells(points[used], residuals[used], cells=cells)
    figure = Figure(figsize=(8.4, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1.0))
    arrows = left.quiver(
        *centers.T, *means.T, np.hypot(*means.T), angles="xy", cmap="viridis", scale=250.0, width=0.005
    )
    left.quiverkey(arrows, 0.86, 1.03, 20.0, "20 mas", labelpos="E")
    left.set_aspect("equal")
    left.invert_xaxis()
    left.set_xlabel("East [deg]")
    left.set_ylabel("North [deg]")
    left.set_title("mean residual in cells", fontsize="medium")
    edges = np.linspace(-50.0, 50.0, 51)
    for axis, name in enumerate(("East", "North")):
        values = residuals[used, axis]
        label = f"{name}: rms {np.sqrt(np.mean(values**2)):.1f} mas"
        right.hist(np.clip(values, -50.0, 50.0), edges, histtype="step", label=label)
    right.legend(loc="upper right", fontsize="small")
    right.set_xlabel("reference minus star [mas]")
    right.set_ylabel("stars")
    right.set_title(f"{np.count_nonzero(used)} stars", fontsize="medium")
    figure.savefig(path, dpi=80)
    return path
