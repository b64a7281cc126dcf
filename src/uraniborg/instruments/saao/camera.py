"""STE3: a CCD of 512 x 512 pixels behind one amplifier, in files without extensions.

Facts that were read off a raw frame of 2013: ``TRIMSEC`` names all 520 rows, but light falls on the first 512 only;
the others are at the level of the overscan. ``BIASSEC`` stands before the data, eight columns more after them. There
is no ``DATASEC`` and no ``DETSEC``, so the translator adds them. ``MJD-OBS`` is that of midnight; ``DATE-OBS`` and
``UT`` tell the start. ``FILTERS`` is ten times the place in wheel A and the place in wheel B.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, ClassVar, Final

import astropy.units as u
from astro_metadata_translator import cache_translation
from astro_metadata_translator.translators import FitsTranslator
from astropy.coordinates import EarthLocation, SkyCoord
from astropy.time import Time, TimeDelta
from lsst.images.cameras import DetectorAttributes

from uraniborg.algorithms.isr.geometry import Section
from uraniborg.instruments.camera import detector_attributes
from uraniborg.instruments.raw_geometry import format_section, parse_section
from uraniborg.instruments.raw_headers import RawInstrument

__all__ = ("Ste3", "Ste3Translator")

_SIZE: Final = 512
_PIXEL: Final = 0.024  # mm; SITe 512
_SCALE: Final = 0.31 / _PIXEL  # arcsec/mm
_SUTHERLAND: Final = (20.8107, -32.3792, 1798.0)  # longitude, latitude [deg], height [m]
_MIDNIGHT: Final = Time("2000-01-01", scale="utc").mjd
_TYPES: Final = {"object": "science", "zero": "bias"}


class Ste3Translator(FitsTranslator):
    """Translation of raw headers; the exposure is numbered by its start, in seconds since 2000."""

    name = "STE3"
    supported_instrument = "STE3"
    default_search_path: ClassVar[list[str]] = []

    _const_map: ClassVar[dict[str, Any]] = {
        "instrument": "STE3",
        "boresight_rotation_angle": None,
        "boresight_rotation_coord": "unknown",
        "detector_group": None,
        "detector_name": "CCD",
        "detector_unique_name": "CCD",
        "detector_serial": "STE3",
        "detector_num": 0,
        "has_simulated_content": False,
        "altaz_begin": None,
        "altaz_end": None,
        "focus_z": None,
        "temperature": None,
        "pressure": None,
        "relative_humidity": None,
        "observation_reason": "unknown",
    }
    _trivial_map: ClassVar[dict[str, Any]] = {
        "telescope": "TELESCOP",
        "exposure_time": ("EXPTIME", {"unit": u.s}),
        "exposure_time_requested": ("EXPTIME", {"unit": u.s}),
        "dark_time": ("EXPTIME", {"unit": u.s}),
        "object": "OBJECT",
        "science_program": "OBSERVER",
        "boresight_airmass": "SECZ",
    }

    @classmethod
    def can_translate(cls, header: Mapping[str, Any], filename: str | None = None) -> bool:
        """Say whether a header is of this camera."""
        return str(header.get("INSTRUME", "")).strip() == "STE3 CCD"

    @classmethod
    def fix_header(
        cls, header: MutableMapping[str, Any], instrument: str, obsid: str, filename: str | None = None
    ) -> bool:
        """Add the sections: the part of ``TRIMSEC`` on which light falls is the detector."""
        if "DATASEC" in header or "TRIMSEC" not in header:
            return False
        trim, _, _ = parse_section(header["TRIMSEC"])
        data = Section(trim.y0, min(trim.y1, trim.y0 + _SIZE), trim.x0, min(trim.x1, trim.x0 + _SIZE))
        header["DATASEC"] = format_section(data)
        header["DETSEC"] = header["DETSIZE"] = format_section(Section(0, data.shape[0], 0, data.shape[1]))
        return True

    def _of(self, keyword: str) -> str:
        self._used_these_cards(keyword)
        return str(self._header[keyword]).strip()

    @cache_translation
    def to_datetime_begin(self) -> Time:
        """Return the start of the exposure."""
        return Time(f"{self._of('DATE-OBS')}T{self._of('UT')}", format="isot", scale="utc").tai

    @cache_translation
    def to_datetime_end(self) -> Time:
        """Return start and exposure time."""
        return self.to_datetime_begin() + self.to_exposure_time()

    @cache_translation
    def to_exposure_id(self) -> int:
        """Return the number of the exposure: its start in whole seconds of UTC since 2000."""
        seconds = float((self.to_datetime_begin().utc.mjd - _MIDNIGHT) * 86400.0)
        return round(seconds)

    @cache_translation
    def to_visit_id(self) -> int:
        """Return the number of the exposure."""
        return int(self.to_exposure_id())

    @cache_translation
    def to_detector_exposure_id(self) -> int:
        """Return the number of the exposure: there is one detector."""
        return int(self.to_exposure_id())

    @cache_translation
    def to_observation_id(self) -> str:
        """Return a name made of the start."""
        return f"ste3_{self.to_exposure_id():010d}"

    @cache_translation
    def to_exposure_group(self) -> str:
        """Return a group of its own."""
        return str(self.to_exposure_id())

    @cache_translation
    def to_observing_day_offset(self) -> TimeDelta:
        """Return how long after midnight UTC a night begins."""
        return TimeDelta(10 * 3600, format="sec", scale="tai")

    @cache_translation
    def to_observing_day(self) -> int:
        """Return the night as YYYYMMDD."""
        return int((self.to_datetime_begin() - self.to_observing_day_offset()).strftime("%Y%m%d"))

    @cache_translation
    def to_observation_counter(self) -> int:
        """Return the seconds of the night at which the exposure began."""
        return int(self.to_exposure_id()) % 86400

    @cache_translation
    def to_group_counter_start(self) -> int:
        """Return the exposure's own number in the night."""
        return int(self.to_observation_counter())

    @cache_translation
    def to_group_counter_end(self) -> int:
        """Return the exposure's own number in the night."""
        return int(self.to_observation_counter())

    @cache_translation
    def to_observation_type(self) -> str:
        """Return the kind of exposure."""
        kind = self._of("IMAGETYP").lower()
        return _TYPES.get(kind, kind)

    @cache_translation
    def to_can_see_sky(self) -> bool:
        """Return whether light from the sky reaches the camera."""
        return self._of("IMAGETYP").lower() in ("object", "flat")

    @cache_translation
    def to_physical_filter(self) -> str:
        """Return the places of the two wheels."""
        return f"wheels_{int(self._of('FILTERS')):02d}"

    @cache_translation
    def to_location(self) -> EarthLocation:
        """Return Sutherland."""
        return EarthLocation.from_geodetic(*_SUTHERLAND)

    @cache_translation
    def to_tracking_radec(self) -> SkyCoord | None:
        """Return the position asked for; None if the sky was not seen."""
        if not self.to_can_see_sky():
            return None
        return SkyCoord(float(self._of("RA_OBS")), float(self._of("DEC_OBS")), unit="deg", frame="icrs")


class Ste3(RawInstrument):
    """STE3 on the 1-m telescope; headers do not say what the wheels hold."""

    translator = Ste3Translator
    plate_scale: ClassVar[float] = _SCALE
    filters: ClassVar[Mapping[str, str]] = {f"wheels_{a}{b}": "unknown" for a in range(10) for b in range(10)}
    required_raw_keywords: ClassVar[tuple[str, ...]] = (
        *("INSTRUME", "DATE-OBS", "UT", "EXPTIME", "FILTERS", "IMAGETYP", "TRIMSEC", "BIASSEC"),
    )

    @classmethod
    def getName(cls) -> str:
        """Return the name of the instrument."""
        return "STE3"

    def detectors(self) -> tuple[DetectorAttributes, ...]:
        """Return the detector, with the boresight in its middle."""
        middle = (_SIZE - 1) / 2
        return (
            detector_attributes(
                0,
                "CCD",
                shape=(_SIZE, _SIZE),
                boresight=(middle, middle),
                pixel_size=_PIXEL,
                serial="STE3",
                physical_type="SITe CCD",
            ),
        )
