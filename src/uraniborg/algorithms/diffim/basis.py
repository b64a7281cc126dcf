"""Basis of matching kernels (Gaussians times polynomials) and its smooth change over an image.

Kernels have an odd width and their origin at the central pixel; `convolve` flips nothing: it is a true convolution.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import chebyshev, hermite_e
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = (
    "KernelBasis",
    "chebyshev_exponents",
    "chebyshev_terms",
    "gaussian_kernel_basis",
    "matching_widths",
    "scaled_axis",
)


@dataclass(frozen=True, slots=True)
class KernelBasis:
    """Kernels whose linear combinations match one point-spread function to another.

    Attributes
    ----------
    images : (n, k, k) float
        Basis kernels; the first has unit sum, all others sum to zero, so that the coefficient of the first is the
        sum of the kernel (its flux ratio).
    columns, rows : (m, k) float
        One-dimensional factors along x and along y of the ``m`` separable products that the basis is made of.
    mixing : (n, m) float
        ``images = mixing @ products``.
    """

    images: NDArray[np.float64]
    columns: NDArray[np.float64]
    rows: NDArray[np.float64]
    mixing: NDArray[np.float64]

    @property
    def half_width(self) -> int:
        """Number of pixels from the centre to the edge of the kernels."""
        return int(self.images.shape[-1]) // 2


def gaussian_kernel_basis(sigmas: tuple[float, ...], degrees: tuple[int, ...], *, half_width: int) -> KernelBasis:
    """Return the basis of Alard & Lupton (1998, ApJ 503, 325), eq. 4.

    Each Gaussian is multiplied by all polynomials in (x, y) of total degree up to its own; Hermite polynomials span
    the same space as plain powers and keep the normal equations well conditioned.

    Parameters
    ----------
    sigmas : tuple of float [pixel]
        Widths of the Gaussians.
    degrees : tuple of int
        Total degree of the polynomial that goes with each Gaussian.
    half_width : int [pixel]
        Kernels are ``2 * half_width + 1`` wide.

    Returns
    -------
    KernelBasis

    Raises
    ------
    UserError
        If the two tuples differ in length, or a width is not positive.
    """
    if len(sigmas) != len(degrees) or not sigmas or min(sigmas) <= 0 or min(degrees) < 0 or half_width < 1:
        raise UserError(
            f"a kernel basis needs one degree (>= 0) for each width (> 0) and a half width >= 1; "
            f"got widths {sigmas}, degrees {degrees}, half width {half_width}"
        )
    offsets = np.arange(-half_width, half_width + 1, dtype=np.float64)
    columns, rows = [], []
    for sigma, degree in zip(sigmas, degrees, strict=True):
        profile = np.exp(-0.5 * (offsets / sigma) ** 2)
        factors = hermite_e.hermevander(offsets / sigma, degree).T * profile
        factors /= np.sqrt((factors**2).sum(axis=1, keepdims=True))
        for total in range(degree + 1):
            for power in range(total + 1):
                columns.append(factors[total - power])
                rows.append(factors[power])
    columns_array, rows_array = np.array(columns), np.array(rows)
    sums = columns_array.sum(axis=1) * rows_array.sum(axis=1)
    mixing = np.eye(len(columns))
    mixing[:, 0] -= sums / sums[0]
    mixing[0] = 0.0
    mixing[0, 0] = 1.0 / sums[0]
    products = rows_array[:, :, None] * columns_array[:, None, :]
    images = np.einsum("nm,mij->nij", mixing, products)
    return KernelBasis(images=images, columns=columns_array, rows=rows_array, mixing=mixing)


def matching_widths(target_sigma: float, source_sigma: float, *, smallest: float = 0.7) -> tuple[float, float, float]:
    """Return the three Gaussian widths that suit the match of one point-spread function to a broader one.

    The middle one is the width of the Gaussian that turns the source into the target; the others are half and
    twice as wide, for the core and for the wings.

    Parameters
    ----------
    target_sigma, source_sigma : float [pixel]
        Gaussian widths of the image to be matched to and of the image to be convolved.
    smallest : float [pixel]
        Lower limit of the narrowest width.

    Returns
    -------
    tuple of three float [pixel]
    """
    middle = max(np.sqrt(max(target_sigma**2 - source_sigma**2, 0.0)), 2.0 * smallest)
    return 0.5 * middle, middle, 2.0 * middle


def scaled_axis(n: int) -> NDArray[np.float64]:
    """Return the pixel centres of an axis scaled so that its outer edges, half a pixel farther out, are -1 and 1.

    Parameters
    ----------
    n : int
        Number of pixels.

    Returns
    -------
    (n,) float
    """
    return np.asarray((np.arange(n) + 0.5) * (2.0 / n) - 1.0, dtype=np.float64)


def chebyshev_exponents(order: int) -> NDArray[np.intp]:
    """Return the (y, x) degrees of all two-dimensional Chebyshev terms of total degree up to ``order``.

    Returns
    -------
    ((order + 1) (order + 2) / 2, 2) int
        Ordered by total degree; the constant term is the first.
    """
    pairs = [(total - i, i) for total in range(order + 1) for i in range(total + 1)]
    return np.array(pairs, dtype=np.intp)


def chebyshev_terms(y: NDArray[np.floating], x: NDArray[np.floating], *, order: int) -> NDArray[np.float64]:
    """Return all two-dimensional Chebyshev terms of total degree up to ``order``.

    Parameters
    ----------
    y, x : (...) float
        Coordinates scaled to [-1, 1]; they broadcast against each other.
    order : int
        Highest total degree.

    Returns
    -------
    (n_terms, ...) float
    """
    exponents = chebyshev_exponents(order)
    along_y = np.moveaxis(chebyshev.chebvander(np.asarray(y, dtype=np.float64), order), -1, 0)
    along_x = np.moveaxis(chebyshev.chebvander(np.asarray(x, dtype=np.float64), order), -1, 0)
    return np.asarray(np.stack([along_y[j] * along_x[i] for j, i in exponents]), dtype=np.float64)
