"""Resampling of PSF stamps by the local linear part of a map between two pixel grids."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.warp.lanczos import LANCZOS_ORDER, LANCZOS_TAPS, fill_taps, lanczos_table
from uraniborg.core.errors import UserError

__all__ = ("warp_psf", "warp_psf_stamps")


def warp_psf(
    stamp: NDArray[np.floating],
    jacobian: NDArray[np.floating],
    offset: NDArray[np.floating] | None = None,
    *,
    size: int | None = None,
) -> NDArray[np.float64]:
    """Return a PSF stamp as it looks on another pixel grid.

    Parameters
    ----------
    stamp : (m, m) float
        PSF on the input grid, centred on its middle pixel; m odd.
    jacobian : (2, 2) float
        Derivative of input (x, y) by output (x, y): column k is the step on the input grid for one output pixel
        along axis k.
    offset : (2,) float, optional
        Position (x, y) of the source on the output stamp, from its middle pixel [pixel].
    size : int, optional
        Side of the output stamp, odd; that of ``stamp`` if not given [pixel].

    Returns
    -------
    (size, size) float64
        As `warp_psf_stamps`.

    Raises
    ------
    UserError
        If a side is not odd or the Jacobian is singular.
    """
    offsets = None if offset is None else offset[np.newaxis]
    warped: NDArray[np.float64] = warp_psf_stamps(stamp[np.newaxis], jacobian[np.newaxis], offsets, size=size)[0]
    return warped


def warp_psf_stamps(
    stamps: NDArray[np.floating],
    jacobians: NDArray[np.floating],
    offsets: NDArray[np.floating] | None = None,
    *,
    size: int | None = None,
) -> NDArray[np.float64]:
    """Return many PSF stamps as they look on another pixel grid.

    Parameters
    ----------
    stamps : (n, m, m) float
        PSFs on the input grid, each centred on its middle pixel; m odd.
    jacobians : (n, 2, 2) float
        As of `warp_psf`.
    offsets : (n, 2) float, optional
        As of `warp_psf` [pixel].
    size : int, optional
        Side of the output stamps, odd; that of ``stamps`` if not given [pixel].

    Returns
    -------
    (n, size, size) float64
        Resampled with the normalised Lanczos-3 kernel, as `warp_image` does to a star, times the area ratio; each
        keeps its sum up to what falls outside the output stamp.

    Raises
    ------
    UserError
        If a side is not odd or a Jacobian is singular.
    """
    size = stamps.shape[-1] if size is None else size
    areas = np.abs(np.linalg.det(jacobians))
    square = stamps.ndim == 3 and stamps.shape[1] == stamps.shape[2] and stamps.shape[2] % 2 == 1
    if not square or size % 2 != 1 or np.any(areas == 0.0):
        raise UserError(
            f"need odd square stamps and regular Jacobians; got {stamps.shape}, {size}, smallest area {areas.min()}"
        )
    pad = LANCZOS_TAPS
    padded = np.pad(np.asarray(stamps, dtype=np.float64), ((0, 0), (pad, pad), (pad, pad)))
    centres = np.zeros((len(stamps), 2)) if offsets is None else np.asarray(offsets, dtype=np.float64)
    result = np.zeros((len(stamps), size, size))
    _warp_stamps(padded, np.asarray(jacobians, dtype=np.float64), centres, lanczos_table("float64"), result)
    result *= areas[:, np.newaxis, np.newaxis]
    return result


@njit(cache=True, nogil=True)
def _warp_stamps(
    padded: NDArray[np.float64],
    jacobians: NDArray[np.float64],
    centres: NDArray[np.float64],
    table: NDArray[np.floating],
    out: NDArray[np.float64],
) -> None:
    middle_in, middle_out = padded.shape[1] // 2, out.shape[1] // 2
    reach = middle_in - LANCZOS_TAPS + LANCZOS_ORDER
    wx, wy = np.empty(LANCZOS_TAPS), np.empty(LANCZOS_TAPS)
    for n in range(out.shape[0]):
        j = jacobians[n]
        for row in range(out.shape[1]):
            dy = row - middle_out - centres[n, 1]
            for column in range(out.shape[2]):
                dx = column - middle_out - centres[n, 0]
                x, y = j[0, 0] * dx + j[0, 1] * dy, j[1, 0] * dx + j[1, 1] * dy
                if abs(x) > reach or abs(y) > reach:
                    continue
                x0, y0 = int(np.floor(x)), int(np.floor(y))
                fill_taps(table, x - x0, wx)
                fill_taps(table, y - y0, wy)
                x0 += middle_in - LANCZOS_ORDER + 1
                y0 += middle_in - LANCZOS_ORDER + 1
                value = 0.0
                for k in range(LANCZOS_TAPS):
                    for i in range(LANCZOS_TAPS):
                        value += wy[k] * wx[i] * padded[n, y0 + k, x0 + i]
                out[n, row, column] = value
