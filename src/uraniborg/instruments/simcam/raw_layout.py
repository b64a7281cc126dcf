"""Raw files of SimCam: how a detector is cut into amplifier segments, and the headers that say so.

A segment is stored in the order of read-out: first column first read (serial prescan, image, serial overscan), first
row next to the serial register (image, parallel overscan). Amplifiers of the upper row of a detector read upwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.io.fits import Header
from numpy.typing import NDArray

from uraniborg.core.errors import UserError, report_faults
from uraniborg.instruments.simcam.headers import (
    SimCamExposure,
    SimCamGeometry,
    detector_cards,
    detector_name,
    exposure_header,
)

__all__ = ("AmplifierLayout", "cut_segments", "join_segments", "make_raw_headers", "raw_file_name")


@dataclass(frozen=True, slots=True)
class AmplifierLayout:
    """Amplifiers of one detector, all alike; they are numbered along x, from the lower row.

    Attributes
    ----------
    width, height : int [pixel]
        Size of the detector.
    columns, rows : int
        Amplifiers along x, and rows of amplifiers (1 or 2).
    prescan, overscan, parallel_overscan : int [pixel]
        Columns before and after, and rows after the image pixels of a segment.
    """

    width: int
    height: int
    columns: int = 8
    rows: int = 2
    prescan: int = 10
    overscan: int = 32
    parallel_overscan: int = 32

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {getattr(self, name)}, must not be negative"
            for name in ("prescan", "overscan", "parallel_overscan")
            if getattr(self, name) < 0
        ]
        if self.rows not in (1, 2):
            faults.append(f"rows is {self.rows}; pixels can only be read towards two edges, so 1 or 2")
        for size, number in (("width", "columns"), ("height", "rows")):
            whole, parts = getattr(self, size), getattr(self, number)
            if parts < 1 or whole < parts or whole % parts:
                faults.append(f"{size} {whole} cannot be cut into {parts} equal {number}")
        report_faults("amplifier layout", faults)

    @property
    def n_amplifiers(self) -> int:
        """Number of amplifiers."""
        return self.columns * self.rows

    @property
    def image_shape(self) -> tuple[int, int]:
        """Rows and columns of light-sensitive pixels of a segment."""
        return self.height // self.rows, self.width // self.columns

    @property
    def segment_shape(self) -> tuple[int, int]:
        """Rows and columns of a segment as it is stored."""
        rows, columns = self.image_shape
        return rows + self.parallel_overscan, self.prescan + columns + self.overscan

    @property
    def image_slices(self) -> tuple[slice, slice]:
        """Where the image pixels are in a segment."""
        rows, columns = self.image_shape
        return slice(0, rows), slice(self.prescan, self.prescan + columns)

    @property
    def overscan_slices(self) -> tuple[slice, slice]:
        """Where the serial overscan beside the image pixels is in a segment."""
        rows, columns = self.image_shape
        return slice(0, rows), slice(self.prescan + columns, self.prescan + columns + self.overscan)

    def name(self, amplifier: int) -> str:
        """Return the name of an amplifier, e.g. ``C13``: row, then column."""
        row, column = self._place(amplifier)
        return f"C{row}{column}"

    def detector_slices(self, amplifier: int) -> tuple[slice, slice]:
        """Return where on the detector an amplifier's pixels are, in order of read-out (steps may be negative)."""
        row, column = self._place(amplifier)
        rows, columns = self.image_shape
        x = slice(column * columns, (column + 1) * columns)
        if row == 0:
            return slice(0, rows), x
        first = self.height - 1
        return slice(first, first - rows if first >= rows else None, -1), x

    def _place(self, amplifier: int) -> tuple[int, int]:
        if not 0 <= amplifier < self.n_amplifiers:
            raise UserError(f"no amplifier {amplifier}; there are {self.n_amplifiers}")
        return divmod(amplifier, self.columns)


def cut_segments(image: NDArray[np.float64], layout: AmplifierLayout) -> NDArray[np.float64]:
    """Return the image pixels of all amplifiers in order of read-out, in empty (zero) segments.

    Parameters
    ----------
    image : (ny, nx) float
        Pixels of the detector.
    layout : AmplifierLayout
        The amplifiers.

    Returns
    -------
    (n, my, mx) float
    """
    _check_shape(image.shape, (layout.height, layout.width))
    segments = np.zeros((layout.n_amplifiers, *layout.segment_shape))
    for amplifier in range(layout.n_amplifiers):
        segments[(amplifier, *layout.image_slices)] = image[layout.detector_slices(amplifier)]
    return segments


def join_segments(segments: NDArray[np.generic], layout: AmplifierLayout) -> NDArray[np.generic]:
    """Return the detector's image from segments; the inverse of `cut_segments` without the scans.

    Parameters
    ----------
    segments : (n, my, mx)
        All segments in order of their amplifiers.
    layout : AmplifierLayout
        The amplifiers.

    Returns
    -------
    (ny, nx)
        Same type as the segments.
    """
    _check_shape(segments.shape, (layout.n_amplifiers, *layout.segment_shape))
    image = np.empty((layout.height, layout.width), dtype=segments.dtype)
    for amplifier in range(layout.n_amplifiers):
        image[layout.detector_slices(amplifier)] = segments[(amplifier, *layout.image_slices)]
    return image


