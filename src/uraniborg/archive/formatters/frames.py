"""Frames of other pipelines read from their own FITS files (plain, gzip or fpack), which are never rewritten."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from astropy.io import fits
from astropy.io.fits.verify import VerifyWarning
from lsst.daf.butler import FormatterV2
from lsst.resources import ResourcePath

from uraniborg.core.errors import UserError
from uraniborg.model.frames import ReducedFrame

__all__ = ("ReducedFrameFormatter", "read_reduced_frame", "write_reduced_frame")


def _image_hdu(hdus: fits.HDUList, path: str) -> fits.ImageHDU | fits.CompImageHDU | fits.PrimaryHDU:
    images = [hdu for hdu in hdus if hdu.is_image and hdu.header.get("NAXIS", 0) == 2]
    if len(images) != 1:
        names = [hdu.name for hdu in images]
        raise UserError(f"{path}: a reduced frame is a file with one image extension, this has {len(images)}: {names}")
    return images[0]


def read_reduced_frame(path: str) -> ReducedFrame:
    """Return the one image of a FITS file with its headers.

    Parameters
    ----------
    path : str
        FITS file, plain or compressed as a whole (gzip) or by tiles (fpack).

    Raises
    ------
    UserError
        If the file is not FITS, is truncated, or does not hold exactly one image.
    """
    try:
        with fits.open(path, memmap=False) as hdus:
            hdu = _image_hdu(hdus, path)
            array = np.asarray(hdu.data)
            return ReducedFrame(
                primary=hdus[0].header.copy(),
                header=hdu.header.copy(),
                array=array.astype(array.dtype.newbyteorder("="), copy=False),
            )
    except (OSError, TypeError, ValueError, EOFError) as error:
        raise UserError(f"{path}: cannot be read as FITS ({error}); is it complete?") from error


def write_reduced_frame(frame: ReducedFrame, path: str) -> None:
    """Write a frame to a FITS file of a primary header and one image extension, losslessly."""
    primary = fits.PrimaryHDU(header=frame.primary.copy())
    image = fits.ImageHDU(data=frame.array, header=frame.header.copy())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VerifyWarning)
        fits.HDUList([primary, image]).writeto(path)


class ReducedFrameFormatter(FormatterV2):
    """One image extension of a FITS file; ``primary`` and ``header`` are read without the pixels."""

    default_extension = ".fits"
    supported_extensions = frozenset({".fits", ".fit", ".fits.gz", ".fits.fz", ".gz", ".fz"})
    can_read_from_local_file = True

    def write_local_file(self, in_memory_dataset: ReducedFrame, uri: ResourcePath) -> None:
        """Write a frame to a local file."""
        write_reduced_frame(in_memory_dataset, uri.ospath)

    def read_from_local_file(self, path: str, component: str | None = None, expected_size: int = -1) -> Any:
        """Read a frame or one of its headers."""
        if component is None:
            return read_reduced_frame(path)
        with fits.open(path, memmap=False, lazy_load_hdus=True) as hdus:
            return (hdus[0] if component == "primary" else _image_hdu(hdus, path)).header.copy()
