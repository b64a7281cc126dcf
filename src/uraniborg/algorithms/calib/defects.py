"""Bad pixels: hot ones from darks, dead and dark ones from flats, weak columns from both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, uniform_filter1d

from uraniborg.algorithms.calib.noise import clipped_moments
from uraniborg.core.errors import UserError

__all__ = ("DefectMasks", "find_dark", "find_hot")

_CELL = 16  # in which the local level is a median [pixel]
_BLOCK = 64  # rows over which weak columns are averaged
type Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class DefectMasks:
    """Pixels that are not like the others.

    Attributes
    ----------
    pixels : (ny, nx) bool
        Single pixels above the threshold.
    columns : (ny, nx) bool
        Parts of columns whose mean stands out, although their pixels may not.
    threshold : float
        Deviation above which a pixel counts, in units of the image.
    """

    pixels: Mask
    columns: Mask
    threshold: float

    @property
    def all(self) -> Mask:
        """Pixels of either kind."""
        return self.pixels | self.columns


def find_hot(
    dark: NDArray[np.floating],
    variance: NDArray[np.floating],
    *,
    n_sigma: float = 6.0,
    floor: float = 0.0,
) -> DefectMasks:
    """Return pixels with more dark current than others.

    Parameters
    ----------
    dark : (ny, nx) float [electron/s]
        Combined dark of one amplifier or detector.
    variance : (ny, nx) float [electron^2/s^2]
        Its variance.
    n_sigma : float []
        Pixels this many standard deviations above the local level are hot. The deviation is the larger one of the
        scatter of the image and of the pixel's own variance without the light that makes it hot.
    floor : float [electron/s]
        Excess that is harmless; pixels below are not hot however well it is measured.
    """
    return _find(dark, variance, n_sigma=n_sigma, floor=floor, sign=1.0)


def find_dark(
    flat: NDArray[np.floating], variance: NDArray[np.floating], *, n_sigma: float = 8.0, floor: float = 0.05
) -> DefectMasks:
    """Return pixels that collect less light than their neighbours.

    Parameters
    ----------
    flat : (ny, nx) float []
        Combined flat.
    variance : (ny, nx) float []
        Its variance.
    n_sigma : float []
        Pixels this many standard deviations of the scatter below the local level are dark.
    floor : float []
        Relative loss that a flat corrects well enough; pixels above it are not dark.
    """
    return _find(flat, variance, n_sigma=n_sigma, floor=floor, sign=-1.0)


def _find(
    image: NDArray[np.floating], variance: NDArray[np.floating], *, n_sigma: float, floor: float, sign: float
) -> DefectMasks:
    if image.shape != variance.shape or min(image.shape) < 8:
        raise UserError(f"image {image.shape} and variance {variance.shape} must be alike, 8 x 8 pixels or more")
    usable = np.isfinite(image) & np.isfinite(variance)
    filled = np.where(usable, image, np.median(image[usable])).astype(np.float32)
    level = _local_level(filled)
    excess = sign * (filled - level)
    _, scatter, _ = clipped_moments(excess[usable][:: max(1, excess.size // 1_000_000)], clip=4.0)
    typical = float(np.median(variance[usable]))
    # A hot pixel's own variance is large because it is hot; the typical one tells what is normal.
    sigma = max(scatter, float(np.sqrt(typical)))
    threshold = max(n_sigma * sigma, floor)
    pixels = (excess > threshold) | ~usable
    columns = _columns(np.where(pixels, 0.0, excess), ~pixels, sigma, n_sigma, floor)
    return DefectMasks(_close_columns(pixels), columns, float(threshold))


def _local_level(image: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the median of cells, interpolated between their centres."""
    shape = [-(-size // _CELL) for size in image.shape]
    padding = [(0, n * _CELL - size) for n, size in zip(shape, image.shape, strict=True)]
    padded = np.pad(image, padding, mode="symmetric")
    cells = padded.reshape(shape[0], _CELL, shape[1], _CELL).swapaxes(1, 2).reshape(*shape, -1)
    values = np.median(cells, axis=2)
    for axis, size in enumerate(image.shape):
        place = (np.arange(size) - 0.5 * (_CELL - 1)) / _CELL
        left = np.clip(np.floor(place).astype(int), 0, max(shape[axis] - 2, 0))
        share = np.clip(place - left, 0.0, 1.0).astype(np.float32)
        share = share[:, None] if axis == 0 else share[None, :]
        right = np.minimum(left + 1, shape[axis] - 1)
        values = values.take(left, axis) * (1.0 - share) + values.take(right, axis) * share
    return np.asarray(values, dtype=np.float32)


def _columns(excess: NDArray[np.floating], good: Mask, sigma: float, n_sigma: float, floor: float) -> Mask:
    """Return parts of columns whose mean over some rows stands out."""
    size = min(_BLOCK, excess.shape[0])
    share = uniform_filter1d(good.astype(np.float32), size, axis=0, mode="constant")
    mean = uniform_filter1d(excess.astype(np.float32), size, axis=0, mode="constant") / np.maximum(share, 1e-3)
    error = sigma / np.sqrt(np.maximum(share * size, 1.0))
    return np.asarray((mean > np.maximum(n_sigma * error, 0.5 * floor)) & (share > 0.25))


def _close_columns(pixels: Mask) -> Mask:
    """Return the mask with gaps of a pixel within a bad column closed."""
    share = uniform_filter1d(pixels.astype(np.float32), 9, axis=0, mode="constant") * 9.0
    near = binary_dilation(pixels, structure=np.ones((3, 1), dtype=bool))
    return np.asarray(pixels | (near & (share >= 4.5)))
