"""What changes the light before it becomes charge: vignetting, dust, response of pixels, fringes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

__all__ = ("dust_shadows", "fringe_pattern", "fringe_phase", "vignetting")

_NODES = 6  # of the thickness of a sensor, along each side
_STEP = 4  # at which its slope is taken [pixel]


def vignetting(
    shape: tuple[int, int], *, centre: tuple[float, float], corner: float, loss: float
) -> NDArray[np.float64]:
    """Return the throughput 1 - loss (r / corner)^4 around the boresight.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the detector.
    centre : tuple of float [pixel]
        Position (x, y) of the boresight.
    corner : float [pixel]
        Distance at which the loss is reached.
    loss : float []
        Loss at the corner.

    Returns
    -------
    (ny, nx) float []
    """
    y = (np.arange(shape[0]) - centre[1]) / corner
    x = (np.arange(shape[1]) - centre[0]) / corner
    return np.asarray(1.0 - loss * (x[None, :] ** 2 + y[:, None] ** 2) ** 2)


def dust_shadows(shape: tuple[int, int], rng: np.random.Generator, *, mean_number: float) -> NDArray[np.float64]:
    """Return the throughput of a window with dust: out-of-focus shadows, which are rings.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the detector.
    rng : numpy.random.Generator
        Source of randomness.
    mean_number : float
        Mean number of grains.

    Returns
    -------
    (ny, nx) float []
    """
    result = np.ones(shape)
    number = int(rng.poisson(mean_number))
    centres = rng.uniform(0.0, 1.0, (number, 2)) * (shape[1], shape[0])
    radii, depths = rng.uniform(8.0, 25.0, number), rng.uniform(0.005, 0.03, number)
    for (x, y), radius, depth in zip(centres, radii, depths, strict=True):
        rows = slice(max(0, int(y - radius) - 2), int(y + radius) + 3)
        columns = slice(max(0, int(x - radius) - 2), int(x + radius) + 3)
        v, u = np.ogrid[rows.start : min(rows.stop, shape[0]), columns.start : min(columns.stop, shape[1])]
        distance = np.hypot(v - y, u - x)
        disc = np.clip(radius + 0.5 - distance, 0.0, 1.0) * np.clip(distance - 0.45 * radius + 0.5, 0.0, 1.0)
        result[rows, columns] *= 1.0 - depth * disc
    return result


def fringe_phase(shape: tuple[int, int], rng: np.random.Generator, *, spacing: float = 60.0) -> NDArray[np.float64]:
    """Return the phase of the fringes of a thin sensor whose thickness varies smoothly.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the detector.
    rng : numpy.random.Generator
        Source of the thickness.
    spacing : float [pixel]
        Distance of neighbouring fringes: one over the root mean square of the slope of the phase.

    Returns
    -------
    (ny, nx) float [cycle]
        A smooth random field.
    """
    nodes = np.linspace(0.0, 1.0, _NODES)
    coarse = rng.standard_normal((_NODES, _NODES))
    along_y = CubicSpline(nodes, coarse, bc_type="natural")(np.linspace(0.0, 1.0, shape[0]))
    phase = CubicSpline(nodes, along_y, axis=1, bc_type="natural")(np.linspace(0.0, 1.0, shape[1]))
    slopes = np.gradient(phase[::_STEP, ::_STEP], _STEP)
    phase *= 1.0 / (spacing * np.sqrt(np.mean(slopes[0] ** 2 + slopes[1] ** 2)))
    return np.asarray(phase)


def fringe_pattern(shape: tuple[int, int], rng: np.random.Generator, *, spacing: float = 60.0) -> NDArray[np.float64]:
    """Return the fringes of one line of the night sky: the cosine of `fringe_phase`.

    Parameters
    ----------
    shape, rng, spacing
        As for `fringe_phase`.

    Returns
    -------
    (ny, nx) float []
        Mean about zero, amplitude one.
    """
    return np.asarray(np.cos(2.0 * np.pi * fringe_phase(shape, rng, spacing=spacing)))
