"""Convolution of images and masks with small kernels, constant or changing smoothly over the image."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray
from scipy import signal

from uraniborg.algorithms.diffim.basis import chebyshev_terms, scaled_axis
from uraniborg.core.errors import UserError

DIRECT_WIDTH = 25
"""Wider kernels are applied in Fourier space, which is then faster."""

__all__ = ("convolve", "convolve_varying", "spread_mask")


@njit(cache=True, nogil=True, parallel=True)
def _convolve(padded: NDArray[np.float64], kernel: NDArray[np.float64], out: NDArray[np.float64]) -> None:
    height, width = kernel.shape
    n_x = out.shape[1]
    for y in prange(out.shape[0]):
        row = np.zeros(n_x)
        for j in range(height):
            line = padded[y + height - 1 - j]
            for i in range(width):
                value = kernel[j, i]
                if value != 0.0:
                    start = width - 1 - i
                    for x in range(n_x):
                        row[x] += value * line[start + x]
        out[y] = row


def convolve(image: NDArray[np.floating], kernel: NDArray[np.floating]) -> NDArray[np.float64]:
    """Convolve an image with a small kernel; outside the image there is zero.

    Every pixel is summed by one thread in one order, so that the result does not depend on the number of threads.

    Parameters
    ----------
    image : (ny, nx) float
        Finite pixels.
    kernel : (k, k) float
        Odd width, origin at the central pixel.

    Returns
    -------
    (ny, nx) float

    Raises
    ------
    UserError
        If the kernel has an even width.
    """
    height, width = kernel.shape
    if height % 2 == 0 or width % 2 == 0:
        raise UserError(f"a kernel needs an odd width to have a central pixel; its shape is {kernel.shape}")
    if width > DIRECT_WIDTH:
        return np.asarray(signal.oaconvolve(np.asarray(image, dtype=np.float64), kernel, mode="same"))
    padded = np.pad(np.asarray(image, dtype=np.float64), ((height // 2,) * 2, (width // 2,) * 2))
    out = np.empty(image.shape, dtype=np.float64)
    _convolve(padded, np.ascontiguousarray(kernel, dtype=np.float64), out)
    return out


def convolve_varying(image: NDArray[np.floating], kernels: NDArray[np.floating], *, order: int) -> NDArray[np.float64]:
    """Convolve an image with a kernel that changes over it as a Chebyshev polynomial.

    The kernel at an output pixel is ``sum_t P_t(pixel) kernels[t]``; because the sum commutes with the convolution
    the cost is one convolution for each spatial term, and nothing is approximated.

    Parameters
    ----------
    image : (ny, nx) float
        Finite pixels.
    kernels : (n_terms, k, k) float
        Kernel of each spatial term, in the order of `chebyshev_exponents`.
    order : int
        Total degree of the spatial polynomial.

    Returns
    -------
    (ny, nx) float
    """
    if order == 0:
        return convolve(image, kernels[0])
    y, x = scaled_axis(image.shape[0])[:, None], scaled_axis(image.shape[1])[None, :]
    result = np.zeros(image.shape)
    for term, kernel in zip(chebyshev_terms(y, x, order=order), kernels, strict=True):
        result += term * convolve(image, kernel)
    return result


def spread_mask(
    mask: NDArray[np.bool_], kernel: NDArray[np.floating], *, fraction: float = 0.005, outside: bool = False
) -> NDArray[np.bool_]:
    """Return the pixels that take more than a given share of their convolved value from masked pixels.

    Parameters
    ----------
    mask : (ny, nx) bool
        Masked pixels before the convolution.
    kernel : (k, k) float
        The kernel.
    fraction : float
        Smallest share, in absolute weight, that marks a pixel.
    outside : bool
        Whether what lies outside the image counts as masked.

    Returns
    -------
    (ny, nx) bool
    """
    weight = np.abs(kernel) / np.abs(kernel).sum()
    if outside:
        return 1.0 - convolve((~mask).astype(np.float64), weight) > fraction
    return convolve(mask.astype(np.float64), weight) > fraction
