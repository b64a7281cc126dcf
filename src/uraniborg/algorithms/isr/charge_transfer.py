"""Charge transfer inefficiency: what traps took from a packet and gave to later ones is put back.

The model is linear: a packet that needs n transfers loses the share n times c, and what is trapped is released into the
packets that follow, with an exponential law. Running along a line, both are known for each pixel from the pixels read
before it, so the inverse is exact and takes one pass.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.isr.geometry import DetectorGeometry, amplifier_view
from uraniborg.core.errors import UserError

__all__ = ("correct_charge_transfer", "restore_columns", "restore_rows")


def correct_charge_transfer(
    electrons: NDArray[np.float32],
    geometry: DetectorGeometry,
    *,
    serial: NDArray[np.floating],
    parallel: NDArray[np.floating],
    trap_time: NDArray[np.floating],
) -> NDArray[np.float32]:
    """Return the charge that was collected from the charge that was read out.

    Parameters
    ----------
    electrons : (ny, nx) float32 [electron]
        Charge that was read out, in the orientation of the detector.
    geometry : DetectorGeometry
        The amplifiers; columns before the data (prescan) are transferred through.
    serial, parallel : (n,) float []
        Share of a packet that each transfer leaves behind, for each amplifier.
    trap_time : (n,) float [pixel]
        Time constant of the release, in transfers.

    Returns
    -------
    (ny, nx) float32 [electron]
    """
    for name, values in (("serial", serial), ("parallel", parallel), ("trap_time", trap_time)):
        if len(values) != geometry.n_amplifiers:
            raise UserError(f"{name} has {len(values)} values for {geometry.n_amplifiers} amplifiers")
    result = electrons.copy()
    for k, amplifier in enumerate(geometry.amplifiers):
        view = amplifier_view(result, amplifier)
        pixels = np.ascontiguousarray(view)
        if serial[k] > 0.0:
            restore_rows(pixels, float(serial[k]), float(trap_time[k]), amplifier.data.x0, out=pixels)
        if parallel[k] > 0.0:
            restore_columns(pixels, float(parallel[k]), float(trap_time[k]), amplifier.data.y0, out=pixels)
        view[...] = pixels
    return result


def restore_rows(
    lines: NDArray[np.float32], share: float, trap_time: float, before: int, *, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return rows of packets as they were before their transfer to the side of the first column.

    Parameters
    ----------
    lines : (n, m) float32 [electron]
        Rows in the order of read-out, without overscan.
    share : float []
        Share lost in one transfer.
    trap_time : float [pixel]
        Time constant of the release.
    before : int [pixel]
        Empty packets that were read before the first column.
    out : (n, m) float32, optional
        Where to write the result; may be ``lines``.
    """
    result = np.empty_like(lines) if out is None else out
    _restore_rows(lines, (share, float(np.exp(-1.0 / trap_time)), before), result)
    return result


def restore_columns(
    lines: NDArray[np.float32], share: float, trap_time: float, before: int, *, out: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """Return columns of packets as they were before their transfer to the side of the first row; see `restore_rows`."""
    result = np.empty_like(lines) if out is None else out
    _restore_columns(lines, (share, float(np.exp(-1.0 / trap_time)), before), result)
    return result


@njit(cache=True, nogil=True)
def _restore_rows(lines: NDArray[np.float32], numbers: tuple[float, float, int], result: NDArray[np.float32]) -> None:
    share, kept, before = numbers
    for j in range(lines.shape[0]):
        trapped = 0.0
        for i in range(lines.shape[1]):
            released = trapped * (1.0 - kept)
            lost = min(share * (i + 1 + before), 0.9)
            charge = (lines[j, i] - released) / (1.0 - lost)
            trapped += lost * charge - released
            result[j, i] = charge


@njit(cache=True, nogil=True)
def _restore_columns(
    lines: NDArray[np.float32], numbers: tuple[float, float, int], result: NDArray[np.float32]
) -> None:
    share, kept, before = numbers
    trapped = np.zeros(lines.shape[1])
    for j in range(lines.shape[0]):
        lost = min(share * (j + 1 + before), 0.9)
        for i in range(lines.shape[1]):
            released = trapped[i] * (1.0 - kept)
            charge = (lines[j, i] - released) / (1.0 - lost)
            trapped[i] += lost * charge - released
            result[j, i] = charge
