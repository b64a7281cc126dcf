"""Masks as one integer a pixel, the form in which warping and coaddition take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from lsst.images import Box, Mask, SkyProjection
from numpy.typing import NDArray

from uraniborg.model.masks import MASK_PLANES, mask_schema

__all__ = ("mask_from_words", "mask_words", "word_of")

_BITS = {plane.name: 1 << index for index, plane in enumerate(MASK_PLANES)}


def word_of(planes: Iterable[str]) -> int:
    """Return the word with the bits of the named planes set."""
    return sum(_BITS[name] for name in set(planes))


def mask_words(mask: Mask) -> NDArray[np.uint32]:
    """Return the mask as one word a pixel.

    Parameters
    ----------
    mask : lsst.images.Mask
        Any mask; planes that are not ours are dropped.

    Returns
    -------
    (ny, nx) uint32
    """
    words = np.zeros(mask.bbox.shape, dtype=np.uint32)
    if mask.schema == mask_schema():
        for index in range(mask.array.shape[-1]):
            words |= mask.array[..., index].astype(np.uint32) << np.uint32(8 * index)
        return words
    for name in _BITS.keys() & mask.schema.names:
        words[mask.get(name)] |= np.uint32(_BITS[name])
    return words


def mask_from_words(words: NDArray[np.uint32], bbox: Box, *, sky_projection: SkyProjection[Any] | None = None) -> Mask:
    """Return the mask of our schema with the given words; the reverse of `mask_words`.

    Parameters
    ----------
    words : (ny, nx) uint32
        One word a pixel.
    bbox : lsst.images.Box
        Where the pixels lie.
    sky_projection : lsst.images.SkyProjection, optional
        Projection to attach.
    """
    schema = mask_schema()
    array = np.empty((*words.shape, schema.mask_size), dtype=np.uint8)
    for index in range(schema.mask_size):
        array[..., index] = (words >> np.uint32(8 * index)) & np.uint32(0xFF)
    return Mask(array, schema=schema, bbox=bbox, sky_projection=sky_projection)
