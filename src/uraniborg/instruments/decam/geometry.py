"""Where the 62 detectors of DECam are: their numbers, names and places in the focal plane.

The numbers follow from the reference pixels that the acquisition system writes (raw header of CCD 25, S1: CRPIX =
2151.2, 14826.0; CCD 1, S29: 13423.2, 6307.333): detectors stand in twelve columns 2 x 1127.2 pixels apart, six on
either side of the boresight, with 3 to 7 detectors 4259.333 pixels apart in each. Seen through the WCS of the headers,
+x is South and +y is East.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from lsst.images.cameras import DetectorAttributes

from uraniborg.instruments.camera import detector_attributes

__all__ = ("PIXEL_SIZE", "PLATE_SCALE", "SHAPE", "all_detectors", "boresight", "detector_names")

SHAPE: Final = (4096, 2048)
"""Height and width of a detector [pixel]."""

PIXEL_SIZE: Final = 0.015
"""Size of a pixel [mm]."""

PLATE_SCALE: Final = 0.2623 / PIXEL_SIZE
"""Angle for each mm in the focal plane [arcsec/mm], from the headers' linear terms (7.286e-5 deg for a pixel)."""

_COLUMNS: Final = (7, 6, 6, 5, 4, 3)  # detectors in a column, from the middle outwards
_HALF_PITCH_X: Final = 1127.2
_PITCH_Y: Final = 12778.0 / 3.0


@cache
def detector_names() -> dict[int, str]:
    """Return the name of each detector number, S29 for 1 to N31 for 62."""
    names: dict[int, str] = {}
    for detector, (side, column, row) in _places().items():
        names[detector] = f"{'S' if side < 0 else 'N'}{sum(_COLUMNS[:column]) + row + 1}"
    return names


@cache
def _places() -> dict[int, tuple[int, int, int]]:
    """Return side (-1 South, 1 North), column from the middle and row for each detector number."""
    columns = [(-1, column) for column in reversed(range(6))] + [(1, column) for column in range(6)]
    places = [(side, column, row) for side, column in columns for row in range(_COLUMNS[column])]
    return dict(enumerate(places, start=1))


def boresight(detector: int) -> tuple[float, float]:
    """Return the 0-based position (x, y) of the boresight in pixels of a detector [pixel]."""
    side, column, row = _places()[detector]
    x = 1023.0 - side * (2 * column + 1) * _HALF_PITCH_X
    y = 2047.0 + ((_COLUMNS[column] - 1) / 2 - row) * _PITCH_Y
    return x, y


@cache
def all_detectors() -> tuple[DetectorAttributes, ...]:
    """Return the description of every detector, in order of their numbers."""
    return tuple(
        detector_attributes(
            number,
            name,
            shape=SHAPE,
            boresight=boresight(number),
            pixel_size=PIXEL_SIZE,
            serial=name,
            physical_type="LBNL 2k x 4k fully depleted",
        )
        for number, name in detector_names().items()
    )
