"""Rubin's cameras as instruments; their headers are translated in `uraniborg.instruments.lsst.translators`.

Exposures are numbered with 43 bits (see `uraniborg.instruments.lsst.exposures`), so records of exposures and visits
take them as they are, but row identifiers of catalogues need `packed_exposure`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Final

from astropy.io.fits import Header
from lsst.images.cameras import DetectorAttributes

from uraniborg.instruments.lsst.detectors import full_camera, raft_detectors, with_header
from uraniborg.instruments.lsst.translators import (
    NO_FILTER,
    ComCamTranslator,
    LatissTranslator,
    LsstCamTranslator,
    Ts3Translator,
    Ts8Translator,
    UcdTranslator,
)
from uraniborg.instruments.raw_headers import RawInstrument

__all__ = ("ComCam", "Latiss", "LsstCam", "RubinCamera", "Ts3", "Ts8", "UcdCam")

_PLATE_SCALE: Final = 20.0  # arcsec/mm: 0.2 arcsec in pixels of 0.01 mm
_LATISS_SCALE: Final = 9.569  # arcsec/mm: 0.09569 arcsec in pixels of 0.01 mm
_DIGITS: Final = re.compile(r"_\d+$")

_BANDS: Final[dict[str, str]] = {f"SDSS{band}": band for band in "ugriz"} | {
    **{name: name for name in "ugrizy"},
    **{"SDSSY": "y", "empty": "white", "NONE": "white", NO_FILTER: "unknown"},
    **{"480nm": "g", "650nm": "r", "750nm": "i", "870nm": "z", "950nm": "y", "970nm": "y"},
}
_LSSTCAM: Final = ("u_24", "g_6", "r_57", "i_39", "z_20", "y_10", "ph_5", "ph_05", "ef_43")
_COMCAM: Final = ("u_02", "u_05", "g_01", "g_07", "r_03", "i_06", "z_02", "z_03", "y_04", "pinhole")
_LATISS_FILTERS: Final = (
    *(
        "empty_1",
        "empty_2",
        "empty_3",
        "BG40",
        "BG40_65mm_1",
        "FELH0600",
        "OG550_65mm_1",
        "RG610",
        "SDSSg",
        "SDSSg_65mm",
    ),
    *("SDSSr", "SDSSr_65mm", "SDSSi", "SDSSi_65mm", "SDSSz", "SDSSz_65mm", "SDSSy_65mm", "blank_bk7_wg05", "disperser"),
    *("KPNO_406_828nm", "quadnotch1", "diffuser", "cyl_lens", "unknown", "collimator", "white"),
)
_LATISS_GRATINGS: Final = (
    *("", "~empty_1", "~empty_2", "~ronchi90lpmm", "~ronchi170lpmm", "~holo4_001", "~holo4_003", "~blue300lpmm_qn1"),
    *("~pinhole_1_1000", "~pinhole_2_1000", "~pinhole_2_1_1000", "~pinhole_2_1_500", "~unknown"),
)
_NEUTRAL: Final = ("", *(f"~ND_OD{density}" for density in ("0.01", "0.05", "0.1", "0.3", "0.5", "0.7", "1.0", "2.0")))


def _band(name: str) -> str:
    """Return the band of a filter from its name; "white" and "unknown" where it has none."""
    first = name.partition("~")[0]
    if first in _BANDS:
        return _BANDS[first]
    stem = _DIGITS.sub("", first.removesuffix("_65mm"))
    return _BANDS.get(stem, "white" if stem in ("empty", "white", "blank_bk7_wg05") else "other")


class RubinCamera(RawInstrument):
    """What Rubin's cameras share."""

    plate_scale: ClassVar[float] = _PLATE_SCALE
    exposure_max: ClassVar[int] = 8_000_000_000_000
    required_raw_keywords: ClassVar[tuple[str, ...]] = ("DATE", "LSST_NUM")

    @classmethod
    def getName(cls) -> str:
        """Return the name of the instrument."""
        return cls.translator.name or cls.__name__

    def attributes_for(self, header: Header | None) -> tuple[DetectorAttributes, ...]:
        """Return the detectors; the one that the header is of as the header tells it."""
        if header is None:
            return self.detectors()
        number = self.translator(header.copy()).to_detector_num()
        return tuple(with_header(item, header) if item.id == number else item for item in self.detectors())

    def split_detector_name(self, name: str) -> tuple[str | None, str]:
        """Return raft and slot."""
        raft, _, slot = name.partition("_")
        return raft, slot


