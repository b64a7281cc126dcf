"""Warp images and PSFs of `lsst.images` from one sky projection to another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from lsst.images import XY, Box, Image, MaskedImage, NoOverlapError, SkyProjection
from numpy.typing import NDArray

from uraniborg.algorithms.warp import sample_pixel_map, warp_image, warp_psf_stamps
from uraniborg.model.psf import stamps
from uraniborg.tasks.common.mask_words import mask_from_words, mask_words, word_of

__all__ = (
    "MEANINGLESS_PLANES",
    "WarpedImage",
    "local_jacobians",
    "map_points",
    "overlap_box",
    "warp_masked_image",
    "warp_psfs",
)

MEANINGLESS_PLANES = ("BAD", "COSMIC_RAY", "NO_DATA", "BLEED", "STREAK")
"""Planes of pixels that are left out of an interpolation; saturated pixels at least rise where the star does."""

_REACH = 4  # how far an interpolation looks beyond a position, rounded up [pixel]


@dataclass(frozen=True, slots=True)
class WarpedImage:
    """An image on its new grid.

    Attributes
    ----------
    masked_image : lsst.images.MaskedImage
        Planes over the overlap, with the new projection; NaN and NO_DATA where there are no data.
    noise_factor : float
        Variance of a wide sum divided by the sum of the variance plane in it.
    n_valid : int
        Number of pixels with data.
    """

    masked_image: MaskedImage
    noise_factor: float
    n_valid: int


def map_points(
    origin: SkyProjection[Any], target: SkyProjection[Any], points: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return where points of one pixel grid lie on another.

    Parameters
    ----------
    origin, target : lsst.images.SkyProjection
        Projections of the two grids.
    points : (n, 2) float
        Positions (x, y) on the grid of ``origin`` [pixel].

    Returns
    -------
    (n, 2) float64
        Positions (x, y) on the grid of ``target``; NaN where it has none [pixel].
    """
    x, y = np.asarray(points, dtype=np.float64).T
    sky: XY[Any] = origin.pixel_to_sky_transform.apply_forward(x=np.ascontiguousarray(x), y=np.ascontiguousarray(y))
    pixel: XY[Any] = target.sky_to_pixel_transform.apply_forward(x=sky.x, y=sky.y)
    return np.stack([np.atleast_1d(pixel.x), np.atleast_1d(pixel.y)], axis=1)


def local_jacobians(
    origin: SkyProjection[Any], target: SkyProjection[Any], points: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Return the derivative of `map_points` at each point.

    Parameters
    ----------
    origin, target, points
        As of `map_points`.

    Returns
    -------
    (n, 2, 2) float64
        Row: x or y on the grid of ``target``; column: step along x or y on that of ``origin``; central differences
        over one pixel.
    """
    points = np.asarray(points, dtype=np.float64)
    steps = [
        map_points(origin, target, points + half) - map_points(origin, target, points - half)
        for half in ([0.5, 0.0], [0.0, 0.5])
    ]
    return np.stack(steps, axis=-1)


def overlap_box(origin: SkyProjection[Any], bbox: Box, target: SkyProjection[Any], limits: Box) -> Box | None:
    """Return the part of ``limits`` that a box on another grid reaches.

    Parameters
    ----------
    origin : lsst.images.SkyProjection
        Projection of the grid of ``bbox``.
    bbox : lsst.images.Box
        Region to be mapped.
    target : lsst.images.SkyProjection
        Projection of the grid of ``limits``.
    limits : lsst.images.Box
        Largest box to return.

    Returns
    -------
    lsst.images.Box or None
        None if nothing is in common. A little larger than the overlap, as only a lattice of points is mapped.
    """
    x = np.linspace(bbox.x.min - 0.5, bbox.x.max + 0.5, 17)
    y = np.linspace(bbox.y.min - 0.5, bbox.y.max + 0.5, 17)
    points = map_points(origin, target, np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
    if not np.isfinite(points).all():
        return None
    (x_min, y_min), (x_max, y_max) = points.min(axis=0), points.max(axis=0)
    try:
        return Box.from_float_bounds(
            x_min=x_min - _REACH, x_max=x_max + _REACH, y_min=y_min - _REACH, y_max=y_max + _REACH
        ).intersection(limits)
    except NoOverlapError:
        return None


def warp_masked_image(
    image: MaskedImage, projection: SkyProjection[Any], bbox: Box, *, exclude: Iterable[str] = MEANINGLESS_PLANES
) -> WarpedImage | None:
    """Warp an image with variance and mask to another projection, with the Lanczos-3 kernel.

    Parameters
    ----------
    image : lsst.images.MaskedImage
        Image with a projection: a visit image, a coadd.
    projection : lsst.images.SkyProjection
        Where to.
    bbox : lsst.images.Box
        Region wanted on the grid of ``projection``.
    exclude : iterable of str, optional
        Mask planes of pixels that must not enter.

    Returns
    -------
    WarpedImage or None
        On the part of ``bbox`` that the image reaches; None if no pixel has data. Flux is conserved, so the unit
        stays that of ``image``.
    """
    box = overlap_box(image.sky_projection, image.bbox, projection, bbox)
    source = None if box is None else overlap_box(projection, box, image.sky_projection, image.bbox)
    if box is None or source is None:
        return None

    def to_source(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
        points = np.stack([x + box.x.start, y + box.y.start], axis=1)
        found = map_points(projection, image.sky_projection, points)
        return found[:, 0] - source.x.start, found[:, 1] - source.y.start

    result = warp_image(
        image.image[source].array,
        image.variance[source].array,
        mask_words(image.mask[source]),
        pixel_map=sample_pixel_map(to_source, tuple(box.shape)),
        no_data_bit=word_of(["NO_DATA"]),
        exclude_bits=word_of(exclude),
    )
    if result.n_valid == 0:
        return None
    warped = MaskedImage(
        Image(result.image, bbox=box, unit=image.unit, sky_projection=projection),
        mask=mask_from_words(result.mask, box),
        variance=Image(result.variance, bbox=box, unit=None if image.unit is None else image.unit**2),
    )
    return WarpedImage(warped, result.noise_factor, result.n_valid)


def warp_psfs(
    image: Any, projection: SkyProjection[Any], points: NDArray[np.floating], *, size: int
) -> NDArray[np.float64]:
    """Return the PSF of an image as it looks on another grid.

    Parameters
    ----------
    image : lsst.images.VisitImage or lsst.images.cells.CellCoadd
        Image with a PSF and a projection.
    projection : lsst.images.SkyProjection
        Of the grid of ``points``.
    points : (n, 2) float
        Positions (x, y) of point sources [pixel]. Positions that fall outside the image get the PSF of the nearest
        place inside.
    size : int
        Side of the stamps, odd [pixel].

    Returns
    -------
    (n, size, size) float64
        Centred on the middle pixel; NaN where the image has no PSF.
    """
    positions = map_points(projection, image.sky_projection, points)
    jacobians = local_jacobians(projection, image.sky_projection, points)
    box = image.bbox
    positions = np.clip(positions, [box.x.min, box.y.min], [box.x.max, box.y.max])
    # At whole pixels a stellar image is centred on its middle pixel.
    x, y = np.floor(positions + 0.5).T
    return warp_psf_stamps(stamps(image.psf, x, y), jacobians, size=size)
