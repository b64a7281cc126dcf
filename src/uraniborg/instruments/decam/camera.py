"""DECam and the InstCal products of its community pipeline (triplets ``ooi``, ``oow``, ``ood``).

Facts that were read off the data (nine exposures in g, r, z of 2015..2018, ``PLVER`` V4.8), rather than assumed:

*Units.* Pixels are adu with the sky still in them (their median is ``AVSKY`` within 3 %). ``GAINA`` and ``GAINB``
(3.58..3.94, equal to ``FLATMEDA`` and ``FLATMEDB``) are the gain after flat-fielding, ``ARAWGAIN`` (4.4..4.5) that
before. Sky level and noise decide for the former: sky / (noise^2 - read noise^2) is 3.74..4.0 electron/adu, within 5 %
of the mean of ``GAINA`` and ``GAINB`` in every exposure and 10..20 % below ``ARAWGAIN``.

*Weights* are inverse variances with the Poisson noise of sky and of sources: 1/weight is a straight line in the pixel
value, with slope 1/3.73..1/4.10, up to the brightest stars; nothing has to be added. The noise of neighbouring pixels
is 0.99..1.04 times 1/sqrt(weight). Weight is 0 exactly where the data quality is not 0.

*Data quality* is a code since V3.5.0: the data here hold 0, 1 (one column over all rows) and 5 (groups of pixels with
peaks 29 to 66 sigma above their surroundings: cosmic rays, not the "bad and interpolated" of bits 1|4). Before, it
was bits (NOAO Data Handbook; community.lsst.org/t/133). Code 7 marks pixels that differ from other exposures; these may
be real transients, so they are SUSPECT and stay usable.

*Positions.* The TPV solution is against Gaia, hence ICRS, although ``RADESYS`` of the telescope says FK5.
``CRPIX`` keeps its relation to the detector in cut-outs, so it tells where on the detector an array lies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, ClassVar, Final

import numpy as np
from astro_metadata_translator import cache_translation
from astro_metadata_translator.translators import DecamTranslator
from astropy.io.fits import Header
from astropy.time import Time
from lsst.images.cameras import DetectorAttributes
from numpy.typing import NDArray

from uraniborg.core.errors import UserError
from uraniborg.instruments.base import FrameDescription, Member, SurveyInstrument
from uraniborg.instruments.decam.geometry import PLATE_SCALE, all_detectors, boresight

__all__ = ("DECam", "InstCalTranslator")

_INSTCAL: Final = re.compile(r"(?P<head>.+)_oo(?P<member>[iwd])_(?P<tail>[A-Za-z]+_\w+(\.[NS]\d+)?)\.fits(\.[fg]z)?")
_MEMBERS: Final[dict[str, Member]] = {"i": "image", "w": "weight", "d": "dq"}

_CODES: Final[dict[int, str]] = {
    1: "BAD",
    2: "NO_DATA",
    3: "SATURATED",
    4: "BLEED",
    5: "COSMIC_RAY",
    6: "SUSPECT",
    7: "SUSPECT",
    8: "STREAK",
}
"""Values since V3.5.0; any other value above 0 is BAD."""

_BITS: Final[dict[int, str]] = {
    1: "BAD",
    2: "SATURATED",
    4: "INTERPOLATED",
    16: "COSMIC_RAY",
    64: "BLEED",
    128: "SUSPECT",
}
"""Bits before V3.5.0; any other bit is BAD."""

_FIRST_WITH_CODES: Final = (3, 5, 0)


class InstCalTranslator(DecamTranslator):
    """Translation of InstCal headers: the end of an exposure is its start and its duration.

    The parent takes ``DTUTC``, the time at which the file was delivered, about a minute later.
    """

    name = "DECamInstCal"

    @cache_translation
    def to_datetime_end(self) -> Time:
        """Return the end of the exposure."""
        return self.to_datetime_begin() + self.to_exposure_time()


class DECam(SurveyInstrument):
    """The Dark Energy Camera."""

    filters: ClassVar[Mapping[str, str]] = {
        "u DECam c0006 3500.0 1000.0": "u",
        "g DECam SDSS c0001 4720.0 1520.0": "g",
        "r DECam SDSS c0002 6415.0 1480.0": "r",
        "i DECam SDSS c0003 7835.0 1470.0": "i",
        "z DECam SDSS c0004 9260.0 1520.0": "z",
        "Y DECam c0005 10095.0 1130.0": "y",
        "VR DECam c0007 6300.0 2600.0": "VR",
    }
    translator = InstCalTranslator
    plate_scale: ClassVar[float] = PLATE_SCALE
    exposure_max: ClassVar[int] = 1 << 25
    required_keywords: ClassVar[tuple[str, ...]] = (
        *("INSTRUME", "EXPNUM", "OBSID", "DATE-OBS", "EXPTIME", "FILTER", "PLVER", "CCDNUM", "DETPOS"),
        *("CTYPE1", "CTYPE2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD1_2", "CD2_1", "CD2_2"),
        *("GAINA", "GAINB", "RDNOISEA", "RDNOISEB", "SATURATE", "FWHM"),
    )

    required_raw_keywords: ClassVar[tuple[str, ...]] = (
        *("INSTRUME", "EXPNUM", "OBSID", "DATE-OBS", "EXPTIME", "FILTER", "CCDNUM", "DETPOS"),
    )

    @classmethod
    def getName(cls) -> str:
        """Return the name of the instrument."""
        return "DECam"

    def detectors(self) -> tuple[DetectorAttributes, ...]:
        """Return the 62 detectors."""
        return all_detectors()

    def attributes_for(self, header: Header | None) -> tuple[DetectorAttributes, ...]:
        """Return the detectors; the one that the header is of with its serial number."""
        if header is None or "DETECTOR" not in header:
            return self.detectors()
        serial = str(header["DETECTOR"])
        return tuple(
            item.model_copy(update={"serial": serial}) if item.id == header["CCDNUM"] else item
            for item in self.detectors()
        )

    def split_detector_name(self, name: str) -> tuple[str | None, str]:
        """Return the half of the focal plane and the number in it."""
        return name[0], name[1:]

    def identify(self, path: PurePath, primary: Header) -> tuple[str, Member] | None:
        """Say by its name which member of which triplet a file is."""
        match = _INSTCAL.fullmatch(path.name)
        if match is None:
            return None
        return f"{match['head']}_{match['tail']}", _MEMBERS[match["member"]]

    def describe_frame(self, header: Header) -> FrameDescription:
        """Return what a merged header says about the pixels."""
        x0, y0 = _origin(header)
        return FrameDescription(
            gain=(float(header["GAINA"]) + float(header["GAINB"])) / 2,
            read_noise=(float(header["RDNOISEA"]) + float(header["RDNOISEB"])) / 2,
            saturation=float(header["SATURATE"]),
            fwhm=float(header["FWHM"]),
            x0=x0,
            y0=y0,
        )

    def mask_planes(self, dq: NDArray[np.integer[Any]], header: Header) -> dict[str, NDArray[np.bool_]]:
        """Translate the codes, or before V3.5.0 the bits, of the community pipeline."""
        if _pipeline_version(header) >= _FIRST_WITH_CODES:
            known = {code: dq == code for code in _CODES}
            names, rest = _CODES, (dq != 0) & ~np.isin(dq, list(_CODES))
        else:
            known = {bit: (dq & bit) != 0 for bit in _BITS}
            names, rest = _BITS, (dq & ~np.int64(sum(_BITS))) != 0
        planes = {"BAD": rest}
        for value, where in known.items():
            planes[names[value]] = planes[names[value]] | where if names[value] in planes else where
        return planes


def _pipeline_version(header: Header) -> tuple[int, int, int]:
    text = str(header["PLVER"])
    match = re.match(r"V?(\d+)\.(\d+)(?:\.(\d+))?", text)
    if match is None:
        raise UserError(f"keyword PLVER is {text!r}, expected a version such as V4.8.2")
    return int(match[1]), int(match[2]), int(match[3] or 0)


def _origin(header: Header) -> tuple[int, int]:
    """Return the position on the detector of the first pixel of the array; (0, 0) where CRPIX does not tell."""
    x, y = boresight(int(header["CCDNUM"]))
    x0, y0 = x + 1.0 - float(header["CRPIX1"]), y + 1.0 - float(header["CRPIX2"])
    if max(abs(x0 - round(x0)), abs(y0 - round(y0))) > 0.01:
        return 0, 0
    return round(x0), round(y0)