class LsstCam(RubinCamera):
    """LSSTCam: 189 science detectors, 8 guiders, 8 halves of wavefront sensors."""

    translator = LsstCamTranslator
    filters: ClassVar[Mapping[str, str]] = {name: _band(name) for name in _LSSTCAM} | {
        f"{name}{neutral}": _band(name)
        for name in (*_BANDS, "HIGH", "LOW", "550CutOn")
        for neutral in _NEUTRAL
        if name not in "ugrizy" or not neutral
    }

    def detectors(self) -> tuple[DetectorAttributes, ...]:
        """Return the 205 detectors."""
        return full_camera()


class ComCam(RubinCamera):
    """ComCam: the raft in the middle."""

    translator = ComCamTranslator
    filters: ClassVar[Mapping[str, str]] = {name: _band(name) for name in (*_COMCAM, "empty", NO_FILTER)}

    def detectors(self) -> tuple[DetectorAttributes, ...]:
        """Return the nine detectors."""
        return _all_of_maker("ITL", raft_detectors("R22"))


class Latiss(RubinCamera):
    """LATISS: one detector behind a filter and a grating."""

    translator = LatissTranslator
    plate_scale: ClassVar[float] = _LATISS_SCALE
    filters: ClassVar[Mapping[str, str]] = {
        f"{name}{grating}": _band(name) for name in _LATISS_FILTERS for grating in _LATISS_GRATINGS
    }

    def detectors(self) -> tuple[DetectorAttributes, ...]:
        """Return the detector, which is on the axis."""
        (middle,) = _all_of_maker("ITL", (raft_detectors("R22")[4],))
        return (middle.model_copy(update={"id": 0, "name": "R00_S00", "serial": "R00_S00"}),)


class UcdCam(RubinCamera):
    """The beam simulator at Davis."""

    translator = UcdTranslator
    filters: ClassVar[Mapping[str, str]] = _BANDS

    def detectors(self) -> tuple[DetectorAttributes, ...]:
        """Return the detectors of two rafts."""
        return (*_all_of_maker("ITL", raft_detectors("R22")), *raft_detectors("R21", first=9))


class Ts8(RubinCamera):
    """Test stand 8: one raft of either maker."""

    translator = Ts8Translator
    exposure_max: ClassVar[int] = 10**15
    filters: ClassVar[Mapping[str, str]] = _BANDS | {
        **{f"wheel_{place}": "unknown" for place in range(1, 9)},
        **{"unspecified": "unknown"},
    }

    def detectors(self) -> tuple[DetectorAttributes, ...]:
        """Return the nine detectors."""
        return raft_detectors("R22")


class Ts3(RubinCamera):
    """Test stand 3: one sensor at a time."""

    translator = Ts3Translator
    exposure_max: ClassVar[int] = 10**15
    filters: ClassVar[Mapping[str, str]] = _BANDS | {"550CutOn": "other"}

    def detectors(self) -> tuple[DetectorAttributes, ...]:
        """Return the place of the sensor."""
        return (raft_detectors("R22")[4].model_copy(update={"id": 0, "name": "R00_S00", "serial": "R00_S00"}),)


def _all_of_maker(maker: str, items: tuple[DetectorAttributes, ...]) -> tuple[DetectorAttributes, ...]:
    size = {"ITL": "[1:4072,1:4000]", "E2V": "[1:4096,1:4004]"}[maker]
    return tuple(with_header(item, Header({"DETSIZE": size, "CCD_MANU": maker})) for item in items)
