"""Headers of FITS files, read without their pixels but with a check that all pixels are there."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

from astropy.io import fits
from astropy.io.fits import Header
from astropy.utils.exceptions import AstropyUserWarning

from uraniborg.core.errors import UserError
from uraniborg.instruments.base import merged_header

__all__ = ("FileHeaders", "ImageHeader", "find_fits_files", "read_file_headers")

_SUFFIXES = (".fits", ".fit", ".fits.gz", ".fits.fz")


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """One two-dimensional image of a file.

    Attributes
    ----------
    name : str
        Name of the extension.
    header : astropy.io.fits.Header
        Header of the primary HDU with the cards of the extension over it.
    shape : tuple of int
        Height and width [pixel].
    """

    name: str
    header: Header
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True)
class FileHeaders:
    """Headers of one file.

    Attributes
    ----------
    path : pathlib.Path
        The file.
    primary : astropy.io.fits.Header
        Header of the primary HDU.
    images : tuple of ImageHeader
        All two-dimensional images.
    """

    path: Path
    primary: Header
    images: tuple[ImageHeader, ...]


def find_fits_files(folder: Path) -> list[Path]:
    """Return all FITS files in a folder and its sub-folders, sorted."""
    return sorted(path for path in folder.rglob("*") if path.name.endswith(_SUFFIXES) and path.is_file())


def read_file_headers(path: Path) -> FileHeaders:
    """Read the headers of a file.

    Parameters
    ----------
    path : pathlib.Path
        FITS file, plain or compressed as a whole (gzip) or by tiles (fpack).

    Returns
    -------
    FileHeaders

    Raises
    ------
    UserError
        If the file is missing, is not FITS, or is shorter than its headers say.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AstropyUserWarning)
            with fits.open(path, memmap=False, lazy_load_hdus=False) as hdus:
                _check_length(path, hdus)
                images = tuple(
                    ImageHeader(hdu.name, merged_header(hdus[0].header, hdu.header), tuple(hdu.shape))
                    for hdu in hdus
                    if hdu.is_image and hdu.header.get("NAXIS", 0) == 2
                )
                return FileHeaders(path, hdus[0].header.copy(), images)
    except FileNotFoundError as error:
        raise UserError(f"{path}: there is no such file") from error
    except (OSError, EOFError, ValueError, TypeError, KeyError, IndexError) as error:
        raise UserError(f"{path}: cannot be read as FITS ({error}); is it complete?") from error


def _check_length(path: Path, hdus: fits.HDUList) -> None:
    stored = path.stat().st_size
    if path.name.endswith(".gz"):
        for hdu in hdus:
            _ = hdu.data  # reads through to the end, which fails if the stream is cut
        return
    for hdu in hdus:
        info = hdu.fileinfo()
        compressed = hdu._bintable if isinstance(hdu, fits.CompImageHDU) else hdu
        end = info["datLoc"] + compressed.size
        if end > stored:
            raise UserError(
                f"{path}: truncated: {stored} bytes, but the header of extension {hdu.name or 'PRIMARY'!r} says {end}"
            )
