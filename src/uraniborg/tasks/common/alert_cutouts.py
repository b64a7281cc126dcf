"""The three stamps of each alert, cut from difference, science image and template."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table
from lsst.images import VisitImage

from uraniborg.alerts import Cutouts, Plane, encode_cutouts
from uraniborg.model.projections import pixel_jacobians
from uraniborg.tasks.common.dia_sources import difference_bits
from uraniborg.tasks.common.differences import detector_psf

__all__ = ("make_cutouts",)


def make_cutouts(
    sources: Table, images: tuple[VisitImage, VisitImage, VisitImage], *, size: int, psf_size: int
) -> dict[int, Cutouts]:
    """Return the stamps of each source.

    The stamps of the difference have its mask (bits of `uraniborg.core.flags.PixelBit`).

    Parameters
    ----------
    sources : astropy.table.Table
        Rows of ``DiaSource`` on the images.
    images : tuple of lsst.images.VisitImage
        Difference, science image and template, on the same pixels.
    size, psf_size : int [pixel]
        Width of the stamps, and of the images of the point-spread functions (odd).

    Returns
    -------
    dict of int to Cutouts
        By ``diaSourceId``.
    """
    encoded = [_stamps(sources, image, size, psf_size, masked=image is images[0]) for image in images]
    identifiers = np.asarray(sources["diaSourceId"]).tolist()
    return {key: Cutouts(*stamps) for key, *stamps in zip(identifiers, *encoded, strict=True)}


def _stamps(sources: Table, image: VisitImage, size: int, psf_size: int, *, masked: bool) -> Sequence[bytes]:
    x, y = np.asarray(sources["x"], dtype=float), np.asarray(sources["y"], dtype=float)
    if not len(x):
        return []
    mask = difference_bits(image) if masked else None
    plane = Plane(image.image.array, image.variance.array, (int(image.bbox.x.start), int(image.bbox.y.start)), mask)
    matrices = pixel_jacobians(image.sky_projection, x, y) / 3600.0
    psfs = detector_psf(image).evaluate(np.floor(x + 0.5), np.floor(y + 0.5))
    cut = max((psfs.shape[-1] - psf_size) // 2, 0)
    psfs = psfs[:, cut : psfs.shape[1] - cut, cut : psfs.shape[2] - cut]
    ra, dec = np.asarray(sources["ra"]), np.asarray(sources["dec"])
    return encode_cutouts(plane, x, y, ra=ra, dec=dec, matrices=matrices, psfs=psfs, size=size)
