"""Names and meanings of the mask planes on every image we write; the names are Rubin's."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from lsst.images import Mask, MaskPlane, MaskSchema
from numpy.typing import NDArray

from uraniborg.core.flags import PixelBit

__all__ = ("MASK_PLANES", "UNUSABLE_PLANES", "mask_schema", "pixel_bits", "select_pixels")

MASK_PLANES: tuple[MaskPlane, ...] = (
    MaskPlane("BAD", "Bad pixel in the instrument."),
    MaskPlane("SATURATED", "Pixel was saturated or affected by a saturated neighbour."),
    MaskPlane("INTERPOLATED", "Original pixel value was interpolated."),
    MaskPlane("COSMIC_RAY", "A cosmic ray affected this pixel."),
    MaskPlane("DETECTION_EDGE", "Pixel too close to the edge for the detection kernel."),
    MaskPlane("DETECTED", "Pixel was part of a detected source."),
    MaskPlane("SUSPECT", "Pixel was close to the saturation level, or its calibration is doubtful."),
    MaskPlane("NO_DATA", "No data was available for this pixel."),
    MaskPlane("DETECTED_NEGATIVE", "Pixel was part of a detected source with negative flux."),
    MaskPlane("SAT_TEMPLATE", "Template pixel was saturated."),
    MaskPlane("STREAK", "An extended streak (probably an artificial satellite) affected this pixel."),
    MaskPlane("BLEED", "Pixel was part of a bleed trail of a saturated star."),
)
"""All planes, in the order in which they are stored."""

UNUSABLE_PLANES: tuple[str, ...] = (
    "BAD",
    "SATURATED",
    "COSMIC_RAY",
    "NO_DATA",
    "BLEED",
    "STREAK",
)
"""Planes whose pixels must not enter a fit, a background or a coadd."""


def mask_schema() -> MaskSchema:
    """Return the schema of every mask that Uraniborg makes (two bytes a pixel)."""
    return MaskSchema(list(MASK_PLANES), dtype=np.uint8)


def select_pixels(mask: Mask, planes: Iterable[str] = UNUSABLE_PLANES) -> NDArray[np.bool_]:
    """Return where any of the named planes is set.

    Parameters
    ----------
    mask : lsst.images.Mask
        Mask of an image; planes that it does not have count as not set.
    planes : iterable of str
        Plane names.

    Returns
    -------
    (ny, nx) bool
    """
    wanted = [name for name in planes if name in mask.schema.names]
    selected = np.zeros(mask.bbox.shape, dtype=bool)
    for name in wanted:
        selected |= mask.get(name)
    return selected


def pixel_bits(mask: Mask) -> NDArray[np.uint8]:
    """Return the compact mask that detection and measurement read.

    Parameters
    ----------
    mask : lsst.images.Mask
        Mask of an image; planes that it does not have count as not set.

    Returns
    -------
    (ny, nx) uint8
        Bits of `uraniborg.core.flags.PixelBit`.
    """
    planes = {
        PixelBit.BAD: ("BAD", "BLEED", "STREAK"),
        PixelBit.SATURATED: ("SATURATED",),
        PixelBit.COSMIC_RAY: ("COSMIC_RAY",),
        PixelBit.NO_DATA: ("NO_DATA",),
        PixelBit.INTERPOLATED: ("INTERPOLATED",),
    }
    bits = np.zeros(mask.bbox.shape, dtype=np.uint8)
    for bit, names in planes.items():
        bits[select_pixels(mask, names)] |= np.uint8(bit)
    return bits
