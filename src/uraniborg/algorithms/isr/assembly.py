"""From the segments of a raw file to one image of the detector: overscan, crosstalk, flips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.algorithms.isr.crosstalk import correct_crosstalk
from uraniborg.algorithms.isr.geometry import DetectorGeometry, amplifier_view
from uraniborg.algorithms.isr.overscan import OverscanMethod, subtract_overscan
from uraniborg.core.errors import UserError

__all__ = ("DetectorReadout", "assemble", "read_detector", "split")


@dataclass(frozen=True, slots=True)
class DetectorReadout:
    """The signal of a detector, and what its overscans tell; one value for each amplifier.

    Attributes
    ----------
    image : (ny, nx) float32 [adu]
        Signal above the electronic level, in the orientation of the detector; 0 where there is no amplifier.
    covered : (ny, nx) bool or None
        Where there is an amplifier; None if everywhere.
    level, drift : (n,) float [adu]
        Mean electronic level, and its change from the first rows to the last.
    level_error : (n,) float [adu]
        Standard error of the level of a row; it is common to the pixels of the row.
    noise : (n,) float [adu]
        Read noise; NaN if the overscan was not used.
    """

    image: NDArray[np.float32]
    covered: NDArray[np.bool_] | None
    level: NDArray[np.float64]
    drift: NDArray[np.float64]
    level_error: NDArray[np.float64]
    noise: NDArray[np.float64]


def read_detector(
    segments: Sequence[NDArray[np.generic]],
    geometry: DetectorGeometry,
    *,
    overscan: OverscanMethod | None = "row",
    skip: int = 5,
    parallel: bool = False,
    crosstalk: NDArray[np.floating] | None = None,
    others: Mapping[str, NDArray[np.float32]] | None = None,
    between: Mapping[str, NDArray[np.floating]] | None = None,
) -> DetectorReadout:
    """Return the image of a detector from its segments.

    Parameters
    ----------
    segments : sequence of (my, mx) int or float [adu]
        All pixels of each amplifier, in the order of read-out.
    geometry : DetectorGeometry
        Where the pixels belong.
    overscan : {"row", "spline", "constant"} or None, optional
        How the electronic level is found; None leaves it in.
    skip : int, optional
        First columns of the overscan to leave out [pixel].
    parallel : bool, optional
        Also subtract the level of columns, from the parallel overscan.
    crosstalk : (n, n) float [], optional
        Coefficients; row is the victim, column the source. Not corrected if not given.
    others, between : mapping, optional
        Other detectors and the coefficients from them, as for `correct_crosstalk`.

    Returns
    -------
    DetectorReadout

    Raises
    ------
    UserError
        If segments and geometry do not fit.
    """
    _check(segments, geometry)
    n = geometry.n_amplifiers
    numbers = np.full((4, n), np.nan)
    signals: list[NDArray[np.float32]] = []
    for k, (segment, amplifier) in enumerate(zip(segments, geometry.amplifiers, strict=True)):
        if overscan is None:
            signals.append(segment[amplifier.data.slices].astype(np.float32))
            numbers[:3, k] = 0.0
            continue
        found = subtract_overscan(segment, amplifier, method=overscan, skip=skip, parallel=parallel)
        signals.append(found.data)
        numbers[:, k] = float(found.levels.mean()), found.drift, found.level_error, found.noise
    if crosstalk is not None:
        signals = list(correct_crosstalk(np.stack(signals), crosstalk, others=others, between=between))
    image, covered = assemble(signals, geometry)
    return DetectorReadout(image, covered, *numbers)


def assemble(
    signals: Sequence[NDArray[np.float32]], geometry: DetectorGeometry
) -> tuple[NDArray[np.float32], NDArray[np.bool_] | None]:
    """Return the image of a detector, and where it has amplifiers (None if everywhere).

    Parameters
    ----------
    signals : sequence of (my, mx) float32
        Data of each amplifier, without scans, in the order of read-out.
    geometry : DetectorGeometry
        Where they belong.
    """
    whole = sum(signal.size for signal in signals) == geometry.shape[0] * geometry.shape[1]
    image = np.empty(geometry.shape, np.float32) if whole else np.zeros(geometry.shape, np.float32)
    covered = None if whole else np.zeros(geometry.shape, dtype=bool)
    for signal, amplifier in zip(signals, geometry.amplifiers, strict=True):
        amplifier_view(image, amplifier)[...] = signal
        if covered is not None:
            amplifier_view(covered, amplifier)[...] = True
    return image, covered


def split(image: NDArray[np.float32], geometry: DetectorGeometry) -> tuple[NDArray[np.float32], ...]:
    """Return the data of each amplifier in the order of read-out; the inverse of `assemble`."""
    return tuple(np.ascontiguousarray(amplifier_view(image, item)) for item in geometry.amplifiers)


def _check(segments: Sequence[NDArray[np.generic]], geometry: DetectorGeometry) -> None:
    if len(segments) != geometry.n_amplifiers:
        raise UserError(f"{len(segments)} segments for {geometry.n_amplifiers} amplifiers")
    for segment, amplifier in zip(segments, geometry.amplifiers, strict=True):
        if segment.shape[0] < amplifier.data.y1 or segment.shape[1] < amplifier.data.x1:
            raise UserError(
                f"the segment of {amplifier.name} has shape {segment.shape}, its data would be {amplifier.data}"
            )
