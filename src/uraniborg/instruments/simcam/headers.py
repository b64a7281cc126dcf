"""Header conventions and geometry of SimCam, the camera of simulated exposures.

One exposure of one detector is three files, each a primary HDU without pixels and one image extension:
image [adu], weight [adu^-2] and data quality [`DQ_BITS`]. `make_headers` makes the two headers of any of
them, `file_name` names the file; nothing else may write these keywords. The pixels of a SimCam image can be in
any linear unit of which ``GAIN`` makes electrons; with ``GAIN = 1`` they are electrons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from astropy.io.fits import Header
from astropy.time import Time

from uraniborg.core.errors import UserError, report_faults
from uraniborg.instruments.simcam.geometry import SimCamGeometry

__all__ = (
    "DQ_BITS",
    "FILTERS",
    "INSTRUMENT",
    "Member",
    "PRODUCT_TYPES",
    "SimCamExposure",
    "SimCamGeometry",
    "OBSERVATION_TYPES",
    "ON_SKY",
    "detector_cards",
    "detector_name",
    "exposure_header",
    "file_name",
    "geometry_from_headers",
    "make_headers",
)

INSTRUMENT: Final = "SimCam"
TELESCOPE: Final = "Uraniborg Simulated Telescope"
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

OBSERVATION_TYPES: Final = ("science", "bias", "dark", "flat", "sky", "monoflat", "crosstalk")
"""Values of ``OBSTYPE``. A "sky" is an exposure of the night sky for calibration, a "monoflat" a flat in light of one
wavelength, a "crosstalk" shows bright spots on one amplifier of each detector."""

ON_SKY: Final = ("science", "sky")
"""Kinds of exposures that see the sky."""

_SITE: Final = (1818939.3, -5208470.9, -3195171.5)  # Cerro Pachon, geocentric [m]


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
    wavelength : float [nm], optional
        Of the light of a "monoflat".
    altitude, azimuth : float [deg], optional
        Of the boresight at the start, azimuth from North through East.
    snap, snaps : int
        Number of this exposure among those of its visit, from 0, and how many these are.
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
    wavelength: float | None = None
    altitude: float | None = None
    azimuth: float | None = None
    snap: int = 0
    snaps: int = 1

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
        if (self.wavelength is None) == (self.observation_type == "monoflat"):
            faults.append(f"wavelength is {self.wavelength}; a monoflat needs one, and nothing else has one")
        if not 0 <= self.snap < self.snaps:
            faults.append(f"snap is {self.snap} of {self.snaps}, must be in 0..{self.snaps - 1}")
        report_faults("SimCam exposure", faults)

    @property
    def on_sky(self) -> bool:
        """Whether the exposure sees the sky."""
        return self.observation_type in ON_SKY

    @property
    def group(self) -> int:
        """Number of the first exposure of the visit."""
        return self.exposure - self.snap

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
    extension = geometry.wcs(
        detector, ra=exposure.ra, dec=exposure.dec, rotation=exposure.rotation
    ).to_header(relax=bool(geometry.distortion))
    extension["EXTNAME"] = detector_name(detector)
    extension.extend(detector_cards(detector, geometry))
    extension["BUNIT"] = ({"image": "adu", "weight": "adu-2", "dq": ""}[member], "unit of the pixels")
    extension["GAIN"] = (gain, "[electron/adu]")
    extension["RDNOISE"] = (read_noise, "[electron] read noise")
    extension["SATURATE"] = (saturation, "[adu] saturation level")
    extension["FWHM"] = (fwhm, "[pixel] seeing")
    extension["SKYLEVEL"] = (sky_level, "[adu] mean sky in the pixels")
    return exposure_header(exposure, PRODUCT_TYPES[member], geometry), extension


def detector_cards(detector: int, geometry: SimCamGeometry) -> list[tuple[str, str | int, str]]:
    """Return the cards that say which detector this is, and where it stands."""
    column, row = geometry.place(detector)
    cards: list[tuple[str, str | int, str]] = [
        ("CCDNUM", detector, "detector number"),
        ("DETPOS", detector_name(detector), "detector name"),
        ("DETCOL", column, "column in the grid of detectors"),
        ("DETROW", row, "row in the grid of detectors"),
    ]
    if (names := geometry.raft_and_slot(detector)) is not None:
        cards += [("RAFTBAY", names[0], "raft"), ("CCDSLOT", names[1], "place in the raft")]
    return cards


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
        *([("MONOWL", exposure.wavelength, "[nm] wavelength of the light")] if exposure.wavelength else []),
        ("GROUPID", exposure.group, "first exposure of the visit"),
        ("CURINDEX", exposure.snap + 1, "number in the visit, from 1"),
        ("MAXINDEX", exposure.snaps, "exposures of the visit"),
        *(_pointing_cards(exposure) if exposure.on_sky else []),
        *_geometry_cards(geometry),
        ("SIMSEED", exposure.seed, "seed of the simulation"),
    ]
    cards += [(f"OBSGEO-{axis}", value, "[m] site") for axis, value in zip("XYZ", _SITE, strict=True)]
    for keyword, value, comment in cards:
        header[keyword] = (value, comment)
    return header


def _pointing_cards(exposure: SimCamExposure) -> list[tuple[str, str | int | float | bool, str]]:
    horizontal: list[tuple[str, str | int | float | bool, str]] = []
    if exposure.altitude is not None and exposure.azimuth is not None:
        horizontal = [
            ("ELSTART", exposure.altitude, "[deg] altitude at the start"),
            ("AZSTART", exposure.azimuth, "[deg] azimuth at the start, N through E"),
        ]
    return [
        ("RADESYS", "ICRS", "frame of positions"),
        ("BORERA", exposure.ra, "[deg] boresight"),
        ("BOREDEC", exposure.dec, "[deg] boresight"),
        ("ROTPA", exposure.rotation, "[deg] position angle of +y, N through E"),
        ("AIRMASS", exposure.airmass, "at the boresight"),
        *horizontal,
    ]


def _geometry_cards(geometry: SimCamGeometry) -> list[tuple[str, str | int | float | bool, str]]:
    cards: list[tuple[str, str | int | float | bool, str]] = [
        ("DETGRIDX", geometry.columns, "columns of detectors"),
        ("DETGRIDY", geometry.rows, "rows of detectors"),
        ("DETWIDTH", geometry.width, "[pixel] width of a detector"),
        ("DETHEIGH", geometry.height, "[pixel] height of a detector"),
        ("DETGAP", geometry.gap, "[pixel] between detectors"),
        ("PIXSCALE", geometry.pixel_scale, "[arcsec/pixel]"),
        ("PIXSIZE", geometry.pixel_size, "[mm] size of a pixel"),
    ]
    if geometry.raft > 1 or not geometry.corner_rafts:
        cards += [
            ("RAFTSIZE", geometry.raft, "detectors along each side of a raft"),
            ("RAFTGAP", geometry.raft_gap, "[pixel] wider between rafts by"),
            ("RAFTCORN", geometry.corner_rafts, "rafts in the corners"),
        ]
    return cards


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
    return SimCamGeometry(
        *(columns, rows, width, height, gap),
        pixel_scale=float(primary["PIXSCALE"]),
        pixel_size=float(primary["PIXSIZE"]),
        raft=int(primary.get("RAFTSIZE", 1)),
        raft_gap=int(primary.get("RAFTGAP", 0)),
        corner_rafts=bool(primary.get("RAFTCORN", True)),
    )
