"""Sinistro: a CCD of 4096 x 4096 pixels of 15 micron read through four amplifiers, one in each corner.

Facts that were read off a raw frame of 2021: sections of segments are binned (``DATASEC``, ``BIASSEC``), those of the
detector are not (``DETSEC``); the gain of each amplifier is in its segment, the gain of the primary header is 0; the
overscan is narrower than what stands after the data, and the last column of a segment is no pixel. The mode
``central_2k_2x2`` reads the middle quarter of the detector. Several cameras of one type are distinguished by
``INSTRUME`` (``fa05``): it is the serial number here, and part of the number of an exposure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final

import astropy.units as u
from astro_metadata_translator import cache_translation
from astro_metadata_translator.translators import FitsTranslator
from astropy.coordinates import AltAz, Angle, EarthLocation, SkyCoord
from astropy.io.fits import Header
from astropy.time import Time, TimeDelta
from lsst.images.cameras import DetectorAttributes

from uraniborg.core.errors import UserError
from uraniborg.instruments.camera import detector_attributes
from uraniborg.instruments.raw_headers import RawInstrument

__all__ = ("Sinistro", "SinistroTranslator", "exposure_number")

_CAMERA: Final = re.compile(r"fa(\d\d)")
_SIZE: Final = 4096
_PIXEL: Final = 0.015  # mm
_SCALE: Final = 0.389 / _PIXEL  # arcsec/mm; PIXSCALE of 2 x 2 binned frames is 0.778
_DAYS: Final = Time("2010-01-01", scale="utc").mjd
_TYPES: Final = {"expose": "science", "standard": "science", "skyflat": "flat", "lampflat": "flat"}


def exposure_number(camera: str, day: int, frame: int) -> int:
    """Return the number of an exposure, below 2**34 until 2032.

    Parameters
    ----------
    camera : str
        Name of the camera, ``fa01`` to ``fa99``.
    day : int
        Night as YYYYMMDD.
    frame : int
        Number in the night, below 10,000.
    """
    found = _CAMERA.fullmatch(camera)
    text = str(day)
    days = int(Time(f"{text[:4]}-{text[4:6]}-{text[6:]}", scale="utc").mjd - _DAYS)
    if found is None or not 0 <= frame < 10_000 or days < 0:
        raise UserError(f"camera {camera!r}, night {day}, frame {frame} is not an exposure of a Sinistro")
    return (days * 100 + int(found[1])) * 10_000 + frame


class SinistroTranslator(FitsTranslator):
    """Translation of raw headers."""

    name = "Sinistro"
    supported_instrument = "Sinistro"
    default_search_path: ClassVar[list[str]] = []

    _const_map: ClassVar[dict[str, Any]] = {
        "boresight_rotation_coord": "sky",
        "detector_group": None,
        "detector_name": "CCD",
        "detector_unique_name": "CCD",
        "detector_num": 0,
        "has_simulated_content": False,
        "altaz_end": None,
        "instrument": "Sinistro",
    }
    _trivial_map: ClassVar[dict[str, Any]] = {
        "telescope": "TELESCOP",
        "exposure_time": ("EXPTIME", {"unit": u.s}),
        "exposure_time_requested": ("REQTIME", {"unit": u.s}),
        "dark_time": ("EXPTIME", {"unit": u.s}),
        "object": "OBJECT",
        "science_program": "PROPID",
        "physical_filter": "FILTER",
        "detector_serial": "INSTRUME",
        "observation_counter": "FRAMENUM",
        "group_counter_start": "FRAMENUM",
        "group_counter_end": "FRAMENUM",
        "boresight_airmass": "AMSTART",
        "relative_humidity": "WMSHUMID",
        "temperature": ("WMSTEMP", {"unit": u.deg_C}),
        "pressure": ("WMSPRES", {"unit": u.hPa}),
        "focus_z": ("FOCPOSN", {"unit": u.mm}),
        "observation_reason": "MOLTYPE",
    }

    @classmethod
    def can_translate(cls, header: Mapping[str, Any], filename: str | None = None) -> bool:
        """Say whether a header is of a Sinistro camera."""
        named = _CAMERA.fullmatch(str(header.get("INSTRUME", "")).strip())
        return named is not None and str(header.get("ORIGIN", "")).startswith("LCOGT")

    def _of(self, keyword: str) -> str:
        self._used_these_cards(keyword)
        return str(self._header[keyword]).strip()

    @cache_translation
    def to_observation_id(self) -> str:
        """Return the name that the camera gave."""
        return self._of("ORIGNAME").removesuffix(".fits").removesuffix("-e00")

    @cache_translation
    def to_observing_day(self) -> int:
        """Return the night as YYYYMMDD."""
        return int(self._of("DAY-OBS"))

    @cache_translation
    def to_observing_day_offset(self) -> TimeDelta:
        """Return how long after midnight UTC a night begins: noon at the longitude of the site."""
        hours = (12.0 - float(self._of("LONGITUD")) / 15.0) % 24.0
        return TimeDelta(round(hours) * 3600, format="sec", scale="tai")

    @cache_translation
    def to_exposure_id(self) -> int:
        """Return the number of the exposure."""
        return exposure_number(self._of("INSTRUME"), self.to_observing_day(), int(self._of("FRAMENUM")))

    @cache_translation
    def to_visit_id(self) -> int:
        """Return the number of the exposure: one exposure is a visit."""
        return int(self.to_exposure_id())

    @cache_translation
    def to_exposure_group(self) -> str:
        """Return the name of the exposure: groups of the scheduler may span nights."""
        return str(self.to_observation_id())

    @cache_translation
    def to_detector_exposure_id(self) -> int:
        """Return the number of the exposure: there is one detector."""
        return int(self.to_exposure_id())

    @cache_translation
    def to_location(self) -> EarthLocation:
        """Return where the telescope stands."""
        longitude, latitude, height = (float(self._of(name)) for name in ("LONGITUD", "LATITUDE", "HEIGHT"))
        return EarthLocation.from_geodetic(longitude, latitude, height)

    @cache_translation
    def to_datetime_begin(self) -> Time:
        """Return the start of the exposure."""
        return Time(self._of("DATE-OBS"), format="isot", scale="utc").tai

    @cache_translation
    def to_datetime_end(self) -> Time:
        """Return start and exposure time."""
        return self.to_datetime_begin() + self.to_exposure_time()

    @cache_translation
    def to_observation_type(self) -> str:
        """Return the kind of exposure."""
        kind = self._of("OBSTYPE").lower()
        return _TYPES.get(kind, kind)

    @cache_translation
    def to_can_see_sky(self) -> bool:
        """Return whether light from the sky reaches the camera."""
        return self._of("OBSTYPE").lower() in ("expose", "standard", "skyflat")

    @cache_translation
    def to_tracking_radec(self) -> SkyCoord | None:
        """Return the position asked for; None if the sky was not seen."""
        if not self.to_can_see_sky():
            return None
        return SkyCoord(self._of("RA"), self._of("DEC"), unit=(u.hourangle, u.deg), frame="icrs")

    @cache_translation
    def to_boresight_rotation_angle(self) -> Angle | None:
        """Return the position angle of +y, North through East, of the WCS; None if the sky was not seen."""
        if not self.to_can_see_sky():
            return None
        east, north = (float(self._of(f"CD{axis}_2")) for axis in (1, 2))
        return Angle(math.atan2(east, north), unit="rad")

    @cache_translation
    def to_altaz_begin(self) -> AltAz | None:
        """Return where the telescope pointed; None if the sky was not seen."""
        if not self.to_can_see_sky():
            return None
        altitude, azimuth = float(self._of("ALTITUDE")), float(self._of("AZIMUTH"))
        place, begin = self.to_location(), self.to_datetime_begin()
        return AltAz(alt=altitude * u.deg, az=azimuth * u.deg, obstime=begin, location=place)


class Sinistro(RawInstrument):
    """All Sinistro cameras as one instrument."""

    translator = SinistroTranslator
    plate_scale: ClassVar[float] = _SCALE
    filters: ClassVar[Mapping[str, str]] = {
        **{f"{band}p": band for band in "ugri"},
        **{"zs": "z", "Y": "y", "w": "w", "air": "white", "opaque": "dark", "U": "U", "B": "B", "V": "V", "R": "R"},
        **{"I": "I", "gp*diffuser": "g", "H-Alpha": "other", "V*rp": "other"},
    }
    required_raw_keywords: ClassVar[tuple[str, ...]] = (
        *("INSTRUME", "DAY-OBS", "FRAMENUM", "ORIGNAME", "DATE-OBS", "EXPTIME", "FILTER", "OBSTYPE"),
        *("DATASEC", "DETSEC", "GAIN", "CCDSUM"),
    )

    @classmethod
    def getName(cls) -> str:
        """Return the name of the instrument."""
        return "Sinistro"

    def detectors(self) -> tuple[DetectorAttributes, ...]:
        """Return the detector, with the boresight in its middle."""
        return (_attributes(1, "CCD"),)

    def attributes_for(self, header: Header | None) -> tuple[DetectorAttributes, ...]:
        """Return the detector as it was binned, with the name of the camera as serial number."""
        if header is None:
            return self.detectors()
        binning = int(str(header.get("CCDSUM", "1 1")).split()[0])
        return (_attributes(binning, str(header.get("INSTRUME", "CCD")).strip()),)


def _attributes(binning: int, serial: str) -> DetectorAttributes:
    size = _SIZE // binning
    return detector_attributes(
        0,
        "CCD",
        shape=(size, size),
        boresight=((size - 1) / 2, (size - 1) / 2),
        pixel_size=_PIXEL * binning,
        serial=serial,
        physical_type="Fairchild CCD486",
    )
