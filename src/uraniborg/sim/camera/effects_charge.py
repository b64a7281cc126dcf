"""What happens to charge in the silicon: brighter-fatter effect, bleeding of saturated pixels, lossy transfer.

All functions conserve charge: what leaves a pixel arrives in another one or is accounted for in the result.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import convolve
from scipy.signal import oaconvolve

__all__ = (
    "BledImage",
    "bleed",
    "brighter_fatter",
    "brighter_fatter_kernel",
    "kernel_covariances",
    "transfer",
)

_KERNEL_RADIUS = 8  # [pixel]
_SOFTENING = 0.4  # [pixel]


@dataclass(frozen=True, slots=True)
class BledImage:
    """An image after blooming.

    Attributes
    ----------
    image : (ny, nx) float [electron]
        No pixel holds more than the full well.
    saturated : (ny, nx) bool
        Pixels that are full.
    lost : float [electron]
        Charge that ran over the ends of columns.
    """

    image: NDArray[np.float64]
    saturated: NDArray[np.bool_]
    lost: float


def brighter_fatter_kernel(slope: float) -> NDArray[np.float64]:
    """Return the scalar kernel K whose flats have a given loss of variance.

    The potential of one electron is taken as 1 / sqrt(r^2 + s^2) with s = 0.4 pixel, brought smoothly to zero at
    8 pixels; its scale is such that the discrete Laplacian at the origin is ``-slope``.

    Parameters
    ----------
    slope : float [electron^-1]
        Relative loss of variance of a flat for each electron of its level, -a00 of Astier et al. (2019, A&A 629, A36).

    Returns
    -------
    (17, 17) float [electron^-1]
        Centred on the middle pixel.
    """
    y, x = np.mgrid[-_KERNEL_RADIUS : _KERNEL_RADIUS + 1, -_KERNEL_RADIUS : _KERNEL_RADIUS + 1]
    r2 = (x**2 + y**2).astype(float)
    kernel = np.maximum(1.0 - r2 / _KERNEL_RADIUS**2, 0.0) ** 2 / np.sqrt(r2 + _SOFTENING**2)
    middle = kernel_covariances(kernel)[_KERNEL_RADIUS + 1, _KERNEL_RADIUS + 1]
    return np.asarray(kernel * (-slope / middle))


def kernel_covariances(kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the covariances of a flat that a kernel makes, for each electron of level squared.

    Parameters
    ----------
    kernel : (m, m) float [electron^-1]
        Scalar kernel.

    Returns
    -------
    (m + 2, m + 2) float [electron^-1]
        Discrete Laplacian of the kernel: to first order Cov(0, r) = mu delta(r) + mu^2 a(r). Its sum is zero.
    """
    laplacian = np.array([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])
    return np.asarray(convolve(np.pad(kernel, 1), laplacian, mode="constant"))


def brighter_fatter(image: NDArray[np.float64], kernel: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return an image whose pixels' boundaries have been pushed about by the charge collected.

    The boundary between two pixels moves by half the difference of the potential K * Q on both sides (half, because
    charge gathers while light falls), and moves the mean charge of the two pixels times this distance (Antilogus et
    al. 2014, JINST 9, C03048; Coulton et al. 2018, AJ 155, 258). No charge passes the edges of the image.

    Parameters
    ----------
    image : (ny, nx) float [electron]
        Charge as it would be without the effect.
    kernel : (m, m) float [electron^-1]
        Scalar kernel, m odd.

    Returns
    -------
    (ny, nx) float [electron]
        The same total.
    """
    reach = kernel.shape[0] // 2
    level = float(np.mean(image))
    surplus = np.pad(image - level, reach, mode="symmetric")
    potential = oaconvolve(surplus, kernel, mode="valid")
    return np.asarray(_move_boundaries(image, potential))


@njit(cache=True, nogil=True)
def _move_boundaries(image: NDArray[np.float64], potential: NDArray[np.float64]) -> NDArray[np.float64]:
    rows, columns = image.shape
    result = image.copy()
    for j in range(rows):
        for i in range(columns):
            if i + 1 < columns:
                flow = 0.25 * (image[j, i] + image[j, i + 1]) * (potential[j, i] - potential[j, i + 1])
                result[j, i] -= flow
                result[j, i + 1] += flow
            if j + 1 < rows:
                flow = 0.25 * (image[j, i] + image[j + 1, i]) * (potential[j, i] - potential[j + 1, i])
                result[j, i] -= flow
                result[j + 1, i] += flow
    return result


def bleed(image: NDArray[np.float64], *, full_well: float, stops: int = 1) -> BledImage:
    """Return an image in which surplus charge has run along the columns, half of it each way, until it found room.

    Parameters
    ----------
    image : (ny, nx) float [electron]
        Charge.
    full_well : float [electron]
        A pixel holds no more.
    stops : int
        The rows are divided into this many equal zones; charge does not pass from one to the next.

    Returns
    -------
    BledImage
    """
    result, lost = _bleed(image, full_well, image.shape[0] // stops)
    return BledImage(image=result, saturated=result >= full_well, lost=float(lost))


@njit(cache=True, nogil=True)
def _bleed(image: NDArray[np.float64], full_well: float, zone: int) -> tuple[NDArray[np.float64], float]:
    rows, columns = image.shape
    result = np.minimum(image, full_well)
    lost = 0.0
    for start in range(0, rows, zone):
        for i in range(columns):
            for step in (1, -1):
                carried = 0.0
                for k in range(zone):
                    j = start + k if step == 1 else start + zone - 1 - k
                    carried += 0.5 * max(image[j, i] - full_well, 0.0)
                    moved = min(carried, full_well - result[j, i])
                    result[j, i] += moved
                    carried -= moved
                lost += carried
    return result, lost


def transfer(
    lines: NDArray[np.float64], *, inefficiency: float, trap_time: float, register: int
) -> NDArray[np.float64]:
    """Return lines of pixels after lossy transfer to their first pixel's side.

    A packet that needs n transfers loses the share n times the inefficiency to traps, which release it into the
    packets that follow, with an exponential law. Pixel i needs i + 1 transfers, one of the overscan as many as the
    register has.

    Parameters
    ----------
    lines : (n, m) float [electron]
        Each line in order of read-out, scans included.
    inefficiency : float []
        Share lost in one transfer.
    trap_time : float [pixel]
        Time constant of the release.
    register : int [pixel]
        Number of real pixels of a line; what follows is overscan.

    Returns
    -------
    (n, m) float [electron]
        What is still trapped at the end of a line is missing from its total.
    """
    return np.asarray(_transfer(lines, inefficiency, np.exp(-1.0 / trap_time), register))


@njit(cache=True, nogil=True)
def _transfer(lines: NDArray[np.float64], inefficiency: float, kept: float, register: int) -> NDArray[np.float64]:
    result = lines.copy()
    for j in range(lines.shape[0]):
        trapped = 0.0
        for i in range(lines.shape[1]):
            released = trapped * (1.0 - kept)
            captured = min(inefficiency * min(i + 1, register), 1.0) * lines[j, i]
            result[j, i] += released - captured
            trapped += captured - released
    return result
