"""Photometric calibration as `lsst.images` keeps it: a Chebyshev field that pixels and fluxes are multiplied with."""

from __future__ import annotations

import astropy.units as u
import numpy as np
from lsst.images import Box
from lsst.images.fields import ChebyshevField
from numpy.typing import NDArray

from uraniborg.algorithms.photometry import CalibrationField
from uraniborg.core.errors import UserError

__all__ = ("constant_field", "from_chebyshev", "scale_pixels", "to_chebyshev")

_ROWS = 256


def constant_field(scale: float, bbox: Box, *, unit: u.UnitBase | None = None) -> ChebyshevField:
    """Return a field of one value over a box."""
    return ChebyshevField(bbox, np.array([[scale]]), unit=unit)


def to_chebyshev(field: CalibrationField, bbox: Box, *, unit: u.UnitBase | None = None) -> ChebyshevField:
    """Return a fitted calibration in the type that is stored; of any degree, without loss.

    Parameters
    ----------
    field : CalibrationField
        Fitted over the outer edges of the box, in its pixels.
    bbox : lsst.images.Box
        Pixels of the image.
    unit : astropy.units.UnitBase, optional
        Unit of the factor.

    Returns
    -------
    lsst.images.fields.ChebyshevField

    Raises
    ------
    UserError
        If the field was fitted over another region.
    """
    corner, size = (bbox.x.min - 0.5, bbox.y.min - 0.5), (float(bbox.x.size), float(bbox.y.size))
    if tuple(field.corner) != corner or tuple(field.size) != size:
        raise UserError(
            f"the calibration was fitted from {field.corner} over {field.size} pixels, not over {bbox}; fit it there"
        )
    return ChebyshevField(bbox, field.coefficients.copy(), unit=unit)


def from_chebyshev(field: ChebyshevField) -> CalibrationField:
    """Return a stored field as what is evaluated in arrays; errors and stars are not stored."""
    box = field.bounds.bbox
    corner, size = (box.x.min - 0.5, box.y.min - 0.5), (float(box.x.size), float(box.y.size))
    return CalibrationField(np.array(field.coefficients), corner, size, np.nan, np.nan, np.zeros(0, bool))


def scale_pixels(pixels: NDArray[np.float32], field: ChebyshevField, *, power: int = 1) -> NDArray[np.float32]:
    """Multiply pixels by a power of a field.

    Parameters
    ----------
    pixels : (ny, nx) float32
        Over the box of the field.
    field : lsst.images.fields.ChebyshevField
    power : int
        1 for fluxes, 2 for variances.

    Returns
    -------
    (ny, nx) float32
    """
    if field.coefficients.size == 1:
        return np.asarray(pixels * np.float32(float(field.coefficients[0, 0]) ** power))
    box, known = field.bounds.bbox, from_chebyshev(field)
    out = np.empty_like(pixels)
    columns = np.arange(box.x.min, box.x.max + 1)
    for row in range(0, pixels.shape[0], _ROWS):  # blocks of rows, to bound memory
        part = slice(row, min(row + _ROWS, pixels.shape[0]))
        x, y = np.meshgrid(columns, np.arange(part.start, part.stop) + box.y.min)
        out[part] = pixels[part] * known.evaluate(x, y).astype(np.float32) ** np.float32(power)
    return out
