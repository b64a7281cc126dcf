"""The stamps of all sources of an image at once: the first is written by astropy, the others fill in its blanks.

Byte for byte what `encode_cutout` writes, at a hundredth of its cost: nothing but the pixels and thirteen values of the
first header differ between the stamps of one image.
"""

from __future__ import annotations

import io
from typing import Any

import numba as nb
import numpy as np
from astropy.io import fits
from numpy.typing import ArrayLike, NDArray

from uraniborg.alerts.cutouts import MINIMUM_SIZE, Plane, encode_cutout
from uraniborg.core.errors import UserError

__all__ = ("encode_cutouts",)

_INTEGERS = ("CUTMINX", "CUTMINY")
_FLOATS = ("ROTPA", "CRPIX1", "CRVAL1", "PC1_1", "PC1_2", "CRPIX2", "CRVAL2", "PC2_1", "PC2_2")
_WIDTH = 20  # of a number in a card, which begins at column 10
_CHUNK = 512  # stamps that are in memory at once


@nb.njit(cache=True)
def _gather(image: Any, left: Any, top: Any, size: int, out: Any) -> None:
    """Copy the window of each source; what lies outside the image stays as it is."""
    height, width = image.shape
    for index in range(left.size):
        for row in range(max(0, -top[index]), min(size, height - top[index])):
            for column in range(max(0, -left[index]), min(size, width - left[index])):
                out[index, row, column] = image[top[index] + row, left[index] + column]


def _number(value: float) -> str:
    """Return a number as a card of a FITS header has it: at most twenty characters, the exponent kept."""
    text = str(value).replace("e", "E")
    if len(text) > _WIDTH:
        mantissa, mark, exponent = text.partition("E")
        text = mantissa[: _WIDTH - len(mark + exponent)] + mark + exponent
    return f"{text:>{_WIDTH}}"


def _layout(template: bytes) -> tuple[list[int], dict[str, slice]]:
    """Return where the numbers of the first header begin, and the bytes of each image."""
    slots, places = [], {}
    with fits.open(io.BytesIO(template)) as hdus:
        keywords = list(hdus[0].header.keys())
        slots = [80 * keywords.index(name) + 10 for name in (*_INTEGERS, *_FLOATS)]
        for hdu in hdus:
            start = hdu.fileinfo()["datLoc"]
            places[hdu.name] = slice(start, start + hdu.data.size * hdu.data.dtype.itemsize)
    return slots, places


def encode_cutouts(
    plane: Plane,
    x: ArrayLike,
    y: ArrayLike,
    *,
    ra: ArrayLike,
    dec: ArrayLike,
    matrices: NDArray[np.floating],
    psfs: NDArray[np.floating] | None = None,
    size: int = MINIMUM_SIZE,
) -> list[bytes]:
    """Cut a stamp about each source and write it as a FITS file.

    Parameters
    ----------
    plane : Plane
        Image to cut from; where a stamp leaves it there is NaN.
    x, y : (n,) float [pixel]
        Positions of the sources on the detector.
    ra, dec : (n,) float [deg]
        The same on the sky.
    matrices : (n, 2, 2) float [deg / pixel]
        Local derivatives of the standard coordinates (xi, eta) to (x, y).
    psfs : (n, k, k) float, optional
        Point-spread functions at the sources.
    size : int [pixel]
        Width of the stamps.

    Returns
    -------
    list of bytes

    Raises
    ------
    UserError
        If stamps are smaller than promised, or a position is not finite.
    """
    x, y, ra, dec = (np.asarray(values, dtype=float) for values in (x, y, ra, dec))
    matrices = np.asarray(matrices, dtype=float)
    finite = np.isfinite(x) & np.isfinite(y) & np.isfinite(ra) & np.isfinite(dec) & np.isfinite(matrices).all((1, 2))
    if not finite.all():
        raise UserError(f"stamp {int(np.argmin(finite))} of {len(x)} has a position that is not finite")
    found: list[bytes] = []
    template: tuple[bytes, list[int], dict[str, slice]] | None = None
    for first in range(0, len(x), _CHUNK):
        part = slice(first, first + _CHUNK)
        psf = None if psfs is None else psfs[part]
        if template is None:
            example = encode_cutout(
                plane,
                (float(x[0]), float(y[0])),
                sky=(float(ra[0]), float(dec[0])),
                matrix=matrices[0],
                psf=None if psf is None else psf[0],
                size=size,
            )
            template = (example, *_layout(example))
        found += _fill(template, plane, x[part], y[part], ra[part], dec[part], matrices[part], psf, size)
    return found


def _fill(
    template: tuple[bytes, list[int], dict[str, slice]],
    plane: Plane,
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    ra: NDArray[np.floating],
    dec: NDArray[np.floating],
    matrices: NDArray[np.floating],
    psfs: NDArray[np.floating] | None,
    size: int,
) -> list[bytes]:
    example, slots, places = template
    n = len(x)
    left, top = (np.floor(values + 0.5).astype(np.int64) - size // 2 for values in (x, y))
    out = np.empty((n, len(example)), dtype=np.uint8)
    out[:] = np.frombuffer(example, dtype=np.uint8)

    def put(name: str, values: NDArray[Any]) -> None:
        order = values.dtype.newbyteorder(">")
        out[:, places[name]] = values.astype(order).reshape(n, -1).view(np.uint8)

    def window(image: NDArray[Any], dtype: Any, fill: float) -> NDArray[Any]:
        stamps = np.full((n, size, size), fill, dtype=dtype)
        _gather(image, left - plane.origin[0], top - plane.origin[1], size, stamps)
        return stamps

    put("PRIMARY", window(plane.image, np.float32, np.nan))
    put("UNCERT", window(plane.variance, np.float32, np.nan))
    if plane.mask is not None:
        put("MASK", window(plane.mask, plane.mask.dtype, 0))
    if psfs is not None:
        put("PSFIMAGE", np.asarray(psfs, dtype=np.float32))
    angle = np.degrees(np.arctan2(matrices[:, 0, 1], matrices[:, 1, 1])) % 360.0
    floats = [angle, x - left + 1.0, ra, matrices[:, 0, 0], matrices[:, 0, 1]]
    floats += [y - top + 1.0, dec, matrices[:, 1, 0], matrices[:, 1, 1]]
    cards = [[f"{value:>{_WIDTH}d}" for value in column.tolist()] for column in (left, top)]
    cards += [[_number(value) for value in column.tolist()] for column in floats]
    for slot, card in zip(slots, cards, strict=True):
        text = np.frombuffer("".join(card).encode("ascii"), dtype=np.uint8)
        out[:, slot : slot + _WIDTH] = text.reshape(n, _WIDTH)
    return [row.tobytes() for row in out]
