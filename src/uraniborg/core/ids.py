"""64-bit identifiers for rows of catalogues, unique over a survey and the same on every run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = ("COUNTER_BITS", "DETECTOR_BITS", "object_ids", "source_ids", "unpack_source_id")

COUNTER_BITS = 21
DETECTOR_BITS = 8
PATCH_BITS = 14


def _pack(high: int, low: int, low_bits: int, n: int, names: str) -> NDArray[np.int64]:
    high_limit = 1 << (63 - COUNTER_BITS - low_bits)
    if not (0 <= low < 1 << low_bits and 0 <= high < high_limit and 0 <= n <= 1 << COUNTER_BITS):
        raise UserError(
            f"cannot pack {names} = ({high}, {low}) with {n} rows into 63 bits; the limits are "
            f"({high_limit - 1}, {(1 << low_bits) - 1}) and {1 << COUNTER_BITS} rows"
        )
    start = ((high << low_bits) + low) << COUNTER_BITS
    return np.arange(start, start + n, dtype=np.int64)


def source_ids(visit: int, detector: int, n: int) -> NDArray[np.int64]:
    """Return ``n`` identifiers for the sources of one detector of one visit.

    Parameters
    ----------
    visit, detector : int
        Visit (below 2**34) and detector (below 256).
    n : int
        Number of rows (at most 2**21).

    Returns
    -------
    (n,) int64

    Raises
    ------
    UserError
        If a value does not fit.
    """
    return _pack(visit, detector, DETECTOR_BITS, n, "(visit, detector)")


def unpack_source_id(source_id: int) -> tuple[int, int]:
    """Return the (visit, detector) that a source identifier was made from."""
    head = int(source_id) >> COUNTER_BITS
    return head >> DETECTOR_BITS, head & ((1 << DETECTOR_BITS) - 1)


def object_ids(tract: int, patch: int, n: int) -> NDArray[np.int64]:
    """Return ``n`` identifiers for the objects of one patch of one tract.

    Parameters
    ----------
    tract, patch : int
        Tract (below 2**28) and sequential patch number (below 2**14).
    n : int
        Number of rows (at most 2**21).

    Returns
    -------
    (n,) int64

    Raises
    ------
    UserError
        If a value does not fit.
    """
    return _pack(tract, patch, PATCH_BITS, n, "(tract, patch)")
