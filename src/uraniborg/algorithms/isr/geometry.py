"""Where the pixels of each amplifier are: in its segment of a raw file, and on the detector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from uraniborg.core.errors import report_faults

__all__ = ("AmplifierGeometry", "DetectorGeometry", "Section", "amplifier_view")


@dataclass(frozen=True, slots=True)
class Section:
    """A rectangle of pixels, 0-based; the ends are not included.

    Attributes
    ----------
    y0, y1, x0, x1 : int [pixel]
        First row, row after the last, first column, column after the last.
    """

    y0: int
    y1: int
    x0: int
    x1: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.y1 - self.y0, self.x1 - self.x0

    @property
    def slices(self) -> tuple[slice, slice]:
        """Index of an array ``[y, x]``."""
        return slice(self.y0, self.y1), slice(self.x0, self.x1)


@dataclass(frozen=True, slots=True)
class AmplifierGeometry:
    """One amplifier; its segment is stored in the order of read-out.

    Attributes
    ----------
    name : str
        Name.
    data : Section
        Light-sensitive pixels in the segment.
    detector : Section
        The same pixels on the detector.
    serial_overscan : Section or None
        Columns of the segment that were read after the data of each row.
    parallel_overscan : Section or None
        Rows of the segment that were read after all data.
    flip_x, flip_y : bool
        Whether columns or rows of the segment run against those of the detector.
    """

    name: str
    data: Section
    detector: Section
    serial_overscan: Section | None = None
    parallel_overscan: Section | None = None
    flip_x: bool = False
    flip_y: bool = False

    @property
    def detector_slices(self) -> tuple[slice, slice]:
        """Where on the detector the pixels are, in the order of read-out (steps may be negative)."""
        box = self.detector
        return _ordered(box.y0, box.y1, self.flip_y), _ordered(box.x0, box.x1, self.flip_x)


@dataclass(frozen=True, slots=True)
class DetectorGeometry:
    """All amplifiers of a detector, in the order of their segments.

    Attributes
    ----------
    shape : tuple of int [pixel]
        Rows and columns of the detector.
    amplifiers : tuple of AmplifierGeometry
        They need not cover the detector (amplifiers can be missing), but must not overlap.
    """

    shape: tuple[int, int]
    amplifiers: tuple[AmplifierGeometry, ...]

    def __post_init__(self) -> None:
        faults = []
        for amplifier in self.amplifiers:
            box = amplifier.detector
            if amplifier.data.shape != box.shape:
                faults.append(f"{amplifier.name}: {amplifier.data.shape} pixels of data, {box.shape} on the detector")
            if min(box.y0, box.x0) < 0 or box.y1 > self.shape[0] or box.x1 > self.shape[1]:
                faults.append(f"{amplifier.name}: {box} is not inside a detector of {self.shape}")
            if amplifier.serial_overscan and (
                amplifier.serial_overscan.y0 > amplifier.data.y0 or amplifier.serial_overscan.y1 < amplifier.data.y1
            ):
                faults.append(f"{amplifier.name}: the serial overscan does not run along all rows of the data")
        for i, one in enumerate(self.amplifiers):
            faults += [
                f"{one.name} and {other.name} overlap"
                for other in self.amplifiers[i + 1 :]
                if _overlap(one.detector, other.detector)
            ]
        report_faults("geometry of a detector", faults)

    @property
    def n_amplifiers(self) -> int:
        """Number of amplifiers."""
        return len(self.amplifiers)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the amplifiers."""
        return tuple(amplifier.name for amplifier in self.amplifiers)


def amplifier_view[T: np.generic](image: NDArray[T], amplifier: AmplifierGeometry) -> NDArray[T]:
    """Return the pixels of one amplifier in the order of read-out: a view, nothing is copied.

    Parameters
    ----------
    image : (ny, nx)
        Pixels of the detector.
    amplifier : AmplifierGeometry
        One of its amplifiers.
    """
    return image[amplifier.detector_slices]


def _ordered(start: int, stop: int, flip: bool) -> slice:
    if not flip:
        return slice(start, stop)
    return slice(stop - 1, start - 1 if start > 0 else None, -1)


def _overlap(one: Section, other: Section) -> bool:
    return one.y0 < other.y1 and other.y0 < one.y1 and one.x0 < other.x1 and other.x0 < one.x1
