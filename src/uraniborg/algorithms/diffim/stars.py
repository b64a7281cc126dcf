"""Choice of the stars that the matching kernel is fitted on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from uraniborg.algorithms.detection import detect_sources
from uraniborg.algorithms.diffim.subtract import Planes

__all__ = ("select_kernel_stars",)


def select_kernel_stars(
    template: Planes,
    psf: NDArray[np.floating],
    *,
    unusable: NDArray[np.bool_] | None = None,
    threshold: float = 50.0,
    keep_clear: int = 12,
    cell_size: int = 512,
    stars_per_cell: int = 5,
) -> NDArray[np.float64] | None:
    """Return bright sources of the template, spread over the image, away from unusable pixels.

    Galaxies serve as well as stars: both images show the same sky.

    Parameters
    ----------
    template : Planes
    psf : (k, k) float
        Its point-spread function.
    unusable : (ny, nx) bool, optional
        Pixels of the science image that must not be near.
    threshold : float
        Least signal-to-noise ratio.
    keep_clear : int [pixel]
        Least distance from unusable pixels and from the edge, along the axes.
    cell_size : int [pixel]
        The brightest of every cell of this size are taken.
    stars_per_cell : int

    Returns
    -------
    (n, 2) float or None
        Positions (y, x); None where an image is so small, or so empty, that all of its pixels should be used.
    """
    shape = template.image.shape
    if 2 * min(shape) < 3 * cell_size:
        return None
    bad = template.bad if unusable is None else template.bad | unusable
    found = detect_sources(template.image, template.variance, psf, unusable=bad, threshold=threshold)
    y, x = np.asarray(found.peak_y), np.asarray(found.peak_x)
    near = ndimage.maximum_filter(bad, size=2 * keep_clear + 1, mode="constant", cval=True)
    clear = ~near[y, x]
    y, x, value = y[clear], x[clear], np.asarray(found.peak_value)[clear]
    cell = (y // cell_size) * (shape[1] // cell_size + 1) + x // cell_size
    order = np.lexsort([x, y, -value, cell])
    rank = np.arange(order.size) - np.searchsorted(cell[order], cell[order])
    chosen = np.sort(order[rank < stars_per_cell])
    if chosen.size < 10:
        return None
    return np.stack([y[chosen], x[chosen]], axis=1).astype(np.float64)
