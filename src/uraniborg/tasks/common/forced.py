"""Point-source fluxes of given sky positions on a visit image."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from astropy.table import Table, vstack
from lsst.images import VisitImage
from numpy.typing import NDArray

from uraniborg.algorithms.measurement import forced_psf_flux
from uraniborg.core.flags import MeasurementFlag, flag_columns
from uraniborg.model.masks import pixel_bits
from uraniborg.model.projections import sky_to_pixel
from uraniborg.model.psf import from_lsst
from uraniborg.tasks.common.coadds import APERTURE_CORRECTION
from uraniborg.tasks.common.reference_stars import midpoint_mjd

__all__ = ("forced_columns", "objects_on")

_KEPT = ("objectId", "tract", "patch", "coord_ra", "coord_dec")
_FLAGS = {
    "psfFlux_flag": MeasurementFlag.PSF_FLUX_FAILED | MeasurementFlag.NO_DATA,
    "pixelFlags_bad": MeasurementFlag.PIXEL_BAD,
    "pixelFlags_crCenter": MeasurementFlag.PIXEL_COSMIC_RAY,
    "pixelFlags_edge": MeasurementFlag.PIXEL_EDGE | MeasurementFlag.PSF_FLUX_EDGE,
    "pixelFlags_interpolatedCenter": MeasurementFlag.PIXEL_INTERPOLATED,
    "pixelFlags_nodata": MeasurementFlag.NO_DATA,
    "pixelFlags_saturatedCenter": MeasurementFlag.PIXEL_SATURATED_CENTER,
}


def objects_on(image: VisitImage, objects: Sequence[Table]) -> Table:
    """Return the primary objects whose positions lie on an image.

    Parameters
    ----------
    image : lsst.images.VisitImage
        Image with a projection.
    objects : sequence of astropy.table.Table
        Rows of ``Object``, of one or several patches.

    Returns
    -------
    astropy.table.Table
        ``objectId``, ``tract``, ``patch``, ``coord_ra``, ``coord_dec``, and positions ``x``, ``y`` on the image.
    """
    parts = []
    for table in objects:
        primary = table[np.asarray(table["detect_isPrimary"], bool)]
        x, y = sky_to_pixel(image.sky_projection, primary["coord_ra"], primary["coord_dec"])
        inside = np.asarray(image.bbox.contains(x=x, y=y), bool)
        part = Table(primary[list(_KEPT)][inside], copy=True)
        part["x"], part["y"] = x[inside], y[inside]
        part.meta.clear()
        parts.append(part)
    return vstack(parts)


def forced_columns(image: VisitImage, objects: Table, *, local_background: bool) -> Table:
    """Return the columns of ``ForcedSource`` for objects on an image.

    Parameters
    ----------
    image : lsst.images.VisitImage
        In nJy.
    objects : astropy.table.Table
        As `objects_on` returns them.
    local_background : bool
        Whether a constant is fitted with each flux.

    Returns
    -------
    astropy.table.Table
    """
    origin = (float(image.bbox.x.start), float(image.bbox.y.start))
    psf = from_lsst(image.psf, origin=origin)
    x, y = np.asarray(objects["x"]), np.asarray(objects["y"])
    local = {"x": x - origin[0], "y": y - origin[1]}
    result = forced_psf_flux(
        image.image.array,
        image.variance.array,
        psf,
        **local,
        pixel_bits=pixel_bits(image.mask),
        local_background=local_background,
    )
    factor = _correction(image, x, y)
    table = Table(objects, copy=True)
    frame = image.sky_projection.pixel_frame
    n = len(table)
    table["visit"] = np.full(n, frame.visit)
    table["detector"] = np.full(n, frame.detector)
    table["band"] = np.full(n, image.band)
    table["midpointMjdTai"] = np.full(n, midpoint_mjd(image))
    table["psfFlux"] = result.flux * factor
    table["psfFluxErr"] = result.flux_err * factor
    table["psfFlux_chi2"] = result.chi2
    table["invalidPsfFlag"] = ~np.isfinite(psf.grids(**local)).all(axis=(1, 2))
    for name, values in flag_columns(result.flags, _FLAGS).items():
        table[name] = values
    return table


def _correction(image: VisitImage, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64] | float:
    field = image.aperture_corrections.get(APERTURE_CORRECTION)
    return 1.0 if field is None else field(x=x, y=y)
