"""Crosstalk: a share of what other amplifiers read at the same moment is taken away again.

One function corrects rows as they come from the read-out; a whole exposure is one call with all its rows. A pixel's sum
runs over the sources in a fixed order, so the answer does not depend, to the last bit, on how rows were portioned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from uraniborg.algorithms.isr.geometry import DetectorGeometry
from uraniborg.algorithms.isr.overscan import row_levels
from uraniborg.core.errors import UserError

__all__ = ("CorrectedRows", "correct_crosstalk", "invert_crosstalk", "stream_corrected_rows")


@dataclass(frozen=True, slots=True)
class CorrectedRows:
    """Some rows of all amplifiers, corrected while the detector was still being read.

    Attributes
    ----------
    first : int
        Row of the data (in the order of read-out) that comes first.
    data : (n, k, mx) float32 [adu]
        ``k`` rows of ``n`` amplifiers without electronic level and crosstalk.
    """

    first: int
    data: NDArray[np.float32]


def invert_crosstalk(matrix: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the matrix to subtract for signals that hold crosstalk already: 1 - (1 + X)^-1.

    Parameters
    ----------
    matrix : (n, n) float []
        Coefficients; row is the victim, column the source, zero on the diagonal.

    Returns
    -------
    (n, n) float []
        ``observed - result @ observed`` is exactly the signal, also to second order.
    """
    one = np.eye(len(matrix))
    return np.asarray(one - np.linalg.inv(one + matrix))


def correct_crosstalk(
    signals: NDArray[np.float32],
    matrix: NDArray[np.floating],
    *,
    others: Mapping[str, NDArray[np.float32]] | None = None,
    between: Mapping[str, NDArray[np.floating]] | None = None,
) -> NDArray[np.float32]:
    """Return signals without what came over from other amplifiers.

    Parameters
    ----------
    signals : (n, my, mx) float32 [adu]
        All amplifiers of the detector above their electronic level, in the order of read-out.
    matrix : (n, n) float []
        Coefficients within the detector; row is the victim, column the source.
    others : mapping of str to (m, my, mx) float32 [adu], optional
        Signals of other detectors that were read at the same time, by name.
    between : mapping of str to (n, m) float [], optional
        Coefficients from the amplifiers of those detectors.

    Returns
    -------
    (n, my, mx) float32 [adu]

    Raises
    ------
    UserError
        If shapes do not fit, or if a detector with coefficients is missing.
    """
    n = len(signals)
    if matrix.shape != (n, n):
        raise UserError(f"the crosstalk matrix has shape {matrix.shape}, there are {n} amplifiers")
    result = np.empty_like(signals, order="C")
    _subtract_shares(signals, invert_crosstalk(matrix).astype(np.float32), signals, result)
    for name in sorted(between or {}):
        coefficients, sources = (between or {})[name], (others or {}).get(name)
        if sources is None:
            raise UserError(f"crosstalk from {name} is to be corrected but its pixels were not given")
        if coefficients.shape != (n, len(sources)) or sources.shape[1:] != signals.shape[1:]:
            raise UserError(
                f"crosstalk from {name}: coefficients of shape {coefficients.shape} and pixels of shape "
                f"{sources.shape} do not fit pixels of shape {signals.shape}"
            )
        _subtract_shares(sources, coefficients.astype(np.float32), result, result)
    return result


def stream_corrected_rows(
    blocks: Iterable[Sequence[NDArray[np.generic]]],
    geometry: DetectorGeometry,
    matrix: NDArray[np.floating],
    *,
    skip: int = 5,
) -> Iterator[CorrectedRows]:
    """Correct rows of a detector as they arrive, without waiting for the end of the read-out.

    Parameters
    ----------
    blocks : iterable of sequences of (k, nx) int [adu]
        Rows as they are read: for each portion one array for each amplifier, whole rows with all scans.
    geometry : DetectorGeometry
        The amplifiers; all must have data and overscan in the same places of their segments.
    matrix : (n, n) float []
        Coefficients; row is the victim, column the source.
    skip : int, optional
        First columns of the serial overscan to leave out [pixel].

    Yields
    ------
    CorrectedRows
        Bit for bit what the same steps give for the whole exposure (overscan of each row).
    """
    first, reference = 0, geometry.amplifiers[0]
    box, data = reference.serial_overscan, reference.data
    if box is None:
        raise UserError(f"amplifier {reference.name} has no serial overscan; rows cannot be corrected as they come")
    if any((item.serial_overscan, item.data) != (box, data) for item in geometry.amplifiers):
        raise UserError("the amplifiers have their data in different places; read the exposure as a whole")
    for block in blocks:
        rows = np.stack(block)
        start, stop = max(data.y0, first), min(data.y1, first + rows.shape[1])
        if start < stop:
            chosen = rows[:, start - first : stop - first]
            signals = np.empty((len(rows), stop - start, data.x1 - data.x0), dtype=np.float32)
            for k, pixels in enumerate(chosen):
                levels, _ = row_levels(np.ascontiguousarray(pixels[:, box.x0 + skip : box.x1]))
                signals[k] = pixels[:, data.x0 : data.x1].astype(np.float32) - levels.astype(np.float32)[:, None]
            yield CorrectedRows(start - data.y0, correct_crosstalk(signals, matrix))
        first += rows.shape[1]


@njit(cache=True, nogil=True)
def _subtract_shares(
    sources: NDArray[np.float32],
    coefficients: NDArray[np.float32],
    signals: NDArray[np.float32],
    result: NDArray[np.float32],
) -> None:
    n, rows, columns = signals.shape
    share = np.empty(columns, dtype=np.float32)
    for j in range(rows):
        for victim in range(n):
            share[:] = np.float32(0.0)
            for source in range(sources.shape[0]):
                coefficient = coefficients[victim, source]
                if coefficient != np.float32(0.0):
                    line = sources[source, j]
                    for i in range(columns):
                        share[i] += coefficient * line[i]
            for i in range(columns):
                result[victim, j, i] = signals[victim, j, i] - share[i]
