"""Point-spread function of a difference image, from that of the science image and the filters applied to it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from uraniborg.algorithms.diffim.decorrelate import full_convolution
from uraniborg.core.pixelgrid import PsfModel, place_stamp, polynomial_terms

__all__ = ("convolve_model", "trim_kernel")


def trim_kernel(kernel: NDArray[np.floating], *, lost: float = 1e-3) -> NDArray[np.float64]:
    """Cut a kernel down to the smallest odd width that keeps nearly all of its absolute weight.

    Parameters
    ----------
    kernel : (k, k) float
        Odd width.
    lost : float
        Share of the absolute weight that may be cut off.

    Returns
    -------
    (m, m) float
        Same sum as before.
    """
    weight = np.abs(kernel)
    centre = kernel.shape[0] // 2
    offsets = np.abs(np.arange(kernel.shape[0]) - centre)
    ring = np.maximum(offsets[:, None], offsets)
    inside = np.cumsum(np.bincount(ring.ravel(), weight.ravel()))
    half = int(np.searchsorted(inside, (1.0 - lost) * inside[-1]))
    cut = kernel[centre - half : centre + half + 1, centre - half : centre + half + 1]
    return np.asarray(cut * (kernel.sum() / cut.sum()), dtype=np.float64)


def convolve_model(model: PsfModel, kernel: NDArray[np.floating], *, grow: int = 0) -> PsfModel:
    """Return the point-spread model of an image that was convolved with a constant kernel.

    Parameters
    ----------
    model : PsfModel
        Model of the image before. Where its sampling is not a whole fraction of a pixel it is first resampled at
        steps of half a pixel.
    kernel : (k, k) float
        Odd width, at steps of one pixel.
    grow : int [pixel]
        By how much stamps become wider on each side.

    Returns
    -------
    PsfModel
    """
    steps = round(1.0 / model.sampling)
    if abs(steps * model.sampling - 1.0) > 1e-9:
        model, steps = _resampled(model), 2
    half = kernel.shape[0] // 2
    spread = np.zeros((2 * half * steps + 1,) * 2)
    spread[::steps, ::steps] = kernel
    wide = np.stack([full_convolution(grid, spread) for grid in model.coefficients])
    excess = (half - grow) * steps
    if excess > 0:
        wide = wide[:, excess:-excess, excess:-excess]
    elif excess < 0:
        wide = np.pad(wide, ((0, 0), (-excess, -excess), (-excess, -excess)))
    return replace(model, coefficients=np.ascontiguousarray(wide), stamp_size=model.stamp_size + 2 * grow)


def _resampled(model: PsfModel) -> PsfModel:
    """Return the same model at steps of half a pixel.

    The polynomials are found again from the model at as many places as they have terms, and more.
    """
    places = np.cos(np.pi * (np.arange(model.order + 1) + 0.5) / (model.order + 1))
    u, v = (axis.ravel() for axis in np.meshgrid(places, places))
    grids = model.grids(model.center[0] + model.scale[0] * u, model.center[1] + model.scale[1] * v)
    half = model.stamp_size // 2
    fine = np.empty((len(u), 2 * model.stamp_size - 1, 2 * model.stamp_size - 1))
    stamp = np.empty((model.stamp_size, model.stamp_size))
    for index, grid in enumerate(grids):
        for row in (0, 1):
            for column in (0, 1):
                # A stamp moved by half a pixel towards lower coordinates shows the points half a pixel higher.
                place_stamp(grid, -0.5 * column, -0.5 * row, model.sampling, stamp)
                fine[index, row::2, column::2] = stamp[: stamp.shape[0] - row, : stamp.shape[1] - column]
    terms = polynomial_terms(u, v, model.order)
    solution = np.linalg.lstsq(terms, fine.reshape(len(u), -1), rcond=None)[0]
    return replace(
        model, coefficients=solution.reshape(-1, 4 * half + 1, 4 * half + 1), sampling=0.5, stamp_size=model.stamp_size
    )
