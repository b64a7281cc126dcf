"""Raw frames: all amplifier segments of one detector, from a file that may hold those of many detectors."""

from __future__ import annotations

import gzip
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from astro_metadata_translator import ObservationInfo
from astropy.io import fits
from lsst.daf.butler import FormatterV2
from lsst.resources import ResourcePath

from uraniborg.core.errors import UserError
from uraniborg.instruments.base import merged_header
from uraniborg.instruments.decam import camera as _decam  # noqa: F401 - registers its translator
from uraniborg.instruments.lco import camera as _lco  # noqa: F401 - registers its translator
from uraniborg.instruments.lsst import translators as _lsst  # noqa: F401 - registers its translators
from uraniborg.instruments.raw_headers import completed_segment
from uraniborg.instruments.saao import camera as _saao  # noqa: F401 - registers its translator
from uraniborg.instruments.simcam import camera as _simcam  # noqa: F401 - registers its translator
from uraniborg.model.frames import RawFrame, ReducedFrame

__all__ = ("RawFrameFormatter", "read_raw_frame", "write_raw_frame")


def _segment_hdus(hdus: fits.HDUList, detector: int, path: str) -> list[Any]:
    images = [hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS", 0) == 2 and hdu.header["NAXIS1"] > 0]
    found = []
    for hdu in images:
        header = merged_header(hdus[0].header, hdu.header)
        if ObservationInfo(header, subset={"detector_num"}, quiet=True).detector_num == detector:
            found.append(hdu)
    if not found:
        raise UserError(f"{path}: none of its {len(images)} images is of detector {detector}")
    return found


def _open(path: str) -> fits.HDUList:
    """Open a file; one that is compressed as a whole is read at once, for each step back in it would start again."""
    with Path(path).open("rb") as file:
        if file.read(2) != b"\x1f\x8b":
            return fits.open(path, memmap=False)
    return fits.open(BytesIO(gzip.decompress(Path(path).read_bytes())), memmap=False)


def read_raw_frame(path: str, detector: int) -> RawFrame:
    """Return all segments of one detector.

    Parameters
    ----------
    path : str
        FITS file, plain or compressed as a whole (gzip) or by tiles (fpack).
    detector : int
        Number of the detector.

    Raises
    ------
    UserError
        If the file cannot be read or has no image of the detector.
    """
    try:
        with _open(path) as hdus:
            primary = hdus[0].header.copy()
            segments = []
            for hdu in _segment_hdus(hdus, detector, path):
                array = np.asarray(hdu.data)
                native = array.astype(array.dtype.newbyteorder("="), copy=False)
                header = completed_segment(primary, hdu.header)
                segments.append(ReducedFrame(primary=primary, header=header, array=native))
            return RawFrame(primary=primary, segments=tuple(segments))
    except (OSError, TypeError, ValueError, EOFError) as error:
        raise UserError(f"{path}: cannot be read as FITS ({error}); is it complete?") from error


def write_raw_frame(frame: RawFrame, path: str) -> None:
    """Write a frame to a FITS file of a primary header and one image extension for each segment, losslessly."""
    hdus = fits.HDUList([fits.PrimaryHDU(header=frame.primary.copy())])
    hdus.extend(fits.ImageHDU(data=segment.array, header=segment.header.copy()) for segment in frame.segments)
    hdus.writeto(path, output_verify="silentfix")


class RawFrameFormatter(FormatterV2):
    """The segments of the detector in the data id; ``primary`` and ``header`` are read without the pixels."""

    default_extension = ".fits"
    supported_extensions = frozenset({".fits", ".fit", ".fits.gz", ".fits.fz", ".gz", ".fz"})
    can_read_from_local_file = True

    def write_local_file(self, in_memory_dataset: RawFrame, uri: ResourcePath) -> None:
        """Write a frame to a local file."""
        write_raw_frame(in_memory_dataset, uri.ospath)

    def read_from_local_file(self, path: str, component: str | None = None, expected_size: int = -1) -> Any:
        """Read a frame or one of its headers."""
        detector = int(self.data_id["detector"])
        if component is None:
            return read_raw_frame(path, detector)
        with fits.open(path, memmap=False, lazy_load_hdus=True) as hdus:
            return (hdus[0] if component == "primary" else _segment_hdus(hdus, detector, path)[0]).header.copy()
