"""Rubin's detectors: names, numbers, sizes and places.

A detector stands in a raft (``R22``: row and column of 5 x 5) at a slot (``S11``: row and column of 3 x 3). Corner
rafts hold two guiders (``SG0``, ``SG1``) and two halves of a wavefront sensor (``SW0``, ``SW1``). The headers give
the place of every amplifier in units of 0.01 mm: rafts stand 127 mm apart, slots 42.25 mm. Columns of pixels, as
``DETSEC`` counts them, run along the second digit; rows run against the first one, so y here is that of the headers
with the other sign. The place of a detector within a corner raft is not in any header; all four are put at the middle
of their raft.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from astropy.io.fits import Header
from lsst.images import Box
from lsst.images.cameras import DetectorAttributes, DetectorType, Orientation

from uraniborg.core.errors import UserError
from uraniborg.instruments.raw_geometry import parse_section

__all__ = (
    "CORNER_RAFTS",
    "SCIENCE_RAFTS",
    "detector_of",
    "full_camera",
    "raft_detectors",
    "slot_number",
    "with_header",
)

SCIENCE_RAFTS: Final = tuple(
    f"R{row}{column}"
    for row in range(5)
    for column in range(5)
    if (row, column) not in {(0, 0), (0, 4), (4, 0), (4, 4)}
)
"""Rafts of nine detectors, in the order of their numbers."""

CORNER_RAFTS: Final = ("R00", "R04", "R40", "R44")

_CORNER_SLOTS: Final = ("SG0", "SG1", "SW0", "SW1")
_ITL_RAFTS: Final = frozenset(("R01", "R02", "R03", "R10", "R20", "R41", "R42", "R43"))
_SHAPES: Final = {"ITL": (4000, 4072), "E2V": (4004, 4096), "ITL wavefront": (2000, 4072)}
_PIXEL: Final = 0.01  # mm
_RAFT_PITCH: Final = 127.0  # mm
_SLOT_PITCH: Final = 42.25  # mm


def slot_number(slot: str) -> int:
    """Return the number of a slot in a raft: ``S00`` is 0, ``S22`` is 8; in corners, guiders come first."""
    if slot in _CORNER_SLOTS:
        return _CORNER_SLOTS.index(slot)
    found = re.fullmatch(r"S([012])([012])", slot)
    if found is None:
        raise UserError(f"{slot!r} is not a slot of a raft; it should be S00 to S22, SG0, SG1, SW0 or SW1")
    return 3 * int(found[1]) + int(found[2])


def detector_of(raft: str, slot: str) -> int:
    """Return the number of a detector of the full camera, 0 (R01_S00) to 204 (R44_SW1).

    Raises
    ------
    UserError
        If there is no such raft or slot.
    """
    if raft in CORNER_RAFTS and slot in _CORNER_SLOTS:
        return 9 * len(SCIENCE_RAFTS) + 4 * CORNER_RAFTS.index(raft) + slot_number(slot)
    if raft not in SCIENCE_RAFTS or slot in _CORNER_SLOTS:
        raise UserError(f"there is no detector {raft}_{slot} in LSSTCam")
    return 9 * SCIENCE_RAFTS.index(raft) + slot_number(slot)


@cache
def full_camera() -> tuple[DetectorAttributes, ...]:
    """Return the 205 detectors of LSSTCam, in order of their numbers."""
    science = [item for raft in SCIENCE_RAFTS for item in raft_detectors(raft, first=detector_of(raft, "S00"))]
    corners = [_attributes(raft, slot, detector_of(raft, slot)) for raft in CORNER_RAFTS for slot in _CORNER_SLOTS]
    return (*science, *corners)


def raft_detectors(raft: str, *, first: int = 0) -> tuple[DetectorAttributes, ...]:
    """Return the nine detectors of a raft.

    Parameters
    ----------
    raft : str
        One of `SCIENCE_RAFTS`; it stands where it does in LSSTCam.
    first : int, optional
        Number of ``S00``.
    """
    return tuple(_attributes(raft, f"S{k // 3}{k % 3}", first + k) for k in range(9))


def with_header(item: DetectorAttributes, header: Header) -> DetectorAttributes:
    """Return a detector with serial number, maker and size as a header tells them.

    Sensors of other makers stood in for some during integration. The size of a wavefront sensor, half a detector, is
    not taken from headers, which give that of a whole one.
    """
    serial = str(header.get("LSST_NUM") or "").strip()
    update: dict[str, object] = {"serial": serial or item.serial}
    if header.get("CCD_MANU"):
        update["physical_type"] = str(header["CCD_MANU"]).strip()
    if header.get("DETSIZE") and item.type is not DetectorType.WAVEFRONT:
        height, width = parse_section(header["DETSIZE"])[0].shape
        update["bbox"] = Box.factory[0:height, 0:width]
        update["orientation"] = item.orientation.model_copy(
            update={"pixel_reference_x": (width - 1) / 2, "pixel_reference_y": (height - 1) / 2}
        )
    return item.model_copy(update=update)


def _attributes(raft: str, slot: str, number: int) -> DetectorAttributes:
    corner = slot in _CORNER_SLOTS
    row, column = (1, 1) if corner else divmod(slot_number(slot), 3)
    maker = "ITL" if corner or raft in _ITL_RAFTS else "E2V"
    height, width = _SHAPES["ITL wavefront" if slot.startswith("SW") else maker]
    kind = {"SG": DetectorType.GUIDER, "SW": DetectorType.WAVEFRONT}.get(slot[:2], DetectorType.SCIENCE)
    return DetectorAttributes(
        name=f"{raft}_{slot}",
        id=number,
        type=kind,
        serial=f"{raft}_{slot}",
        bbox=Box.factory[0:height, 0:width],
        orientation=Orientation(
            focal_plane_x=(int(raft[2]) - 2) * _RAFT_PITCH + (column - 1) * _SLOT_PITCH,
            focal_plane_y=-((int(raft[1]) - 2) * _RAFT_PITCH + (row - 1) * _SLOT_PITCH),
            focal_plane_z=0.0,
            pixel_reference_x=(width - 1) / 2,
            pixel_reference_y=(height - 1) / 2,
        ),
        pixel_size=_PIXEL,
        physical_type=maker,
    )
