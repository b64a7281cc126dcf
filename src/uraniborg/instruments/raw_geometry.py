"""Where the amplifiers of a raw frame are, from the section keywords that most cameras write.

``DATASEC`` (image pixels in the segment), ``DETSEC`` (the same on the detector; a falling range is a flip), ``BIASSEC``
or what stands around the data. Ranges are 1-based and inclusive, x first; ``DETSEC`` and ``DETSIZE`` are in unbinned
pixels, the pixels of our images are binned as ``CCDSUM`` tells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from astropy.io.fits import Header

from uraniborg.algorithms.isr.geometry import AmplifierGeometry, DetectorGeometry, Section
from uraniborg.core.errors import UserError, report_faults
from uraniborg.model.frames import RawFrame

__all__ = ("amplifier_geometry", "detector_wcs_header", "format_section", "parse_section", "raw_geometry")

_SECTION = re.compile(r"^\s*\[\s*(\d+)\s*:\s*(\d+)\s*,\s*(\d+)\s*:\s*(\d+)\s*\]\s*$")
_WCS_KEYS = re.compile(r"^(CTYPE|CRVAL|CUNIT|PV|LONPOLE|LATPOLE|RADESYS|WCSNAME|WCSAXES)")


def parse_section(text: str) -> tuple[Section, bool, bool]:
    """Return a section ``[x0:x1,y0:y1]``, and whether x and y fall.

    Raises
    ------
    UserError
        If the text is not a section.
    """
    found = _SECTION.match(str(text))
    if found is None:
        raise UserError(f"{text!r} is not a section; it should look like [1:512,1:2048]")
    x0, x1, y0, y1 = (int(group) for group in found.groups())
    section = Section(min(y0, y1) - 1, max(y0, y1), min(x0, x1) - 1, max(x0, x1))
    return section, x0 > x1, y0 > y1


def format_section(section: Section, *, flip_x: bool = False, flip_y: bool = False) -> str:
    """Return the text that `parse_section` reads back."""
    x, y = (section.x0 + 1, section.x1), (section.y0 + 1, section.y1)
    x, y = (x[::-1] if flip_x else x), (y[::-1] if flip_y else y)
    return f"[{x[0]}:{x[1]},{y[0]}:{y[1]}]"


def raw_geometry(raw: RawFrame) -> DetectorGeometry:
    """Return the geometry of all amplifiers of a raw frame.

    Parameters
    ----------
    raw : RawFrame
        Segments with ``DATASEC`` and ``DETSEC``.

    Raises
    ------
    UserError
        If keywords are missing or do not fit together; all faults in one message.
    """
    faults: list[str] = []
    amplifiers = []
    for number, segment in enumerate(raw.segments):
        try:
            amplifiers.append(amplifier_geometry(segment.header, segment.array.shape, number=number))
        except UserError as error:
            faults.append(str(error))
    report_faults("sections of a raw frame", faults)
    text = raw.header.get("DETSIZE", raw.primary.get("DETSIZE"))
    size = None if text is None else _binned(parse_section(text)[0], _binning(raw.header))
    return _on_detector(amplifiers, size)


def amplifier_geometry(header: Header, shape: tuple[int, ...], *, number: int = 0) -> AmplifierGeometry:
    """Return the geometry of one amplifier from the header of its segment.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Header of the segment; ``DATASEC`` and ``DETSEC`` are needed, ``BIASSEC`` and ``POVSEC`` read if there.
    shape : tuple of int
        Rows and columns of the segment.
    number : int, optional
        Names the segment if the header does not.
    """
    name = str(header.get("AMPNAME", header.get("EXTNAME", f"amplifier {number}"))).strip()
    missing = [keyword for keyword in ("DATASEC", "DETSEC") if keyword not in header]
    if missing:
        raise UserError(f"{name}: no {' and '.join(missing)} in the header; a raw segment needs DATASEC and DETSEC")
    data, _, _ = parse_section(header["DATASEC"])
    detector, flip_x, flip_y = parse_section(header["DETSEC"])
    detector = _binned(detector, _binning(header))
    serial, parallel = _overscans(header, data, (int(shape[0]), int(shape[1])))
    return AmplifierGeometry(name, data, detector, serial, parallel, flip_x, flip_y)


def detector_wcs_header(header: Header, amplifier: AmplifierGeometry) -> Header:
    """Return the WCS of a segment's header in pixels of the detector.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Header with a linear WCS (CRPIX and CD or PC) in pixels of the segment.
    amplifier : AmplifierGeometry
        Where the segment is.
    """
    result = Header([card for card in header.cards if _WCS_KEYS.match(card.keyword)])
    signs, shifts = [], []
    for flip, low, high, first in (
        (amplifier.flip_x, amplifier.detector.x0, amplifier.detector.x1, amplifier.data.x0),
        (amplifier.flip_y, amplifier.detector.y0, amplifier.detector.y1, amplifier.data.y0),
    ):
        signs.append(-1.0 if flip else 1.0)
        shifts.append(high - 1.0 + first if flip else float(low - first))
    matrix, deltas = _linear(header)
    for axis in (1, 2):
        result[f"CRPIX{axis}"] = signs[axis - 1] * (float(header[f"CRPIX{axis}"]) - 1.0) + shifts[axis - 1] + 1.0
        for other in (1, 2):
            result[f"CD{axis}_{other}"] = matrix[axis - 1, other - 1] * deltas[axis - 1] * signs[other - 1]
    return result


def _binning(header: Header) -> tuple[int, int]:
    """Return the binning along x and y; ``CCDSUM`` is two numbers."""
    x, y = (int(word) for word in str(header.get("CCDSUM", "1 1")).split())
    return x, y


def _binned(section: Section, binning: tuple[int, int]) -> Section:
    """Return a section of the detector, which is told in unbinned pixels, in binned ones."""
    x, y = binning
    return Section(section.y0 // y, section.y1 // y, section.x0 // x, section.x1 // x)


def _linear(header: Header) -> tuple[np.ndarray, tuple[float, float]]:
    if "CD1_1" in header:
        matrix = [[float(header.get(f"CD{i}_{j}", 0.0)) for j in (1, 2)] for i in (1, 2)]
        return np.array(matrix), (1.0, 1.0)
    matrix = [[float(header.get(f"PC{i}_{j}", 1.0 if i == j else 0.0)) for j in (1, 2)] for i in (1, 2)]
    return np.array(matrix), (float(header.get("CDELT1", 1.0)), float(header.get("CDELT2", 1.0)))


def _overscans(header: Header, data: Section, shape: tuple[int, int]) -> tuple[Section | None, Section | None]:
    """Return serial and parallel overscan: as a keyword tells them, else what stands after (or before) the data."""
    serial = parallel = None
    if "BIASSEC" in header:
        box, _, _ = parse_section(header["BIASSEC"])
        serial = Section(data.y0, data.y1, box.x0, min(box.x1, shape[1]))
    elif data.x1 < shape[1]:
        serial = Section(data.y0, data.y1, data.x1, shape[1])
    if "POVSEC" in header:
        parallel, _, _ = parse_section(header["POVSEC"])
    elif data.y1 < shape[0]:
        parallel = Section(data.y1, shape[0], data.x0, data.x1)
    return serial, parallel


def _on_detector(amplifiers: Sequence[AmplifierGeometry], size: Section | None) -> DetectorGeometry:
    boxes = [item.detector for item in amplifiers]
    shape = (max(box.y1 for box in boxes), max(box.x1 for box in boxes))
    if size is not None:
        shape = (max(shape[0], size.y1), max(shape[1], size.x1))
    return DetectorGeometry(shape, tuple(amplifiers))