def _check_shape(found: tuple[int, ...], expected: tuple[int, ...]) -> None:
    if found != expected:
        raise UserError(f"pixels have shape {found}, the layout says {expected}")


def raw_file_name(exposure: int, detector: int) -> str:
    """Return the name of the raw file of one detector."""
    return f"simcam_{exposure:011d}_{detector:02d}_raw.fits"


def make_raw_headers(
    exposure: SimCamExposure,
    detector: int,
    *,
    geometry: SimCamGeometry,
    layout: AmplifierLayout,
    gain: float,
    read_noise: float,
    saturation: float,
) -> tuple[Header, tuple[Header, ...]]:
    """Return the primary header of a raw file and those of its segments.

    Parameters
    ----------
    exposure : SimCamExposure
        What all detectors share.
    detector : int
        Number of the detector.
    geometry : SimCamGeometry
        The camera.
    layout : AmplifierLayout
        The amplifiers.
    gain, read_noise : float [electron/adu], [electron]
        Nominal values, as an acquisition system knows them; not the true ones.
    saturation : float [adu]
        Nominal saturation level above the bias.

    Returns
    -------
    primary : astropy.io.fits.Header
        Exposure and detector; it translates without a segment's header.
    segments : tuple of astropy.io.fits.Header
        One for each amplifier, with ``DATASEC``, ``BIASSEC``, ``PRESEC``, ``POVSEC`` (in the segment), ``DETSEC``,
        ``DETSIZE`` (1-based, inclusive, as in Rubin's raws: a falling range tells a flip) and the segment's own WCS.
    """
    primary = exposure_header(exposure, "raw", geometry)
    primary.comments["PRODTYPE"] = "segments as they were read out"
    cards = [
        *detector_cards(detector, geometry),
        ("DETSIZE", f"[1:{layout.width},1:{layout.height}]", "light-sensitive pixels"),
        ("NAMPS", layout.n_amplifiers, "number of segments that follow"),
    ]
    for keyword, value, comment in cards:
        primary[keyword] = (value, comment)
    segments = []
    for amplifier in range(layout.n_amplifiers):
        header = _segment_wcs(exposure, detector, amplifier, geometry, layout) if exposure.on_sky else Header()
        _add_sections(header, amplifier, layout)
        header["CCDNUM"] = (detector, "detector number")
        header["DETPOS"] = (detector_name(detector), "detector name")
        header["BUNIT"] = ("adu", "unit of the pixels")
        header["GAIN"] = (gain, "[electron/adu] nominal")
        header["RDNOISE"] = (read_noise, "[electron] nominal read noise")
        header["SATURATE"] = (saturation, "[adu] nominal, above the bias")
        segments.append(header)
    return primary, tuple(segments)


def _add_sections(header: Header, amplifier: int, layout: AmplifierLayout) -> None:
    rows, columns = layout.image_shape
    height, width = layout.segment_shape
    start = layout.prescan + columns
    y, x = layout.detector_slices(amplifier)
    first = y.start + 1
    last = first + rows - 1 if y.step is None else first - rows + 1
    header["EXTNAME"] = f"Segment{layout.name(amplifier)[1:]}"
    header["AMPNAME"] = (layout.name(amplifier), "name of the amplifier")
    header["CHANNEL"] = (amplifier + 1, "number of the amplifier, from 1")
    header["CCDSUM"] = ("1 1", "binning")
    header["DETSIZE"] = (f"[1:{layout.width},1:{layout.height}]", "light-sensitive pixels")
    header["DETSEC"] = (f"[{x.start + 1}:{x.stop},{first}:{last}]", "image pixels on the detector")
    header["DATASEC"] = (f"[{layout.prescan + 1}:{start},1:{rows}]", "image pixels in the segment")
    for keyword, section, comment, size in (
        ("PRESEC", f"[1:{layout.prescan},1:{rows}]", "serial prescan", layout.prescan),
        ("BIASSEC", f"[{start + 1}:{width},1:{rows}]", "serial overscan", layout.overscan),
        (
            "POVSEC",
            f"[{layout.prescan + 1}:{start},{rows + 1}:{height}]",
            "parallel overscan",
            layout.parallel_overscan,
        ),
    ):
        if size:
            header[keyword] = (section, comment)


def _segment_wcs(
    exposure: SimCamExposure, detector: int, amplifier: int, geometry: SimCamGeometry, layout: AmplifierLayout
) -> Header:
    """Return the WCS of the detector in the pixels of a segment."""
    wcs = geometry.wcs(detector, ra=exposure.ra, dec=exposure.dec, rotation=exposure.rotation)
    y, x = layout.detector_slices(amplifier)
    sign = 1.0 if y.step is None else -1.0
    crpix = wcs.wcs.crpix
    wcs.wcs.crpix = [crpix[0] - x.start + layout.prescan, sign * (crpix[1] - 1.0 - y.start) + 1.0]
    wcs.wcs.cd = wcs.wcs.cd * np.array([1.0, sign])
    wcs.wcs.set()
    header: Header = wcs.to_header(relax=bool(geometry.distortion))
    return header
