"""Brightness over time of variable stars and of transients."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ("bazin", "sawtooth", "sinusoid")


def sinusoid(time: ArrayLike, *, period: ArrayLike, amplitude: ArrayLike, phase: ArrayLike) -> NDArray[np.float64]:
    """Return the magnitude minus the mean magnitude of a sinusoidal variable.

    Parameters
    ----------
    time : (n,) float [day]
        Times.
    period : (n,) float [day]
        Period.
    amplitude : (n,) float [mag]
        Brightest to faintest.
    phase : (n,) float []
        Phase at time 0, in cycles.

    Returns
    -------
    (n,) float [mag]
    """
    cycles = np.asarray(time, dtype=float) / np.asarray(period) + np.asarray(phase)
    result: NDArray[np.float64] = 0.5 * np.asarray(amplitude) * np.sin(2.0 * np.pi * cycles)
    return result


def sawtooth(
    time: ArrayLike, *, period: ArrayLike, amplitude: ArrayLike, phase: ArrayLike, rise: float = 0.15
) -> NDArray[np.float64]:
    """Return the magnitude minus the mean magnitude of a star that brightens fast and fades slowly, like an RR Lyrae.

    Parameters
    ----------
    time, period, amplitude, phase
        As for `sinusoid`.
    rise : float []
        Share of the period that the brightening takes.

    Returns
    -------
    (n,) float [mag]
    """
    cycle = np.mod(np.asarray(time, dtype=float) / np.asarray(period) + np.asarray(phase), 1.0)
    faintness = np.where(cycle < rise, 1.0 - cycle / rise, (cycle - rise) / (1.0 - rise))
    result: NDArray[np.float64] = np.asarray(amplitude) * (faintness - 0.5)
    return result


def bazin(time: ArrayLike, *, peak_time: ArrayLike, rise: ArrayLike, fall: ArrayLike) -> NDArray[np.float64]:
    """Return the flux of a transient relative to its flux at peak (Bazin et al. 2009, A&A 499, 653, eq. 1).

    f(t) = exp(-(t - t0) / fall) / (1 + exp(-(t - t0) / rise)), with t0 set so that the maximum is at ``peak_time``.

    Parameters
    ----------
    time : (n,) float [day]
        Times.
    peak_time : (n,) float [day]
        Time of the maximum.
    rise, fall : (n,) float [day]
        Time scales; ``fall`` must be larger than ``rise``.

    Returns
    -------
    (n,) float []
        Between 0 and 1.
    """
    up, down = np.asarray(rise, dtype=float), np.asarray(fall, dtype=float)
    late = up * np.log(down / up - 1.0)  # of the maximum after t0
    shape = _bazin_logarithm(np.asarray(time, dtype=float) - np.asarray(peak_time) + late, up, down)
    result: NDArray[np.float64] = np.exp(shape - _bazin_logarithm(late, up, down))
    return result


def _bazin_logarithm(
    since: NDArray[np.float64], rise: NDArray[np.float64], fall: NDArray[np.float64]
) -> NDArray[np.float64]:
    result: NDArray[np.float64] = -since / fall - np.logaddexp(0.0, -since / rise)
    return result
