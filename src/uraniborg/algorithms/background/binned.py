"""Sky that sees through objects below the detection limit: the mesh on an image in bins as large as a star.

In single pixels the light of undetected stars is a few hundredths of the noise and leaves no trace in the histogram;
the skewness of the counted noise itself is larger. In bins of the size of a star the same light is a standard
deviation, and the counting skewness is sixteen times smaller. Let a fraction q of the bins hold one more standard
deviation: the mean rises by q, the median by q (Phi(1) - 1/2) / phi(0) = 0.856 q, and the sky is
``mean - 7 (mean - median)``. (The usual factor of 2.5 belongs to two standard deviations; objects much fainter than
one cannot be told from sky by any histogram.)
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.background.mesh import BackgroundModel, estimate_background

__all__ = ("estimate_deep_background",)

_BIN = 4
_SKEWNESS = 7.0
_CLIP = 4.0
_REACH = 4
_MIN_USABLE = 0.5
_MIN_IMAGE, _MIN_CELL = 256, 64

type Image = NDArray[np.float32]


@njit(cache=True, nogil=True)
def _bin(image: NDArray[np.floating], masked: NDArray[np.bool_], size: int, least: float) -> Image:
    """Return the means of squares of pixels, NaN where fewer than ``least`` of them are usable."""
    ny, nx = image.shape[0] // size, image.shape[1] // size
    out = np.empty((ny, nx), np.float32)
    total, number = np.empty(nx, np.float64), np.empty(nx, np.int64)
    for row in range(ny):
        total[:] = 0.0
        number[:] = 0
        for j in range(row * size, (row + 1) * size):
            line, bad = image[j], masked[j]
            for column in range(nx):
                for i in range(column * size, (column + 1) * size):
                    value = np.float64(line[i])
                    usable = value == value and not bad[i]
                    total[column] += value if usable else 0.0
                    number[column] += usable
        for column in range(nx):
            out[row, column] = total[column] / number[column] if number[column] >= least else np.nan
    return out


def estimate_deep_background(
    image: NDArray[np.floating], *, unusable: NDArray[np.bool_], cell_size: int = 128
) -> BackgroundModel:
    """Measure the sky below undetected sources on a mesh.

    Images smaller than 256 pixels and cells smaller than 64 pixels are not binned; they get what
    `estimate_background` gives.

    Parameters
    ----------
    image : (ny, nx) float
        Image with sky.
    unusable : (ny, nx) bool
        Bad pixels and those of detected objects.
    cell_size : int [pixel]
        Wanted side of a cell.

    Returns
    -------
    BackgroundModel
        Its noise is that of one pixel for noise without correlations.

    Raises
    ------
    Unprocessable
        If no cell has enough usable pixels.
    """
    if min(image.shape) < _MIN_IMAGE or cell_size < _MIN_CELL:
        return estimate_background(image, unusable=unusable, cell_size=cell_size)
    small = _bin(image, unusable, _BIN, _MIN_USABLE * _BIN**2)
    found = estimate_background(small, cell_size=cell_size // _BIN, clip=_CLIP, skewness=_SKEWNESS, reach=_REACH)
    return replace(
        found,
        rms=found.rms * _BIN,
        counts=found.counts * _BIN**2,
        x=_BIN * (found.x + 0.5) - 0.5,
        y=_BIN * (found.y + 0.5) - 0.5,
        shape=(image.shape[0], image.shape[1]),
    )
