"""Stamps in alert packets: small FITS files with the image, its variance, its point-spread function and a WCS.

The layout is that of Rubin's packets: primary HDU with the pixels, ``UNCERT`` with variances, ``PSFIMAGE``; a
``MASK`` HDU where a mask is given. The WCS is a tangent plane about the source and follows the FITS standard
(the first pixel is 1).
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from uraniborg.core.errors import UserError

__all__ = ("MINIMUM_SIZE", "Cutout", "Plane", "encode_cutout", "read_cutout")

MINIMUM_SIZE = 30
"""Smallest width of a stamp in pixels that the alert stream promises."""


@dataclass(frozen=True, slots=True)
class Plane:
    """What stamps are cut from.

    Attributes
    ----------
    image, variance : (ny, nx) float [nJy, nJy^2]
    origin : (int, int) [pixel]
        (x, y) of the first pixel in the coordinates of the detector.
    mask : (ny, nx) int, optional
        Mask bits.
    """

    image: NDArray[np.floating]
    variance: NDArray[np.floating]
    origin: tuple[int, int] = (0, 0)
    mask: NDArray[np.integer] | None = None


@dataclass(frozen=True, slots=True)
class Cutout:
    """A stamp read back.

    Attributes
    ----------
    image, variance : (n, n) float
    psf : (k, k) float or None
    mask : (n, n) int or None
    wcs : astropy.wcs.WCS
    corner : (int, int) [pixel]
        (x, y) of the first pixel on the detector.
    """

    image: NDArray[np.floating]
    variance: NDArray[np.floating]
    psf: NDArray[np.floating] | None
    mask: NDArray[np.integer] | None
    wcs: WCS
    corner: tuple[int, int]


def encode_cutout(
    plane: Plane,
    position: tuple[float, float],
    *,
    sky: tuple[float, float],
    matrix: NDArray[np.floating],
    psf: NDArray[np.floating] | None = None,
    size: int = MINIMUM_SIZE,
) -> bytes:
    """Cut a stamp about a source and write it as a FITS file.

    Parameters
    ----------
    plane : Plane
        Image to cut from; where the stamp leaves it there is NaN.
    position : (float, float) [pixel]
        (x, y) of the source on the detector.
    sky : (float, float) [deg]
        (ra, dec) of the source.
    matrix : (2, 2) float [deg / pixel]
        Local derivative of the standard coordinates (xi, eta) to (x, y).
    psf : (k, k) float, optional
        Point-spread function at the source.
    size : int [pixel]
        Width of the stamp.

    Returns
    -------
    bytes

    Raises
    ------
    UserError
        If the stamp is smaller than promised.
    """
    if size < MINIMUM_SIZE:
        raise UserError(f"an alert stamp is at least {MINIMUM_SIZE} pixels wide; got {size}")
    corner = tuple(int(np.floor(value + 0.5)) - size // 2 for value in position)
    start = (corner[1] - plane.origin[1], corner[0] - plane.origin[0])
    primary = fits.PrimaryHDU(_window(plane.image, start, size, np.nan).astype(np.float32))
    primary.header.update(_header((corner[0], corner[1]), position, sky, matrix))
    hdus = [primary]
    if plane.mask is not None:
        hdus.append(fits.ImageHDU(_window(plane.mask, start, size, 0), name="MASK"))
    variance = fits.ImageHDU(_window(plane.variance, start, size, np.nan).astype(np.float32), name="UNCERT")
    variance.header["UTYPE"] = "VarianceUncertainty"
    variance.header["BUNIT"] = "nJy2"
    hdus.append(variance)
    if psf is not None:
        hdus.append(fits.ImageHDU(np.asarray(psf, dtype=np.float32), name="PSFIMAGE"))
    buffer = io.BytesIO()
    fits.HDUList(hdus).writeto(buffer)
    return buffer.getvalue()


def _window(array: NDArray[np.generic], start: tuple[int, int], size: int, fill: float) -> NDArray[np.generic]:
    window = np.full((size, size), fill, dtype=array.dtype)
    low = [max(0, -first) for first in start]
    high = [min(size, length - first) for first, length in zip(start, array.shape, strict=True)]
    if all(h > w for h, w in zip(high, low, strict=True)):
        window[low[0] : high[0], low[1] : high[1]] = array[
            start[0] + low[0] : start[0] + high[0], start[1] + low[1] : start[1] + high[1]
        ]
    return window


def _header(
    corner: tuple[int, int], position: tuple[float, float], sky: tuple[float, float], matrix: NDArray[np.floating]
) -> fits.Header:
    header = fits.Header()
    header["CUTMINX"] = (corner[0], "[pixel] detector column of the first pixel")
    header["CUTMINY"] = (corner[1], "[pixel] detector row of the first pixel")
    # The image of a unit step in y, seen on the sky from North through East.
    header["ROTPA"] = (float(np.degrees(np.arctan2(matrix[0, 1], matrix[1, 1]))) % 360.0, "[deg] position angle of +y")
    header["BUNIT"] = "nJy"
    header["RADESYS"] = "ICRS"
    for axis, name in enumerate(("RA---TAN", "DEC--TAN")):
        header[f"CTYPE{axis + 1}"] = name
        header[f"CUNIT{axis + 1}"] = "deg"
        header[f"CRPIX{axis + 1}"] = position[axis] - corner[axis] + 1.0
        header[f"CRVAL{axis + 1}"] = sky[axis]
        header[f"CDELT{axis + 1}"] = 1.0
        for other in (0, 1):
            header[f"PC{axis + 1}_{other + 1}"] = float(matrix[axis, other])
    return header


def read_cutout(data: bytes) -> Cutout:
    """Read a stamp, ours or one of Rubin's.

    Parameters
    ----------
    data : bytes
        A FITS file.

    Returns
    -------
    Cutout

    Raises
    ------
    UserError
        If it is not a FITS file or lacks the image or the variance.
    """
    try:
        with fits.open(io.BytesIO(data)) as hdus:
            names = {hdu.name: hdu for hdu in hdus}
            if hdus[0].data is None or "UNCERT" not in names:
                raise UserError(f"an alert stamp needs pixels and an UNCERT HDU; this one has {sorted(names)}")
            header = hdus[0].header
            return Cutout(
                image=np.array(hdus[0].data),
                variance=np.array(names["UNCERT"].data),
                psf=np.array(names["PSFIMAGE"].data) if "PSFIMAGE" in names else None,
                mask=np.array(names["MASK"].data) if "MASK" in names else None,
                wcs=WCS(header),
                corner=(int(header.get("CUTMINX", 0)), int(header.get("CUTMINY", 0))),
            )
    except OSError as error:
        raise UserError(f"an alert stamp of {len(data)} bytes is not a FITS file: {error}") from error
