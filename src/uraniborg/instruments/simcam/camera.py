"""SimCam as an instrument; its header conventions are in `uraniborg.instruments.simcam.headers`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, ClassVar, Final

import astropy.units as u
import numpy as np
from astro_metadata_translator import cache_translation
from astro_metadata_translator.translators import FitsTranslator
from astropy.coordinates import AltAz, Angle, SkyCoord
from astropy.io.fits import Header
from astropy.time import TimeDelta
from lsst.images.cameras import DetectorAttributes
from numpy.typing import NDArray

from uraniborg.instruments.base import MEMBERS, FrameDescription, Member, SurveyInstrument
from uraniborg.instruments.camera import detector_attributes
from uraniborg.instruments.simcam.geometry import NOMINAL
from uraniborg.instruments.simcam.headers import (
    DQ_BITS,
    FILTERS,
    INSTRUMENT,
    ON_SKY,
    PRODUCT_TYPES,
    SimCamGeometry,
    detector_name,
    geometry_from_headers,
)

__all__ = ("SimCam", "SimCamTranslator")

_MEMBERS: Final[dict[str, Member]] = {PRODUCT_TYPES[member]: member for member in MEMBERS}


class SimCamTranslator(FitsTranslator):
    """Translation of the headers that `uraniborg.instruments.simcam.headers.make_headers` makes."""

    name = INSTRUMENT
    supported_instrument = INSTRUMENT
    default_search_path: ClassVar[list[str]] = []

    _const_map: ClassVar[dict[str, Any]] = {
        "detector_group": None,
        "has_simulated_content": True,
        "focus_z": 0.0 * u.um,
        "temperature": None,
        "pressure": None,
        "relative_humidity": None,
        "altaz_end": None,
    }
    _trivial_map: ClassVar[dict[str, Any]] = {
        "exposure_time": ("EXPTIME", {"unit": u.s}),
        "exposure_time_requested": ("EXPTIME", {"unit": u.s}),
        "dark_time": ("DARKTIME", {"unit": u.s}),
        "observation_id": "OBSID",
        "object": "OBJECT",
        "science_program": "PROPID",
        "observation_type": "OBSTYPE",
        "physical_filter": "FILTER",
        "detector_num": "CCDNUM",
        "detector_name": "DETPOS",
        "detector_unique_name": "DETPOS",
        "detector_serial": "DETPOS",
        "exposure_id": "EXPNUM",
        "observation_counter": "EXPNUM",
        "observing_day": "DAYOBS",
    }

    @cache_translation
    def to_observing_day_offset(self) -> TimeDelta:
        """Return how long after midnight a night's number changes."""
        return TimeDelta(12 * 3600, format="sec", scale="tai")

    @cache_translation
    def to_visit_id(self) -> int:
        """Return the first exposure of the visit."""
        if "GROUPID" not in self._header:
            return int(self.to_exposure_id())
        self._used_these_cards("GROUPID")
        return int(self._header["GROUPID"])

    @cache_translation
    def to_exposure_group(self) -> str:
        """Return the group: the snaps of one visit."""
        return str(self.to_visit_id())

    @cache_translation
    def to_group_counter_start(self) -> int:
        """Return the number of the first exposure of the group."""
        return int(self.to_visit_id())

    @cache_translation
    def to_group_counter_end(self) -> int:
        """Return the number of the last exposure of the group."""
        self._used_these_cards("MAXINDEX")
        return int(self.to_visit_id()) + int(self._header.get("MAXINDEX", 1)) - 1

    @cache_translation
    def to_detector_exposure_id(self) -> int:
        """Return one number for exposure and detector."""
        return int(self.to_exposure_id() * 1000 + self.to_detector_num())

    @cache_translation
    def to_observation_reason(self) -> str:
        """Return why the exposure was made: science or calibration."""
        return "science" if self.to_observation_type() == "science" else "calibration"

    @cache_translation
    def to_can_see_sky(self) -> bool:
        """Return whether light from the sky reaches the camera."""
        return self.to_observation_type() in ON_SKY

    @cache_translation
    def to_boresight_rotation_angle(self) -> Angle | None:
        """Return the position angle of the detectors, None for calibrations."""
        if not self.to_can_see_sky():
            return None
        angle = Angle(self._header["ROTPA"], unit="deg")
        self._used_these_cards("ROTPA")
        return angle

    @cache_translation
    def to_tracking_radec(self) -> SkyCoord | None:
        """Return the position of the boresight, None for calibrations."""
        if not self.to_can_see_sky():
            return None
        position = SkyCoord(self._header["BORERA"], self._header["BOREDEC"], unit="deg", frame="icrs")
        self._used_these_cards("BORERA", "BOREDEC")
        return position

    @cache_translation
    def to_boresight_airmass(self) -> float | None:
        """Return the airmass of the boresight, None for calibrations."""
        if not self.to_can_see_sky():
            return None
        self._used_these_cards("AIRMASS")
        return float(self._header["AIRMASS"])

    @cache_translation
    def to_boresight_rotation_coord(self) -> str:
        """Return what the position angle is measured against."""
        return "sky" if self.to_can_see_sky() else "unknown"

    @cache_translation
    def to_altaz_begin(self) -> AltAz | None:
        """Return where the boresight stood at the start; None for calibrations and where the header does not say."""
        if not self.to_can_see_sky() or "ELSTART" not in self._header:
            return None
        self._used_these_cards("ELSTART", "AZSTART")
        return AltAz(
            alt=self._header["ELSTART"] * u.deg,
            az=self._header["AZSTART"] * u.deg,
            obstime=self.to_datetime_begin(),
            location=self.to_location(),
        )


