"""Non-linearity of amplifiers: every kind of correction becomes one table, which one kernel applies.

The convention is linear = measured + correction(measured), with signals above the electronic level; below zero there is
no correction, above the table the last one holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from uraniborg.core.errors import UserError

__all__ = ("LinearityTables", "correct_linearity", "tabulate_quadratic", "tabulate_spline", "tabulate_values")


@dataclass(frozen=True, slots=True)
class LinearityTables:
    """Corrections of one or several amplifiers at equal steps of the measured signal.

    Attributes
    ----------
    corrections : (n, m) float32 [adu]
        Correction at 0, step, 2 step, ...; linear in between.
    step : float [adu]
        Distance of the entries.
    """

    corrections: NDArray[np.float32]
    step: float

    @staticmethod
    def stack(tables: Sequence[LinearityTables]) -> LinearityTables:
        """Return the tables of several amplifiers as one; the finest step of all wins."""
        step = min(table.step for table in tables)
        top = max((table.corrections.shape[1] - 1) * table.step for table in tables)
        grid = np.arange(int(np.ceil(top / step)) + 1) * step
        rows = [
            np.interp(grid, np.arange(table.corrections.shape[1]) * table.step, line)
            for table in tables
            for line in table.corrections
        ]
        return LinearityTables(np.array(rows, dtype=np.float32), step)


def tabulate_quadratic(coefficient: float, *, top: float = 2.0**18, step: float = 64.0) -> LinearityTables:
    """Return the correction ``coefficient`` times the square of the measured signal.

    Parameters
    ----------
    coefficient : float [adu^-1]
        Coefficient.
    top, step : float [adu]
        End and step of the table; between entries it is off by at most ``coefficient step^2 / 4``.
    """
    grid = np.arange(0.0, top + step, step)
    return LinearityTables((coefficient * grid**2).astype(np.float32)[None, :], step)


def tabulate_spline(
    nodes: NDArray[np.floating], corrections: NDArray[np.floating], *, step: float = 16.0
) -> LinearityTables:
    """Return the cubic spline through corrections at nodes, flat at zero (the gain is that of faint signals).

    Parameters
    ----------
    nodes : (k,) float [adu]
        Measured signals, rising from 0.
    corrections : (k,) float [adu]
        Corrections there.
    step : float [adu], optional
        Step of the table.
    """
    if len(nodes) < 3 or len(nodes) != len(corrections) or np.any(np.diff(nodes) <= 0):
        raise UserError(f"a linearity spline needs three or more rising nodes, not {list(np.round(nodes, 1))}")
    grid = np.arange(0.0, float(nodes[-1]) + step, step)
    ends = ((1, 0.0), "not-a-knot" if len(nodes) > 3 else (2, 0.0))
    curve = CubicSpline(nodes, corrections, bc_type=ends)(np.minimum(grid, nodes[-1]))
    return LinearityTables(curve.astype(np.float32)[None, :], step)


def tabulate_values(corrections: NDArray[np.floating]) -> LinearityTables:
    """Return the correction given for each whole adu, (m,) float [adu]."""
    if len(corrections) < 2:
        raise UserError("a linearity table needs at least two corrections")
    return LinearityTables(np.asarray(corrections, dtype=np.float32)[None, :], 1.0)


def correct_linearity(
    signal: NDArray[np.float32], tables: LinearityTables, *, amplifier: int = 0
) -> NDArray[np.float32]:
    """Return the linear signal of one amplifier.

    Parameters
    ----------
    signal : (ny, nx) float32 [adu]
        Measured signal above the electronic level.
    tables : LinearityTables
        Corrections.
    amplifier : int, optional
        Row of the tables.

    Returns
    -------
    (ny, nx) float32 [adu]
    """
    result = np.empty(signal.shape, np.float32)
    _apply(signal, tables.corrections[amplifier], np.float32(1.0 / tables.step), result)
    return result


@njit(cache=True, nogil=True, inline="always")
def linearised(value: np.float32, table: NDArray[np.float32], scale: np.float32) -> np.float32:
    """Return one signal with its correction; ``scale`` is one over the step."""
    if value <= np.float32(0.0):
        return value
    place = value * scale
    last = table.size - 1
    k = int(place)
    if k >= last:
        return np.float32(value + table[last])
    part = place - np.float32(k)
    return np.float32(value + table[k] + part * (table[k + 1] - table[k]))


@njit(cache=True, nogil=True)
def _apply(
    signal: NDArray[np.float32], table: NDArray[np.float32], scale: np.float32, result: NDArray[np.float32]
) -> None:
    for j in range(signal.shape[0]):
        for i in range(signal.shape[1]):
            result[j, i] = linearised(signal[j, i], table, scale)
