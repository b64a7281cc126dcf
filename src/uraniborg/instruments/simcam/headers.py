"""Header conventions and geometry of SimCam, the camera of simulated exposures.

One exposure of one detector is three files, each a primary HDU without pixels and one image extension:
image [adu], weight [adu^-2] and data quality [`DQ_BITS`]. `make_headers` makes the two headers of any of
them, `file_name` names the file; nothing else may write these keywords. The pixels of a SimCam image can be in
any linear unit of which ``GAIN`` makes electrons; with ``GAIN = 1`` they are electrons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from astropy.io.fits import Header
from astropy.time import Time
from astropy.wcs import WCS

from uraniborg.core.errors import UserError, report_faults

__all__ = (
    "DQ_BITS",
    "FILTERS",
    "INSTRUMENT",
    "MAX_DETECTORS",
    "Member",
    "PRODUCT_TYPES",
    "SimCamExposure",
    "SimCamGeometry",
    "OBSERVATION_TYPES",
    "detector_name",
    "exposure_header",
    "file_name",
    "geometry_from_headers",
    "make_headers",
)

INSTRUMENT: Final = "SimCam"
TELESCOPE: Final = "Uraniborg Simulated Telescope"
MAX_DETECTORS: Final = 25
"""Detectors are numbered from 0; the registry knows this many."""

Member = Literal["image", "weight", "dq"]

PRODUCT_TYPES: Final[dict[str, str]] = {"image": "image", "weight": "wtmap", "dq": "dqmask"}
"""Member of a triplet to its value of ``PRODTYPE`` (the words of DECam's community pipeline)."""

FILTERS: Final[dict[str, str]] = {f"{band}_sim": band for band in "ugrizy"}
"""Physical filter (``FILTER``) to band."""

DQ_BITS: Final[dict[str, int]] = {
    "BAD": 1 << 0,
    "SATURATED": 1 << 1,
    "COSMIC_RAY": 1 << 2,
    "NO_DATA": 1 << 3,
    "BLEED": 1 << 4,
    "STREAK": 1 << 5,
    "SUSPECT": 1 << 6,
}
"""Mask plane to bit of the data-quality image (int32)."""

OBSERVATION_TYPES: Final = ("science", "bias", "dark", "flat")
"""Values of ``OBSTYPE``; only science exposures see the sky."""

_SITE: Final = (1818939.3, -5208470.9, -3195171.5)  # Cerro Pachon, geocentric [m]


@dataclass(frozen=True, slots=True)
class SimCamGeometry:
    """Detectors on a grid around the boresight, all alike.

    Attributes
    ----------
    columns, rows : int
        Detectors along x and y; detector ``column + row * columns`` counts from the lower left.
    width, height : int [pixel]
        Size of one detector.
    gap : int [pixel]
        Distance between the edges of neighbours.
    pixel_scale : float [arcsec]
        Size of a pixel on the sky, at the boresight.
    pixel_size : float [mm]
        Size of a pixel in the focal plane.
    """

    columns: int = 1
    rows: int = 1
    width: int = 1024
    height: int = 1024
    gap: int = 40
    pixel_scale: float = 0.2
    pixel_size: float = 0.010

    def __post_init__(self) -> None:
        faults = [
            f"{name} is {getattr(self, name)}, must be positive"
            for name in ("columns", "rows", "width", "height", "pixel_scale", "pixel_size")
            if getattr(self, name) <= 0
        ]
        if self.columns * self.rows > MAX_DETECTORS:
            faults.append(f"{self.columns} x {self.rows} detectors are more than {MAX_DETECTORS}")
        if self.gap < 0:
            faults.append(f"gap is {self.gap}, must not be negative")
        report_faults("SimCam geometry", faults)

    @property
    def n_detectors(self) -> int:
        """Number of detectors."""
        return self.columns * self.rows

    def boresight(self, detector: int) -> tuple[float, float]:
        """Return the 0-based pixel position (x, y) of the boresight on one detector [pixel].

        Parameters
        ----------
        detector : int
            Number of the detector.

        Raises
        ------
        UserError
            If there is no such detector.
        """
        if not 0 <= detector < self.n_detectors:
            raise UserError(f"no detector {detector} in a SimCam of {self.columns} x {self.rows}")
        row, column = divmod(detector, self.columns)
        x = ((self.columns - 1) / 2 - column) * (self.width + self.gap) + (self.width - 1) / 2
        y = ((self.rows - 1) / 2 - row) * (self.height + self.gap) + (self.height - 1) / 2
        return x, y

    def wcs(self, detector: int, *, ra: float, dec: float, rotation: float = 0.0) -> WCS:
        """Return the TAN projection of one detector.

        Parameters
        ----------
        detector : int
            Number of the detector.
        ra, dec : float [deg]
            ICRS position of the boresight.
        rotation : float [deg]
            Position angle of the detector's +y axis, North through East. At 0, +x points West.

        Returns
        -------
        astropy.wcs.WCS
        """
        x, y = self.boresight(detector)
        angle = np.deg2rad(rotation)
        scale = self.pixel_scale / 3600.0
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.cunit = ["deg", "deg"]
        wcs.wcs.radesys = "ICRS"
        wcs.wcs.crval = [ra, dec]
        wcs.wcs.crpix = [x + 1.0, y + 1.0]
        wcs.wcs.cd = scale * np.array([[-np.cos(angle), np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        wcs.array_shape = (self.height, self.width)
        wcs.wcs.set()
        return wcs


@dataclass(frozen=True, slots=True)
class SimCamExposure:
    """What all detectors of one simulated exposure share.

    Attributes
    ----------
    exposure : int
        Number of the exposure, below 2**34; also the number of its visit.
    physical_filter : str
        One of `FILTERS`.
    ra, dec : float [deg]
        ICRS position of the boresight.
    mjd_begin : float [day]
        Start of the exposure, TAI.
    exposure_time : float [s]
        Time that the shutter was open.
    rotation : float [deg]
        Position angle of the detectors' +y axis, North through East.
    airmass : float []
        Airmass of the boresight.
    field : str
        Name of the field.
    seed : int
        Seed that the pixels were made with.
    observation_type : str
        One of `OBSERVATION_TYPES`; of a calibration, the position means nothing.
    dark_time : float [s], optional
        Time since the last clearing; the exposure time if not given.
    """

    exposure: int
    physical_filter: str
    ra: float
    dec: float
    mjd_begin: float
    exposure_time: float = 30.0
    rotation: float = 0.0
    airmass: float = 1.0
    field: str = "simulated"
    seed: int = 0
    observation_type: str = "science"
    dark_time: float | None = None

    def __post_init__(self) -> None:
        faults = []
        if self.physical_filter not in FILTERS:
            faults.append(f"physical_filter is {self.physical_filter!r}, must be one of {sorted(FILTERS)}")
        if not 0 <= self.exposure < 1 << 34:
            faults.append(f"exposure is {self.exposure}, must be in 0..{(1 << 34) - 1}")
        if not -90.0 <= self.dec <= 90.0:
            faults.append(f"dec is {self.dec}, must be in -90..90")
        if self.observation_type not in OBSERVATION_TYPES:
            faults.append(f"observation_type is {self.observation_type!r}, must be one of {OBSERVATION_TYPES}")
        if self.exposure_time < 0.0 or (self.exposure_time == 0.0 and self.observation_type not in ("bias", "dark")):
            faults.append(f"exposure_time is {self.exposure_time}, must be positive")
        report_faults("SimCam exposure", faults)

    @property
    def on_sky(self) -> bool:
        """Whether the exposure sees the sky."""
        return self.observation_type == "science"

    @property
    def band(self) -> str:
        """Letter of the band."""
        return FILTERS[self.physical_filter]


def detector_name(detector: int) -> str:
    """Return the name of a detector, e.g. ``D03``."""
    return f"D{detector:02d}"


def file_name(exposure: int, detector: int, member: Member) -> str:
    """Return the name of the file that holds one member of a triplet."""
    return f"simcam_{exposure:011d}_{detector:02d}_{member}.fits"


def make_headers(
    exposure: SimCamExposure,
    detector: int,
    member: Member,
    *,
    geometry: SimCamGeometry,
    gain: float,
    read_noise: float,
    saturation: float,
    fwhm: float,
    sky_level: float,
) -> tuple[Header, Header]:
    """Return the primary and the extension header of one file.

    Parameters
    ----------
    exposure : SimCamExposure
        What all detectors share.
    detector : int
        Number of the detector.
    member : {"image", "weight", "dq"}
        Which file of the triplet.
    geometry : SimCamGeometry
        The camera.
    gain : float [electron/adu]
        Electrons for each unit of the pixels.
    read_noise : float [electron]
        Noise of a pixel without light.
    saturation : float [adu]
        Value at which pixels are saturated.
    fwhm : float [pixel]
        Full width at half maximum of the point-spread function.
    sky_level : float [adu]
        Mean sky, still in the pixels.

    Returns
    -------
    primary, extension : astropy.io.fits.Header
        The extension header has the name, the WCS and the detector; NAXIS and BITPIX are set on writing.

    Raises
    ------
    UserError
        If the member or the detector is unknown.
    """
    if member not in PRODUCT_TYPES:
        raise UserError(f"no member {member!r} in a triplet; there are {sorted(PRODUCT_TYPES)}")
    extension = geometry.wcs(detector, ra=exposure.ra, dec=exposure.dec, rotation=exposure.rotation).to_header()
    row, column = divmod(detector, geometry.columns)
    extension["EXTNAME"] = detector_name(detector)
    extension["CCDNUM"] = (detector, "detector number")
    extension["DETPOS"] = (detector_name(detector), "detector name")
    extension["DETCOL"] = (column, "column in the grid of detectors")
    extension["DETROW"] = (row, "row in the grid of detectors")
    extension["BUNIT"] = ({"image": "adu", "weight": "adu-2", "dq": ""}[member], "unit of the pixels")
    extension["GAIN"] = (gain, "[electron/adu]")
    extension["RDNOISE"] = (read_noise, "[electron] read noise")
    extension["SATURATE"] = (saturation, "[adu] saturation level")
    extension["FWHM"] = (fwhm, "[pixel] seeing")
    extension["SKYLEVEL"] = (sky_level, "[adu] mean sky in the pixels")
    return exposure_header(exposure, PRODUCT_TYPES[member], geometry), extension


def exposure_header(exposure: SimCamExposure, product_type: str, geometry: SimCamGeometry) -> Header:
    """Return the cards that all detectors of an exposure share.

    Parameters
    ----------
    exposure : SimCamExposure
        The exposure; of a calibration, position and airmass are left out.
    product_type : str
        Value of ``PRODTYPE``.
    geometry : SimCamGeometry
        The camera.
    """
    begin = Time(exposure.mjd_begin, format="mjd", scale="tai")
    end = Time(exposure.mjd_begin + exposure.exposure_time / 86400.0, format="mjd", scale="tai")
    night = Time(exposure.mjd_begin - 0.5, format="mjd", scale="tai").strftime("%Y%m%d")
    header = Header()
    cards: list[tuple[str, str | int | float | bool, str]] = [
        ("INSTRUME", INSTRUMENT, "camera"),
        ("TELESCOP", TELESCOPE, "telescope"),
        ("PRODTYPE", product_type, "image, wtmap or dqmask"),
        ("OBSID", f"simcam{exposure.exposure:011d}", "name of the exposure"),
        ("EXPNUM", exposure.exposure, "number of the exposure"),
        ("DAYOBS", int(night), "night, rolls over at 12h TAI"),
        ("OBSTYPE", exposure.observation_type, "kind of exposure"),
        ("OBJECT", exposure.field, "field"),
        ("PROPID", "simulation", "programme"),
        ("FILTER", exposure.physical_filter, "physical filter"),
        ("TIMESYS", "TAI", "time scale of all dates"),
        ("DATE-BEG", begin.isot, "start"),
        ("DATE-END", end.isot, "end"),
        ("MJD-BEG", begin.mjd, "[d] start"),
        ("MJD-END", end.mjd, "[d] end"),
        ("EXPTIME", exposure.exposure_time, "[s] shutter open"),
        (
            "DARKTIME",
            exposure.exposure_time if exposure.dark_time is None else exposure.dark_time,
            "[s] since the last clearing",
        ),
        *(_pointing_cards(exposure) if exposure.on_sky else []),
        ("DETGRIDX", geometry.columns, "columns of detectors"),
        ("DETGRIDY", geometry.rows, "rows of detectors"),
        ("DETWIDTH", geometry.width, "[pixel] width of a detector"),
        ("DETHEIGH", geometry.height, "[pixel] height of a detector"),
        ("DETGAP", geometry.gap, "[pixel] between detectors"),
        ("PIXSCALE", geometry.pixel_scale, "[arcsec/pixel]"),
        ("PIXSIZE", geometry.pixel_size, "[mm] size of a pixel"),
        ("SIMSEED", exposure.seed, "seed of the simulation"),
    ]
    cards += [(f"OBSGEO-{axis}", value, "[m] site") for axis, value in zip("XYZ", _SITE, strict=True)]
    for keyword, value, comment in cards:
        header[keyword] = (value, comment)
    return header


def _pointing_cards(exposure: SimCamExposure) -> list[tuple[str, str | int | float | bool, str]]:
    return [
        ("RADESYS", "ICRS", "frame of positions"),
        ("BORERA", exposure.ra, "[deg] boresight"),
        ("BOREDEC", exposure.dec, "[deg] boresight"),
        ("ROTPA", exposure.rotation, "[deg] position angle of +y, N through E"),
        ("AIRMASS", exposure.airmass, "at the boresight"),
    ]


def geometry_from_headers(primary: Header) -> SimCamGeometry:
    """Return the geometry that a primary header tells.

    Raises
    ------
    UserError
        If a keyword is missing; all missing ones are named.
    """
    keywords = ("DETGRIDX", "DETGRIDY", "DETWIDTH", "DETHEIGH", "DETGAP", "PIXSCALE", "PIXSIZE")
    report_faults("SimCam header", [f"keyword {name} is missing" for name in keywords if name not in primary])
    columns, rows, width, height, gap = (int(primary[name]) for name in keywords[:5])
    return SimCamGeometry(columns, rows, width, height, gap, float(primary["PIXSCALE"]), float(primary["PIXSIZE"]))
