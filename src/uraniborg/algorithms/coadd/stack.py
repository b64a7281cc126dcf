"""A running weighted mean of warps, one at a time in memory, that knows its own PSF.

A warp has one weight for all its pixels. Where all warps reach a pixel the coadd is then one fixed linear combination
of them, and its PSF is the same combination of theirs; a weight that followed each pixel's variance would weigh down
the cores of bright stars.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = ("CoaddResult", "CoaddStack", "background_weight")

_SAMPLE = 1_000_000  # pixels that are enough for a median


@dataclass(frozen=True, slots=True)
class CoaddResult:
    """A finished coadd.

    Attributes
    ----------
    image, variance : (ny, nx) float32
        Weighted mean and the variance of each pixel by itself; NaN without data.
    mask : (ny, nx) uint32
        Bits of enough weight, and the no-data bit.
    rejected : (ny, nx) float32
        Share of the weight of the warps that reach a pixel that was left out because the pixel was bad; NaN where
        none reaches it.
    psf : (ni, nj, s, s) float64
        PSF of each cell; NaN for cells without data.
    noise_factor : float
        Variance of a wide sum divided by the sum of ``variance`` in it; NaN without data.
    n_valid : int
        Number of pixels with data.
    """

    image: NDArray[np.float32]
    variance: NDArray[np.float32]
    mask: NDArray[np.uint32]
    rejected: NDArray[np.float32]
    psf: NDArray[np.float64]
    noise_factor: float
    n_valid: int


def background_weight(variance: NDArray[np.floating], mask: NDArray[np.integer], *, ignore_bits: int) -> float:
    """Return the weight of a warp: one over the median variance of its background pixels.

    Parameters
    ----------
    variance : (ny, nx) float
        Variance; pixels that are not finite are passed over.
    mask : (ny, nx) int
        Mask words.
    ignore_bits : int
        Pixels with any of these bits (detected, bad) are passed over, unless nothing else is there.

    Returns
    -------
    float
        Zero if no pixel has a finite variance.
    """
    step = max(1, round(np.sqrt(variance.size / _SAMPLE)))
    sample, words = variance[::step, ::step], mask[::step, ::step]
    finite = np.isfinite(sample) & (sample > 0)
    quiet = finite & ((words & words.dtype.type(ignore_bits)) == 0)
    chosen = sample[quiet] if quiet.any() else sample[finite]
    return 1.0 / float(np.median(chosen)) if chosen.size else 0.0


class CoaddStack:
    """Accumulates warps into a coadd on a grid of cells.

    Parameters
    ----------
    grid : tuple of int
        Number of cells (ni, nj) along y and x.
    cell : tuple of int
        Shape (y, x) of a cell [pixel].
    psf_size : int
        Side of the PSF stamps, odd [pixel].
    no_data_bit : int
        Mask word of pixels without data.
    exclude_bits : int
        Pixels with any of these bits do not enter.
    carry : dict of int to float
        Mask word of a plane to the share of the weight that must have it for the coadd to have it; other planes are
        not handed on. Weight of pixels that did not enter counts.
    """

    def __init__(
        self,
        grid: tuple[int, int],
        cell: tuple[int, int],
        psf_size: int,
        *,
        no_data_bit: int,
        exclude_bits: int,
        carry: dict[int, float],
    ) -> None:
        shape = (grid[0] * cell[0], grid[1] * cell[1])
        self._cell = cell
        self._no_data_bit = no_data_bit
        self._exclude_bits = exclude_bits
        self._carry = dict(carry)
        # Sums of weight * value, weight**2 * variance, weight that entered, weight that reaches the pixel.
        self._sums = np.zeros((4, *shape), dtype=np.float32)
        self._carried = np.zeros((len(carry), *shape), dtype=np.float32)
        self._psf = np.zeros((*grid, psf_size, psf_size))
        self._psf_weight = np.zeros(grid)
        self._noise = np.zeros(2)

    def add(
        self,
        image: NDArray[np.floating],
        variance: NDArray[np.floating],
        mask: NDArray[np.integer],
        *,
        psf: NDArray[np.floating],
        weight: float,
        noise_factor: float = 1.0,
        start: tuple[int, int] = (0, 0),
    ) -> NDArray[np.float64]:
        """Add one warp.

        Parameters
        ----------
        image, variance : (ny, nx) float
            Planes of whole cells; NaN without data.
        mask : (ny, nx) int
            Mask words.
        psf : (ni, nj, s, s) float
            PSF at the centre of each cell; a cell whose stamp is not finite does not enter.
        weight : float
            Weight of this warp, positive.
        noise_factor : float, optional
            Of this warp, see `CoaddResult`.
        start : tuple of int, optional
            Index (i, j) of the warp's first cell in the grid of the coadd.

        Returns
        -------
        (ni, nj) float64
            Share of the pixels of each cell that entered.

        Raises
        ------
        UserError
            If the planes do not fit the cells or the grid, or the weight is not positive.
        """
        cells = psf.shape[:2]
        shape = (cells[0] * self._cell[0], cells[1] * self._cell[1])
        room = (self._psf.shape[0] - start[0], self._psf.shape[1] - start[1])
        fits = min(start) >= 0 and cells[0] <= room[0] and cells[1] <= room[1]
        if not (image.shape == variance.shape == mask.shape == shape and fits and psf.shape[2:] == self._psf.shape[2:]):
            raise UserError(
                f"warp of shape {image.shape} with PSFs {psf.shape} at cell {start} does not fit cells of "
                f"{self._cell} pixels and PSFs {self._psf.shape}"
            )
        if not weight > 0.0:
            raise UserError(f"the weight of a warp must be positive, not {weight}")
        has_psf = np.isfinite(psf).all(axis=(2, 3))
        top, left = start[0] * self._cell[0], start[1] * self._cell[1]
        box = (slice(None), slice(top, top + shape[0]), slice(left, left + shape[1]))
        counts = np.zeros(cells)
        noise = _accumulate(
            image,
            variance,
            mask.astype(np.uint32),
            has_psf,
            (np.float32(weight), np.uint32(self._exclude_bits), np.uint32(self._no_data_bit)),
            np.array(list(self._carry), dtype=np.uint32),
            self._cell,
            self._sums[box],
            self._carried[box],
            counts,
        )
        coverage: NDArray[np.float64] = counts / (self._cell[0] * self._cell[1])
        region = (slice(start[0], start[0] + cells[0]), slice(start[1], start[1] + cells[1]))
        self._psf[region] += np.where(has_psf[..., None, None], psf, 0.0) * (weight * coverage)[..., None, None]
        self._psf_weight[region] += weight * coverage
        self._noise += [noise * noise_factor, noise]
        return coverage

    def finish(self) -> CoaddResult:
        """Return the coadd of everything that was added."""
        value, noise, used, total = self._sums
        with np.errstate(divide="ignore", invalid="ignore"):
            valid = used > 0
            image = np.where(valid, value / used, np.float32(np.nan))
            variance = np.where(valid, noise / used**2, np.float32(np.nan))
            rejected = np.where(total > 0, 1 - used / total, np.float32(np.nan))
            psf = self._psf / self._psf_weight[..., None, None]
            factor = float(self._noise[0] / self._noise[1]) if self._noise[1] > 0 else float("nan")
        mask = np.where(valid, np.uint32(0), np.uint32(self._no_data_bit))
        for carried, (bit, share) in zip(self._carried, self._carry.items(), strict=True):
            mask |= np.where((carried > 0) & (carried >= np.float32(share) * total), np.uint32(bit), np.uint32(0))
        return CoaddResult(image, variance, mask, rejected, psf, factor, int(np.count_nonzero(valid)))


@njit(cache=True, nogil=True)
def _accumulate(
    image: NDArray[np.floating],
    variance: NDArray[np.floating],
    mask: NDArray[np.uint32],
    has_psf: NDArray[np.bool_],
    settings: tuple[np.float32, np.uint32, np.uint32],
    planes: NDArray[np.uint32],
    cell: tuple[int, int],
    sums: NDArray[np.float32],
    carried: NDArray[np.float32],
    counts: NDArray[np.float64],
) -> float:
    """Add one warp to the sums; count the pixels that entered by cell and return their sum of w^2 variance."""
    weight, exclude, no_data = settings
    noise = 0.0
    for y in range(image.shape[0]):
        for x in range(image.shape[1]):
            word = mask[y, x]
            finite = np.isfinite(image[y, x]) and np.isfinite(variance[y, x])
            if not has_psf[y // cell[0], x // cell[1]] or (not finite and (word & ~no_data) == 0):
                continue
            sums[3, y, x] += weight
            for k in range(planes.shape[0]):
                if word & planes[k]:
                    carried[k, y, x] += weight
            if not finite or (word & exclude):
                continue
            sums[0, y, x] += weight * image[y, x]
            sums[1, y, x] += weight * weight * variance[y, x]
            sums[2, y, x] += weight
            counts[y // cell[0], x // cell[1]] += 1
            noise += weight * weight * variance[y, x]
    return noise