class SimCam(SurveyInstrument):
    """The camera of simulated exposures; the headers tell how large its detectors are and where they stand."""

    filters: ClassVar[Mapping[str, str]] = FILTERS
    translator = SimCamTranslator
    raw_definition = ("raw", ("instrument", "exposure", "detector"), "RawFrame")
    raw_formatter: ClassVar[str] = "uraniborg.archive.formatters.raw_frames.RawFrameFormatter"
    plate_scale: ClassVar[float] = NOMINAL.pixel_scale / NOMINAL.pixel_size
    required_keywords: ClassVar[tuple[str, ...]] = (
        *("INSTRUME", "EXPNUM", "OBSID", "DAYOBS", "DATE-BEG", "DATE-END", "TIMESYS", "EXPTIME", "FILTER"),
        *("BORERA", "BOREDEC", "ROTPA", "AIRMASS", "OBJECT", "PRODTYPE"),
        *("DETGRIDX", "DETGRIDY", "DETWIDTH", "DETHEIGH", "DETGAP", "PIXSCALE", "PIXSIZE", "CCDNUM", "DETPOS"),
        *("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2"),
        *("GAIN", "RDNOISE", "SATURATE", "FWHM"),
    )

    required_raw_keywords: ClassVar[tuple[str, ...]] = (
        *("INSTRUME", "EXPNUM", "OBSID", "DAYOBS", "DATE-BEG", "DATE-END", "TIMESYS", "EXPTIME", "FILTER"),
        *("CCDNUM", "DETPOS"),
    )

    @classmethod
    def getName(cls) -> str:
        """Return the name of the instrument."""
        return INSTRUMENT

    def detectors(self) -> tuple[DetectorAttributes, ...]:
        """Return the detectors of the largest camera."""
        return _attributes(NOMINAL)

    def attributes_for(self, header: Header | None) -> tuple[DetectorAttributes, ...]:
        """Return the detectors that a header tells."""
        if header is None:
            return self.detectors()
        geometry = geometry_from_headers(header)
        return _attributes(geometry)

    def plate_scale_for(self, header: Header | None) -> float:
        """Return the plate scale that a header tells [arcsec/mm]."""
        if header is None:
            return self.plate_scale
        return float(header["PIXSCALE"]) / float(header["PIXSIZE"])

    def identify(self, path: PurePath, primary: Header) -> tuple[str, Member] | None:
        """Say by ``PRODTYPE`` and the name which member of which triplet a file is."""
        member = _MEMBERS.get(str(primary.get("PRODTYPE", "")).strip())
        if member is None or primary.get("INSTRUME") != INSTRUMENT:
            return None
        return path.name.partition(".")[0].removesuffix(f"_{member}"), member

    def describe_frame(self, header: Header) -> FrameDescription:
        """Return what a merged header says about the pixels."""
        return FrameDescription(
            gain=float(header["GAIN"]),
            read_noise=float(header["RDNOISE"]),
            saturation=float(header["SATURATE"]),
            fwhm=float(header["FWHM"]),
            x0=0,
            y0=0,
        )

    def mask_planes(self, dq: NDArray[np.integer[Any]], header: Header) -> dict[str, NDArray[np.bool_]]:
        """Translate the bits; bits without a meaning are BAD."""
        planes = {name: (dq & bit) != 0 for name, bit in DQ_BITS.items()}
        planes["BAD"] |= (dq & ~np.int64(sum(DQ_BITS.values()))) != 0
        return planes


def _attributes(geometry: SimCamGeometry) -> tuple[DetectorAttributes, ...]:
    return tuple(
        detector_attributes(
            number,
            detector_name(number),
            shape=(geometry.height, geometry.width),
            boresight=geometry.boresight(number),
            pixel_size=geometry.pixel_size,
            serial=detector_name(number),
            physical_type="simulated",
        )
        for number in range(geometry.n_detectors)
    )
