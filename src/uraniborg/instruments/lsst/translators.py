"""Translation of the headers of Rubin's cameras and test stands, from 2016 on.

Facts that were read off headers of ten years, rather than assumed:

*Time* is TAI; headers that do not say so were written by the same systems. Some of 2019 have a clock that stood at
1970; there the end of the exposure is taken as the time at which the header was written, right to about ten seconds.

*Kinds of exposures* are in ``IMGTYPE``; where it is missing, the group may begin with one.

*Positions* are ``RA`` and ``DEC``, what was asked for; ``RASTART`` is apparent place in some years and wrong in others,
so it serves only where nothing else is there. LATISS wrote radians before 2020.

*Filters*: beside ``FILTER`` a second element can be in the beam (``FILTER2`` of the test bench, ``GRATING`` of LATISS);
the name is then of both, "FILTER~ELEMENT".
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, MutableMapping
from typing import Any, ClassVar, Final

import astropy.units as u
from astro_metadata_translator import cache_translation
from astro_metadata_translator.translators import FitsTranslator
from astropy.coordinates import AltAz, Angle, EarthLocation, SkyCoord
from astropy.time import Time, TimeDelta

from uraniborg.core.errors import UserError
from uraniborg.instruments.lsst.detectors import detector_of, slot_number
from uraniborg.instruments.lsst.exposures import exposure_number, parse_observation_id

__all__ = (
    "ComCamTranslator",
    "LatissTranslator",
    "LsstCamTranslator",
    "LsstTranslator",
    "NO_FILTER",
    "Ts3Translator",
    "Ts8Translator",
    "UcdTranslator",
)

NO_FILTER: Final = "unknown"
"""Physical filter where a header does not name one."""

_SKY_TYPES: Final = frozenset(("science", "acq", "cwfs", "engtest", "focus", "stuttered", "sky"))
_DARK_TYPES: Final = frozenset(("bias", "dark", "flat", "fe55", "spot", "ppump"))
_SLOT_PIXELS: Final = 4225.0
_ON_SITE: Final = (1818938.94, -5208470.95, -3195172.08)  # Cerro Pachon, geocentric [m], as the headers give it
_EMPTY: Final = frozenset(("", "NONE", "EMPTY"))


class _CardReader(FitsTranslator):
    """Recognises headers, and reads cards that may be missing or empty."""

    names: ClassVar[frozenset[str]] = frozenset()
    """Values of ``INSTRUME`` that the camera has written."""

    @classmethod
    def can_translate(cls, header: Mapping[str, Any], filename: str | None = None) -> bool:
        """Say whether a header is of this camera."""
        return str(header.get("INSTRUME") or "").strip() in cls.names

    def _text(self, *keywords: str) -> str | None:
        """Return the first of several cards that says something."""
        for keyword in keywords:
            value = self._header.get(keyword)
            if value is not None and str(value).strip():
                self._used_these_cards(keyword)
                return str(value).strip()
        return None

    def _number(self, *keywords: str) -> float | None:
        text = self._text(*keywords)
        try:
            value = math.nan if text is None else float(text)
        except ValueError:
            return None
        return value if math.isfinite(value) else None


class LsstTranslator(_CardReader):
    """What all of them share; a camera says which headers are its own, and how detectors are numbered."""

    second_filter: ClassVar[str | None] = None
    """Keyword of a second element in the beam."""

    on_site: ClassVar[bool] = False
    """Whether the camera stands on Cerro Pachon."""

    default_search_path: ClassVar[list[str]] = []
    _const_map: ClassVar[dict[str, Any]] = {}
    _trivial_map: ClassVar[dict[str, Any]] = {}

    @cache_translation
    def to_instrument(self) -> str:
        """Return the name of the camera."""
        return str(self.supported_instrument)

    @cache_translation
    def to_telescope(self) -> str | None:
        """Return the telescope as the header names it."""
        return self._text("TELESCOP")

    @cache_translation
    def to_location(self) -> EarthLocation | None:
        """Return where the telescope stands; None on a test bench."""
        place = [self._number(f"OBSGEO-{axis}") for axis in "XYZ"]
        if None not in place:
            return EarthLocation.from_geocentric(*place, unit=u.m)
        return EarthLocation.from_geocentric(*_ON_SITE, unit=u.m) if self.to_can_see_sky() else None

    @cache_translation
    def to_observation_id(self) -> str:
        """Return the name of the exposure; without one, the name of the file."""
        name = self._text("OBSID", "IMGNAME")
        if name is not None:
            return name
        return str(self._text("FILENAME") or "").removesuffix(".fits")

    @cache_translation
    def to_exposure_id(self) -> int:
        """Return the number of the exposure: of its name, else of its time to 0.1 s."""
        try:
            _, controller, day, number = parse_observation_id(self.to_observation_id())
        except UserError:
            begin = self.to_datetime_begin().isot
            return int(re.sub(r"\D", "", begin)[:15])
        return exposure_number(day, number, controller)

    @cache_translation
    def to_visit_id(self) -> int:
        """Return the first exposure of the visit."""
        return int(self.to_exposure_id()) - self._place_in_group()

    def _place_in_group(self) -> int:
        return max(int(self._number("CURINDEX") or 1) - 1, 0)

    @cache_translation
    def to_exposure_group(self) -> str:
        """Return the group that the exposure was taken in; a group of its own if none is told."""
        return self._text("GROUPID") or self.to_observation_id()

    @cache_translation
    def to_observation_counter(self) -> int:
        """Return the number in the night."""
        number = self._number("SEQNUM")
        return int(number) if number is not None else int(self.to_exposure_id()) % 100_000

    @cache_translation
    def to_group_counter_start(self) -> int:
        """Return the number in the night of the first exposure of the group."""
        return int(self.to_observation_counter()) - self._place_in_group()

    @cache_translation
    def to_group_counter_end(self) -> int:
        """Return the number in the night of the last exposure of the group."""
        return int(self.to_group_counter_start()) + max(int(self._number("MAXINDEX") or 1) - 1, self._place_in_group())

    @cache_translation
    def to_observing_day(self) -> int:
        """Return the night as YYYYMMDD."""
        try:
            return parse_observation_id(self.to_observation_id())[2]
        except UserError:
            return int((self.to_datetime_begin() - self.to_observing_day_offset()).strftime("%Y%m%d"))

    @cache_translation
    def to_observing_day_offset(self) -> TimeDelta:
        """Return how long after midnight a night begins."""
        return TimeDelta(12 * 3600, format="sec", scale="tai")

    @cache_translation
    def to_exposure_time(self) -> u.Quantity:
        """Return the exposure time; without a card, from shutter or dates; 0 s if nothing tells it."""
        value = self._number("EXPTIME", "SHUTTIME")
        if value is None:
            begin, end = self._text("DATE-BEG"), self._text("DATE-END")
            value = (Time(end) - Time(begin)).to_value("sec") if begin and end else 0.0
        return value * u.s

    @cache_translation
    def to_exposure_time_requested(self) -> u.Quantity:
        """Return the exposure time."""
        return self.to_exposure_time()

    @cache_translation
    def to_dark_time(self) -> u.Quantity:
        """Return the time since the last clearing; the exposure time where the card is shorter or missing."""
        return max((self._number("DARKTIME") or 0.0) * u.s, self.to_exposure_time())

    @cache_translation
    def to_datetime_begin(self) -> Time:
        """Return the start of the exposure."""
        scale = (self._text("TIMESYS") or "TAI").lower()
        begin = self._text("DATE-BEG", "DATE-OBS")
        if begin is not None and int(begin[:4]) > 1999:
            return Time(begin, format="isot", scale=scale).tai
        written = self._text("DATE")
        if written is None:
            raise KeyError(f"{self.to_observation_id()}: neither DATE-BEG nor DATE-OBS nor DATE tells the time")
        return (Time(written, format="isot", scale=scale) - self.to_exposure_time()).tai

    @cache_translation
    def to_datetime_end(self) -> Time:
        """Return the end: where it is told and not before start and exposure time, else their sum."""
        least = self.to_datetime_begin() + self.to_exposure_time()
        text = self._text("DATE-END")
        if text is None:
            return least
        end = Time(text, format="isot", scale=(self._text("TIMESYS") or "TAI").lower()).tai
        return end if least < end < least + TimeDelta(3600, format="sec") else least

    @cache_translation
    def to_observation_type(self) -> str:
        """Return the kind of exposure in lower case."""
        kind = self._text("IMGTYPE")
        if kind is None:
            group = re.match(r"[a-z]+", (self._text("GROUPID") or "").lower())
            return group[0] if group and group[0] in _DARK_TYPES else "unknown"
        return {"object": "science", "skyexp": "science"}.get(kind.lower(), kind.lower())

    @cache_translation
    def to_observation_reason(self) -> str:
        """Return why the exposure was made."""
        return (self._text("REASON", "TESTTYPE") or "unknown").lower()

    @cache_translation
    def to_can_see_sky(self) -> bool | None:
        """Return whether light from the sky reached the camera; None where that is not known."""
        kind, vignetted = self.to_observation_type(), self._text("VIGN_MIN")
        if vignetted == "FULLY" or kind in _DARK_TYPES or not self.on_site:
            return False
        return True if kind in _SKY_TYPES else None

    @cache_translation
    def to_physical_filter(self) -> str:
        """Return the name of the filter, and of a second element in the beam."""
        first = self._text("FILTER") or NO_FILTER
        second = None if self.second_filter is None else self._text(self.second_filter)
        if second is None or second.upper() in _EMPTY:
            return first
        return f"{first}~{second}"

    @cache_translation
    def to_detector_group(self) -> str:
        """Return the raft."""
        return self._text("RAFTBAY") or "R00"

    @cache_translation
    def to_detector_name(self) -> str:
        """Return the slot."""
        return self._text("CCDSLOT") or "S00"

    @cache_translation
    def to_detector_unique_name(self) -> str:
        """Return raft and slot."""
        return f"{self.to_detector_group()}_{self.to_detector_name()}"

    @cache_translation
    def to_detector_serial(self) -> str:
        """Return the serial number; without one, the name."""
        return self._text("LSST_NUM", "CCD_SERN") or self.to_detector_unique_name()

    @cache_translation
    def to_detector_num(self) -> int:
        """Return the number of the detector."""
        return slot_number(self.to_detector_name())

    @cache_translation
    def to_detector_exposure_id(self) -> int:
        """Return one number for exposure and detector."""
        return int(self.to_exposure_id()) * 1000 + int(self.to_detector_num())

    @cache_translation
    def to_tracking_radec(self) -> SkyCoord | None:
        """Return the position asked for; None if the sky was not seen."""
        ra, dec = self._number("RA", "RASTART"), self._number("DEC", "DECSTART")
        if not self.to_can_see_sky() or ra is None or dec is None:
            return None
        return SkyCoord(ra, dec, unit="rad" if self._radians() else "deg", frame="icrs")

    def _radians(self) -> bool:
        return False

    @cache_translation
    def to_boresight_rotation_coord(self) -> str:
        """Return what the angle of rotation is measured against."""
        return self._text("ROTCOORD") or "unknown"

    @cache_translation
    def to_boresight_rotation_angle(self) -> Angle | None:
        """Return the angle of rotation; None if the sky was not seen."""
        angle = self._number("ROTPA")
        return None if angle is None or not self.to_can_see_sky() else Angle(angle, unit="deg")

    @cache_translation
    def to_boresight_airmass(self) -> float | None:
        """Return the airmass at the start; None if the sky was not seen."""
        airmass = self._number("AMSTART", "AIRMASS")
        return airmass if airmass is not None and airmass >= 1.0 and self.to_can_see_sky() else None

    @cache_translation
    def to_altaz_begin(self) -> AltAz | None:
        """Return where the telescope pointed at the start."""
        return self._horizontal("START", self.to_datetime_begin())

    @cache_translation
    def to_altaz_end(self) -> AltAz | None:
        """Return where the telescope pointed at the end."""
        return self._horizontal("END", self.to_datetime_end())

    def _horizontal(self, when: str, time: Time) -> AltAz | None:
        altitude, azimuth = self._number(f"EL{when}"), self._number(f"AZ{when}")
        if altitude is None or azimuth is None or not self.to_can_see_sky() or not 0.0 < altitude <= 90.0:
            return None
        return AltAz(alt=altitude * u.deg, az=azimuth % 360.0 * u.deg, obstime=time, location=self.to_location())

    @cache_translation
    def to_object(self) -> str | None:
        """Return the target."""
        return self._text("OBJECT")

    @cache_translation
    def to_science_program(self) -> str:
        """Return the programme, or the run of a test."""
        return self._text("PROGRAM", "RUNNUM") or "unknown"

    @cache_translation
    def to_focus_z(self) -> u.Quantity | None:
        """Return the focus."""
        value = self._number("FOCUSZ")
        return None if value is None else value * u.mm

    @cache_translation
    def to_temperature(self) -> u.Quantity | None:
        """Return the temperature of the air."""
        value = self._number("AIRTEMP")
        return None if value is None else value * u.deg_C

    @cache_translation
    def to_pressure(self) -> u.Quantity | None:
        """Return the pressure of the air, which was written in hPa first and in Pa later."""
        value = self._number("PRESSURE")
        if value is None:
            return None
        return value * (u.hPa if value < 2000.0 else u.Pa)

    @cache_translation
    def to_relative_humidity(self) -> float | None:
        """Return the relative humidity in per cent."""
        return self._number("HUMIDITY")

    @cache_translation
    def to_has_simulated_content(self) -> bool:
        """Return whether a simulator took the place of the camera."""
        try:
            return parse_observation_id(self.to_observation_id())[1] in "HPQS"
        except UserError:
            return False


class LsstCamTranslator(LsstTranslator):
    """LSSTCam, on the telescope and on its test bench."""

    name = "LSSTCam"
    supported_instrument = "LSSTCam"
    names = frozenset(("lsstCam", "LSSTCam"))
    second_filter = "FILTER2"
    on_site = True

    @cache_translation
    def to_detector_num(self) -> int:
        """Return the number in the full camera."""
        return detector_of(self.to_detector_group(), self.to_detector_name())


class ComCamTranslator(LsstTranslator):
    """ComCam: one raft of nine detectors, R22."""

    name = "LSSTComCam"
    supported_instrument = "LSSTComCam"
    names = frozenset(("comCam", "ComCam", "COMCAM", "LSSTComCam"))
    on_site = True

    @classmethod
    def can_translate(cls, header: Mapping[str, Any], filename: str | None = None) -> bool:
        """Say whether a header is of this camera; early ones name no camera, but the exposure (CC)."""
        named = super().can_translate(header, filename)
        return named or (header.get("INSTRUME") == "LSST_CAMERA" and str(header.get("OBSID", "")).startswith("CC_"))


class LatissTranslator(LsstTranslator):
    """LATISS, the spectrograph and imager of the auxiliary telescope; one detector."""

    name = "LATISS"
    supported_instrument = "LATISS"
    names = frozenset(("LATISS", "LSST_ATISS"))
    second_filter = "GRATING"
    on_site = True

    @classmethod
    def fix_header(
        cls, header: MutableMapping[str, Any], instrument: str, obsid: str, filename: str | None = None
    ) -> bool:
        """Mend ``DATASEC``: from 2021 to 2022 the three columns read before the data were left out of account."""
        if header.get("DATASEC") == "[1:509,1:2000]" and header.get("DETSIZE") == "[1:4072,1:4000]":
            header["DATASEC"] = "[4:512,1:2000]"
            return True
        return False

    def _radians(self) -> bool:
        return int(self.to_observing_day()) < 20200101


class UcdTranslator(LsstTranslator):
    """The beam simulator at Davis: sensors of either maker, as slots of R21 or R22."""

    name = "LSST-UCDCam"
    supported_instrument = "LSST-UCDCam"
    names = frozenset(("LSST-UCDCam", "LSST-UCDCam-ITL", "LSST-UCDCam-E2V"))

    @cache_translation
    def to_detector_num(self) -> int:
        """Return 0 to 8 in R22, 9 to 17 in R21."""
        return {"R22": 0, "R21": 9}[self.to_detector_group()] + slot_number(self.to_detector_name())


class Ts8Translator(LsstTranslator):
    """Test stand 8, where rafts were measured; first headers name neither camera nor slot."""

    name = "LSST-TS8"
    supported_instrument = "LSST-TS8"
    names = frozenset(("LSST-TS8",))

    @classmethod
    def can_translate(cls, header: Mapping[str, Any], filename: str | None = None) -> bool:
        """Say whether a header is of this stand."""
        named = super().can_translate(header, filename)
        return named or ("INSTRUME" not in header and "REBNAME" in header and "RTM" in str(header.get("RAFTNAME")))

    @cache_translation
    def to_detector_group(self) -> str:
        """Return the raft bay: all rafts were measured as R22."""
        return "R22"

    @cache_translation
    def to_detector_name(self) -> str:
        """Return the slot: where it is not named, the place of the detector in the raft tells it."""
        if (slot := self._text("CCDSLOT")) is not None:
            return slot
        cards = [self._number(f"CRVAL{axis}{frame}") for axis in "12" for frame in "RC"]
        if None in cards:
            raise KeyError(f"{self.to_observation_id()}: neither CCDSLOT nor the place in the raft is in the header")
        digits = [int((cards[2 * k] - cards[2 * k + 1]) // _SLOT_PIXELS) for k in (0, 1)]  # type: ignore[operator]
        return f"S{digits[0]}{digits[1]}"

    @cache_translation
    def to_physical_filter(self) -> str:
        """Return the name of the filter; before 2020 the place in the wheel."""
        place = self._number("FILTPOS")
        return self._text("FILTER") or (NO_FILTER if place is None else f"wheel_{int(place)}")


class Ts3Translator(LsstTranslator):
    """Test stand 3, where single sensors were measured; the serial number tells which."""

    name = "LSST-TS3"
    supported_instrument = "LSST-TS3"
    names = frozenset(("ArchonCCDController",))

    @cache_translation
    def to_detector_num(self) -> int:
        """Return 0: there is one place for a sensor."""
        return 0
