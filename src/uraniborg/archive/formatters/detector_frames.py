"""One detector's frame from a file that may hold those of many detectors."""

from __future__ import annotations

from typing import Any

import numpy as np
from astro_metadata_translator import ObservationInfo
from astropy.io import fits
from lsst.daf.butler import FormatterV2
from lsst.resources import ResourcePath

from uraniborg.archive.formatters.frames import write_reduced_frame
from uraniborg.core.errors import UserError
from uraniborg.instruments.base import merged_header
from uraniborg.instruments.decam import camera as _decam  # noqa: F401 - registers its translator
from uraniborg.instruments.simcam import camera as _simcam  # noqa: F401 - registers its translator
from uraniborg.model.frames import ReducedFrame

__all__ = ("DetectorFrameFormatter", "read_detector_frame")


def _find_image(hdus: fits.HDUList, detector: int, path: str) -> Any:
    images = [hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS", 0) == 2]
    if len(images) == 1:
        return images[0]
    for hdu in images:
        header = merged_header(hdus[0].header, hdu.header)
        if ObservationInfo(header, subset={"detector_num"}, quiet=True).detector_num == detector:
            return hdu
    raise UserError(f"{path}: none of its {len(images)} images is of detector {detector}")


def read_detector_frame(path: str, detector: int) -> ReducedFrame:
    """Return the frame of one detector.

    Parameters
    ----------
    path : str
        FITS file with one or several images; of several, the one whose header is of the detector is taken.
    detector : int
        Number of the detector.

    Raises
    ------
    UserError
        If the file cannot be read or has no image of the detector.
    """
    try:
        with fits.open(path, memmap=False) as hdus:
            hdu = _find_image(hdus, detector, path)
            array = np.asarray(hdu.data)
            native = array.astype(array.dtype.newbyteorder("="), copy=False)
            return ReducedFrame(primary=hdus[0].header.copy(), header=hdu.header.copy(), array=native)
    except (OSError, TypeError, ValueError, EOFError) as error:
        raise UserError(f"{path}: cannot be read as FITS ({error}); is it complete?") from error


class DetectorFrameFormatter(FormatterV2):
    """The frame of the detector in the data id; ``primary`` and ``header`` are read without the pixels."""

    default_extension = ".fits"
    supported_extensions = frozenset({".fits", ".fit", ".fits.gz", ".fits.fz", ".gz", ".fz"})
    can_read_from_local_file = True

    def write_local_file(self, in_memory_dataset: ReducedFrame, uri: ResourcePath) -> None:
        """Write a frame to a local file."""
        write_reduced_frame(in_memory_dataset, uri.ospath)

    def read_from_local_file(self, path: str, component: str | None = None, expected_size: int = -1) -> Any:
        """Read a frame or one of its headers."""
        detector = int(self.data_id["detector"])
        if component is None:
            return read_detector_frame(path, detector)
        with fits.open(path, memmap=False, lazy_load_hdus=True) as hdus:
            return (hdus[0] if component == "primary" else _find_image(hdus, detector, path)).header.copy()
