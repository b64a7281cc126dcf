"""What the read-out electronics do to the signal: non-linearity, crosstalk, bias, digitisation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = ("add_crosstalk", "bend", "bias_frame", "board_crosstalk_matrix", "crosstalk_matrix", "digitise")


def bend(signal: NDArray[np.float64], *, loss: float, full_scale: float) -> NDArray[np.float64]:
    """Return what a non-linear amplifier makes of a signal, s (1 - loss s / full scale).

    Parameters
    ----------
    signal : float [adu]
        True signal above the bias; below zero the answer is linear.
    loss : float []
        Relative loss at full scale; less than one half, so that the answer still rises there.
    full_scale : float [adu]
        Signal of the full well.

    Returns
    -------
    float [adu]
        Of the same shape.
    """
    if not abs(loss) < 0.5:
        raise UserError(f"a loss of {loss} at full scale turns the response back; give less than 0.5")
    return np.asarray(signal - (loss / full_scale) * np.maximum(signal, 0.0) ** 2)


def crosstalk_matrix(columns: int, rows: int, *, nearest: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return coefficients that fall with the square of the distance of two amplifiers, with 20 % of scatter.

    Parameters
    ----------
    columns, rows : int
        Amplifiers of the detector.
    nearest : float []
        Mean coefficient between neighbours.
    rng : numpy.random.Generator
        Source of the scatter.

    Returns
    -------
    (n, n) float []
        Row is the victim, column the source; zero on the diagonal.
    """
    row, column = np.divmod(np.arange(columns * rows), columns)
    distance2 = (row[:, None] - row) ** 2 + (column[:, None] - column) ** 2
    scatter = 1.0 + 0.2 * rng.standard_normal(distance2.shape)
    return np.where(distance2 > 0, nearest * scatter / np.maximum(distance2, 1), 0.0)


def board_crosstalk_matrix(n: int, *, typical: float, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return coefficients between the amplifiers of two detectors on one board: no order in them, 30 % of scatter.

    Parameters
    ----------
    n : int
        Amplifiers of each detector.
    typical : float []
        Mean coefficient.
    rng : numpy.random.Generator
        Source of the scatter.

    Returns
    -------
    (n, n) float []
        Row is the victim, column the source.
    """
    return typical * (1.0 + 0.3 * rng.standard_normal((n, n)))


def add_crosstalk(
    segments: NDArray[np.float64], sources: NDArray[np.float64], matrix: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return segments with a share of the pixels that were read at the same time by other amplifiers.

    Parameters
    ----------
    segments : (n, my, mx) float [adu]
        Signals above the bias, in order of read-out.
    sources : (n, my, mx) float [adu]
        Signals that leak into them: the same ones, or those of another detector.
    matrix : (n, n) float []
        Row is the victim, column the source.

    Returns
    -------
    (n, my, mx) float [adu]
    """
    n = len(segments)
    if matrix.shape != (n, len(sources)):
        raise UserError(f"the crosstalk matrix has shape {matrix.shape}, there are {n} and {len(sources)} amplifiers")
    return np.asarray(segments + (matrix @ sources.reshape(len(sources), -1)).reshape(segments.shape))


def bias_frame(
    shape: tuple[int, int], rng: np.random.Generator, *, level: float, pattern: float, turn_on: float = 10.0
) -> NDArray[np.float64]:
    """Return the fixed bias of an amplifier: a level, a serial turn-on of each row, and a pattern of pixels.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns of the segment.
    rng : numpy.random.Generator
        Source of the pattern.
    level : float [adu]
        Level far from the start of a row.
    pattern : float [adu]
        Scatter of pixels; the turn-on starts ten times as high.
    turn_on : float [pixel]
        Length over which the turn-on falls by e.

    Returns
    -------
    (my, mx) float [adu]
    """
    start = 10.0 * pattern * np.exp(-np.arange(shape[1]) / turn_on)
    return np.asarray(level + start + pattern * rng.standard_normal(shape))


def digitise(signal: NDArray[np.float64], *, bits: int) -> NDArray[np.int32] | NDArray[np.uint16]:
    """Return a signal rounded to whole units and cut at the ends of the converter.

    Parameters
    ----------
    signal : float [adu]
        Signal with bias and noise.
    bits : int
        Depth of the converter.

    Returns
    -------
    uint16 or int32 [adu]
        Unsigned 16-bit integers if they suffice.
    """
    whole = np.clip(np.rint(signal), 0, 2**bits - 1)
    return whole.astype(np.uint16) if bits <= 16 else whole.astype(np.int32)
