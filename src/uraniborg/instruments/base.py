"""What every camera of ours can do: register itself, translate headers, make images of already reduced frames.

A camera is one subclass of `SurveyInstrument` that states facts (filters, detectors, keywords, codes); what is done
with the facts is here. An instrument holds no state, so the class name in the registry says everything.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, ClassVar, Literal, Self

import astropy.units as u
import numpy as np
from astro_metadata_translator import MetadataTranslator, ObservationInfo
from astropy.io.fits import Header
from astropy.wcs import WCS
from lsst.daf.butler import DataCoordinate, DataId, Formatter, FormatterV2, Registry
from lsst.images import Box, DetectorFrame, Image, Mask, SkyProjection, VisitImage
from lsst.images.cameras import Detector, DetectorAttributes
from lsst.images.psfs import GaussianPointSpreadFunction
from lsst.pipe.base import Instrument
from lsst.utils import doImportType
from lsst.utils.introspection import get_full_type_name
from numpy.typing import NDArray

from uraniborg.core.errors import Unprocessable, UserError
from uraniborg.instruments.camera import make_detector
from uraniborg.model.frames import ReducedFrame
from uraniborg.model.masks import mask_schema

__all__ = (
    "MEMBERS",
    "FrameDescription",
    "Member",
    "SurveyInstrument",
    "merged_header",
    "wcs_from_header",
)

Member = Literal["image", "weight", "dq"]
MEMBERS: tuple[Member, ...] = ("image", "weight", "dq")
"""The files that make one reduced frame: pixels, inverse variance, data quality."""

_NOT_WCS = ("EQUINOX", "RADECSYS", "DATE", "MJD", "TIMESYS", "OBSGEO", "HISTORY", "COMMENT")
_SIGMA_TO_FWHM = math.sqrt(8.0 * math.log(2.0))


@dataclass(frozen=True, slots=True)
class FrameDescription:
    """What a header says about the pixels of a reduced frame.

    Attributes
    ----------
    gain : float [electron/adu]
        Electrons for each unit of the pixels.
    read_noise : float [electron]
        Noise of a pixel without light.
    saturation : float [adu]
        Value at which pixels are saturated.
    fwhm : float [pixel]
        Seeing.
    x0, y0 : int [pixel]
        Position on the detector of the first pixel of the array.
    """

    gain: float
    read_noise: float
    saturation: float
    fwhm: float
    x0: int
    y0: int


def merged_header(primary: Header, extension: Header) -> Header:
    """Return one header in which the cards of the extension win over those of the primary HDU."""
    merged = primary.copy(strip=True)
    merged.update(extension)
    return merged


def wcs_from_header(extension: Header) -> WCS:
    """Return the world coordinates of an image extension.

    Parameters
    ----------
    extension : astropy.io.fits.Header
        Header with a complete WCS. Its positions are taken as ICRS, also where the primary header says FK5: solutions
        against Gaia are ICRS, whatever an acquisition system wrote before.

    Raises
    ------
    UserError
        If there is no celestial WCS.
    """
    header = extension.copy(strip=True)
    for keyword in [name for name in header if name.startswith(_NOT_WCS)]:
        header.remove(keyword, ignore_missing=True, remove_all=True)
    header["RADESYS"] = "ICRS"
    wcs = WCS(header)
    if not wcs.has_celestial:
        raise UserError(f"no celestial WCS in the header: CTYPE is {list(wcs.wcs.ctype)}")
    return wcs


class SurveyInstrument(Instrument):
    """A camera.

    Parameters
    ----------
    collection_prefix : str, optional
        Start of the names of collections; the name of the instrument if not given.
    """

    filters: ClassVar[Mapping[str, str]]
    """Physical filter to band."""

    translator: ClassVar[type[MetadataTranslator]]
    """Class that translates merged headers."""

    plate_scale: ClassVar[float]
    """Angle for each mm in the focal plane [arcsec/mm]."""

    required_keywords: ClassVar[tuple[str, ...]]
    """Keywords without which a reduced frame is refused."""

    required_raw_keywords: ClassVar[tuple[str, ...]]
    """Keywords without which a raw frame is refused."""

    raw_formatter: ClassVar[str] = "uraniborg.archive.formatters.detector_frames.DetectorFrameFormatter"
    """Full name of the class that reads raw files. Named, not imported: formatters live above instruments."""

    exposure_max: ClassVar[int] = 1 << 34
    """Exposures and visits are numbered below this."""

    psf_stamp_size: ClassVar[int] = 41
    """Width of the stamp of the first-guess PSF [pixel]."""

    @abstractmethod
    def detectors(self) -> tuple[DetectorAttributes, ...]:
        """Return the nominal description of every detector, in order of their numbers."""

    @abstractmethod
    def identify(self, path: PurePath, primary: Header) -> tuple[str, Member] | None:
        """Say which member of which triplet a file is.

        Parameters
        ----------
        path : pathlib.PurePath
            Name of the file.
        primary : astropy.io.fits.Header
            Its primary header.

        Returns
        -------
        (str, str) or None
            A key that is the same for the three members, and the member; None if the file is something else.
        """

    @abstractmethod
    def describe_frame(self, header: Header) -> FrameDescription:
        """Return what the merged header of an image says about its pixels."""

    @abstractmethod
    def mask_planes(self, dq: NDArray[np.integer[Any]], header: Header) -> dict[str, NDArray[np.bool_]]:
        """Translate data-quality values to mask planes.

        Parameters
        ----------
        dq : (ny, nx) int
            Data-quality values of the camera's pipeline.
        header : astropy.io.fits.Header
            Merged header, which may say which codes are used.

        Returns
        -------
        dict of (ny, nx) bool
            Name of a plane of `uraniborg.model.masks` to where it is set.
        """

    def getRawFormatter(self, dataId: DataId) -> type[Formatter | FormatterV2]:
        """Return the class that reads a raw file."""
        formatter: type[Formatter | FormatterV2] = doImportType(self.raw_formatter)
        return formatter

    @classmethod
    def from_record(cls, data_id: DataCoordinate) -> Self:
        """Return the instrument of an expanded data id.

        Raises
        ------
        UserError
            If the registered class is not one of ours.
        """
        try:
            return cls.from_data_id(data_id)
        except TypeError as error:
            raise UserError(
                f"instrument {data_id['instrument']!r} is not one that Uraniborg can read: {error}"
            ) from error

    def register(self, registry: Registry, *, update: bool = False) -> None:
        """Insert the records of the instrument, its detectors and its filters.

        Parameters
        ----------
        registry : lsst.daf.butler.Registry
            Registry of a repository opened for writing.
        update : bool, optional
            Whether records that differ are replaced; otherwise they are an error.
        """
        name, detectors = self.getName(), self.detectors()
        with registry.transaction():
            registry.syncDimensionData(
                "instrument",
                {
                    "name": name,
                    "class_name": get_full_type_name(self),
                    "detector_max": max(item.id for item in detectors) + 1,
                    "exposure_max": self.exposure_max,
                    "visit_max": self.exposure_max,
                    "visit_system": 0,
                },
                update=update,
            )
            for item in detectors:
                row = {"instrument": name, "id": item.id, "full_name": item.name, "purpose": item.type.value}
                row |= dict(zip(("raft", "name_in_raft"), self.split_detector_name(item.name), strict=True))
                registry.syncDimensionData("detector", row, update=update)
            for physical_filter, band in self.filters.items():
                row = {"instrument": name, "name": physical_filter, "band": band}
                registry.syncDimensionData("physical_filter", row, update=update)

    def split_detector_name(self, name: str) -> tuple[str | None, str]:
        """Return the group of detectors and the name within it; no groups unless a camera says otherwise."""
        return None, name

    def get_detector(self, detector: int, *, visit: int | None = None, header: Header | None = None) -> Detector:
        """Return the geometry of one detector.

        Parameters
        ----------
        detector : int
            Number of the detector.
        visit : int, optional
            Visit that the geometry belongs to.
        header : astropy.io.fits.Header, optional
            Merged header, for cameras whose geometry is not always the same.

        Raises
        ------
        UserError
            If there is no such detector.
        """
        for item in self.attributes_for(header):
            if item.id == detector:
                scale = self.plate_scale_for(header)
                return make_detector(self.getName(), item, plate_scale=scale, visit=visit)
        raise UserError(f"{self.getName()} has no detector {detector}")

    def attributes_for(self, header: Header | None) -> tuple[DetectorAttributes, ...]:
        """Return the detectors as a header tells them; the nominal ones unless a camera says otherwise."""
        return self.detectors()

    def plate_scale_for(self, header: Header | None) -> float:
        """Return the plate scale as a header tells it [arcsec/mm]; the nominal one unless a camera says otherwise."""
        return self.plate_scale

    def observation_info(self, header: Header, *, filename: str | None = None) -> ObservationInfo:
        """Translate a merged header.

        Parameters
        ----------
        header : astropy.io.fits.Header
            Merged header.
        filename : str, optional
            File that it came from, for messages.

        Raises
        ------
        UserError
            If a property that dimension records need cannot be had.
        """
        needed = {"exposure_id", "detector_num", "physical_filter", "datetime_begin", "datetime_end", "exposure_time"}
        try:
            return ObservationInfo(
                header.copy(), translator_class=self.translator, filename=filename, required=needed, quiet=True
            )
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"{filename or 'header'}: cannot be translated: {error}") from error

    def sky_projection(self, header: Header, shape: tuple[int, int], *, visit: int) -> SkyProjection[DetectorFrame]:
        """Return the projection of a frame, in pixels of the detector.

        Parameters
        ----------
        header : astropy.io.fits.Header
            Merged header of the image.
        shape : (int, int)
            Shape of the array.
        visit : int
            Visit that the frame belongs to.
        """
        description = self.describe_frame(header)
        detector = self.get_detector(int(header["CCDNUM"]), visit=visit, header=header)
        box = Box.from_shape(shape, start=(description.y0, description.x0))
        return SkyProjection.from_fits_wcs(
            wcs_from_header(header), detector.frame, pixel_bounds=box, x0=description.x0, y0=description.y0
        )

    def build_visit_image(self, image: ReducedFrame, weight: ReducedFrame, dq: ReducedFrame) -> VisitImage:
        """Return the image that all further processing starts from.

        Parameters
        ----------
        image, weight, dq : ReducedFrame
            A triplet: pixels, their inverse variance, data quality.

        Returns
        -------
        lsst.images.VisitImage
            In electron, in pixels of the detector. Pixels with weight 0 or that are not finite get the variance of
            their light and the read noise, and are masked as BAD or NO_DATA where no code gives a reason.

        Raises
        ------
        UserError
            If the shapes differ.
        Unprocessable
            If no pixel has weight.
        """
        if not image.array.shape == weight.array.shape == dq.array.shape:
            shapes = [frame.array.shape for frame in (image, weight, dq)]
            raise UserError(f"image, weight and data quality differ in shape: {shapes}")
        header = merged_header(image.primary, image.header)
        info = self.observation_info(header)
        facts = self.describe_frame(header)
        projection = self.sky_projection(header, image.array.shape, visit=info.exposure_id)
        box = Box.from_shape(image.array.shape, start=(facts.y0, facts.x0))
        weighted = np.isfinite(weight.array) & (weight.array > 0)
        if not weighted.any():
            raise Unprocessable(f"no pixel of exposure {info.exposure_id} detector {info.detector_num} has weight")
        electrons = (image.array * np.float32(facts.gain)).astype(np.float32)
        mask = self._mask(dq.array, header, box)
        valid = np.isfinite(electrons)
        mask.set("NO_DATA", ~valid)
        mask.set("BAD", ~weighted & valid & ~mask.array.any(axis=2))
        return VisitImage(
            Image(electrons, bbox=box, unit=u.electron),
            mask=mask,
            variance=Image(_variance(electrons, weight.array, facts), bbox=box, unit=u.electron**2),
            sky_projection=projection,
            obs_info=info,
            psf=GaussianPointSpreadFunction(facts.fwhm / _SIGMA_TO_FWHM, box, self.psf_stamp_size),
            detector=self.get_detector(info.detector_num, visit=info.exposure_id, header=header),
            band=self.filters[info.physical_filter],
            metadata={
                "gain": facts.gain,
                "read_noise": facts.read_noise,
                "saturation": facts.saturation * facts.gain,
                "header_fwhm": facts.fwhm,
            },
        )

    def _mask(self, dq: NDArray[np.integer[Any]], header: Header, box: Box) -> Mask:
        mask = Mask(0, schema=mask_schema(), bbox=box)
        for plane, where in self.mask_planes(dq, header).items():
            mask.set(plane, where)
        return mask


def _variance(
    electrons: NDArray[np.float32], weight: NDArray[np.generic], facts: FrameDescription
) -> NDArray[np.float32]:
    """Return variance [electron^2] from weights [adu^-2]; without weight, that of light and read noise."""
    weighted = np.isfinite(weight) & (weight > 0)
    light = np.maximum(np.nan_to_num(electrons, nan=0.0, posinf=0.0, neginf=0.0), 0.0)
    variance = light + np.float32(facts.read_noise**2)
    np.divide(facts.gain**2, weight, out=variance, where=weighted, casting="same_kind")
    return variance
