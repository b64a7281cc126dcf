"""The brighter-fatter kernel from the covariances of flats.

To first order a flat of level mu has the covariances mu^2 a, and a is the discrete Laplacian of the scalar kernel K
(Coulton et al. 2018, AJ 155, 258). Charge is conserved, so the sum of a over all distances is zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve

from uraniborg.core.errors import UserError

__all__ = ("KernelFit", "kernel_from_covariances", "laplacian")

type Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KernelFit:
    """A kernel and how well it is known.

    Attributes
    ----------
    kernel, error : (2 m - 1, 2 m - 1) float [electron^-1]
        Scalar kernel, symmetric, centred on the middle pixel, and its standard error.
    surplus, surplus_error : float [electron^-1]
        Sum of the measured coefficients over all distances, which should be zero within its error.
    """

    kernel: Floats
    error: Floats
    surplus: float
    surplus_error: float


def laplacian(kernel: Floats) -> Floats:
    """Return the coefficients a that a kernel makes, two rows and columns larger [electron^-1]."""
    stencil = np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
    return np.asarray(convolve(np.pad(kernel, 1), stencil, mode="constant"))


def kernel_from_covariances(a: Floats, a_error: Floats) -> KernelFit:
    """Return the kernel whose Laplacian is closest to measured coefficients.

    Unknown are the values of one octant of the kernel (rows and columns need not be alike, so of one quadrant), which
    falls to zero outside. Least squares with the errors as weights: the sum of the Laplacian is zero by construction.

    Parameters
    ----------
    a, a_error : (m, m) float [electron^-1]
        Coefficients ``[dy, dx]`` and their standard errors.

    Returns
    -------
    KernelFit

    Raises
    ------
    UserError
        If the arrays are not square or not alike, or an error is not positive.
    """
    if a.shape != a_error.shape or a.ndim != 2 or a.shape[0] != a.shape[1]:
        raise UserError(f"coefficients of shape {a.shape} with errors of shape {a_error.shape}; both must be (m, m)")
    if not np.all(np.isfinite(a_error) & (a_error > 0.0)):
        raise UserError("errors of coefficients must be positive and finite; fit them all")
    size = a.shape[0]
    count = size * size
    design = np.zeros((count, count))
    for k in range(count):
        quarter = np.zeros((size, size))
        quarter.flat[k] = 1.0
        design[:, k] = laplacian(_mirror(quarter))[size:-1, size:-1].ravel()
    weights = 1.0 / a_error.ravel()
    solution, *_ = np.linalg.lstsq(design * weights[:, None], a.ravel() * weights, rcond=None)
    covariance = np.linalg.pinv((design * weights[:, None]).T @ (design * weights[:, None]))
    error = np.sqrt(np.maximum(np.diag(covariance), 0.0)).reshape(size, size)
    times = np.outer(*[np.where(np.arange(size) > 0, 2.0, 1.0)] * 2)
    surplus_error = float(np.sqrt(np.sum((times * a_error) ** 2)))
    return KernelFit(_mirror(solution.reshape(size, size)), _mirror(error), float(np.sum(times * a)), surplus_error)


def _mirror(quarter: Floats) -> Floats:
    half = np.concatenate([quarter[:0:-1], quarter])
    return np.concatenate([half[:, :0:-1], half], axis=1)
