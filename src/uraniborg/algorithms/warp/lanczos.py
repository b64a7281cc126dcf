"""Lanczos-3 interpolation weights, normalised so that a constant stays constant."""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit
from numpy.typing import NDArray

__all__ = ("LANCZOS_ORDER", "LANCZOS_TAPS", "TABLE_STEPS", "fill_taps", "lanczos_table", "lanczos_taps")

LANCZOS_ORDER = 3
"""Half-width of the kernel in pixels."""

LANCZOS_TAPS = 2 * LANCZOS_ORDER
"""Number of taps along one axis."""

TABLE_STEPS = 512
"""Steps of the look-up table over one pixel; linear interpolation in it is right to 1e-5."""


def lanczos_taps(fraction: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the weights of the six pixels around a position.

    Parameters
    ----------
    fraction : (n,) float
        Position above the third of the six pixels, in 0..1 [pixel].

    Returns
    -------
    (n, 6) float64
        Weights that add up to one. The plain kernel ``sinc(x) sinc(x / 3)`` (Duchon 1979, J. Appl. Meteorol. 18,
        1016) does not keep a constant (up to 1 % ripple), so each set is divided by its sum.
    """
    offsets = np.arange(LANCZOS_TAPS) - (LANCZOS_ORDER - 1)
    distance = np.asarray(fraction, dtype=np.float64)[:, np.newaxis] - offsets
    weights = np.sinc(distance) * np.sinc(distance / LANCZOS_ORDER)
    weights[np.abs(distance) >= LANCZOS_ORDER] = 0.0
    normalised: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return normalised


@cache
def lanczos_table(dtype: str) -> NDArray[np.floating]:
    """Return `lanczos_taps` at ``TABLE_STEPS + 1`` fractions from 0 to 1, read-only.

    Parameters
    ----------
    dtype : str
        Name of the floating type wanted.
    """
    table = lanczos_taps(np.linspace(0.0, 1.0, TABLE_STEPS + 1)).astype(dtype)
    table.flags.writeable = False
    return table


@njit(cache=True, nogil=True)
def fill_taps(table: NDArray[np.floating], fraction: float, taps: NDArray[np.floating]) -> None:
    """Write the six weights at one fraction, interpolated in `lanczos_table`, into ``taps``; for kernels."""
    position = fraction * TABLE_STEPS
    step = min(int(position), TABLE_STEPS - 1)
    upper = table.dtype.type(position - step)
    lower = table.dtype.type(1.0) - upper
    for i in range(LANCZOS_TAPS):
        taps[i] = lower * table[step, i] + upper * table[step + 1, i]
