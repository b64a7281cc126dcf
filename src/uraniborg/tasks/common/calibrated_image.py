"""An image in nJy with its refined projection, from one in electron."""

from __future__ import annotations

import astropy.units as u
from lsst.images import Image, ObservationSummaryStats, VisitImage

from uraniborg.algorithms.photometry import flux_scale
from uraniborg.model.photo_calib import constant_field, scale_pixels, to_chebyshev
from uraniborg.tasks.common.calibration import Calibration

__all__ = ("calibrated_image",)


def calibrated_image(calibration: Calibration, stats: ObservationSummaryStats) -> VisitImage:
    """Return the calibrated image.

    Parameters
    ----------
    calibration : Calibration
        Image in electron, projection, zero point.
    stats : lsst.images.ObservationSummaryStats
        To keep with the image.

    Returns
    -------
    lsst.images.VisitImage
        In nJy. ``photometric_scaling`` is what it was multiplied with; models of the background, which were
        subtracted before, stay in electron.
    """
    image, projection = calibration.image, calibration.astrometry.projection
    box, unit = image.bbox, u.nJy / u.electron
    if calibration.variation is None:
        field = constant_field(flux_scale(calibration.photometry.zero_point), box, unit=unit)
    else:
        field = to_chebyshev(calibration.variation, box, unit=unit)
    pixels = Image(scale_pixels(image.image.array, field), bbox=box, unit=u.nJy, sky_projection=projection)
    return VisitImage(
        pixels,
        mask=image.mask.copy(),
        variance=Image(scale_pixels(image.variance.array, field, power=2), bbox=box, unit=u.nJy**2),
        sky_projection=projection,
        obs_info=image.obs_info,
        summary_stats=stats,
        photometric_scaling=field,
        psf=image.psf,
        detector=image.detector,
        aperture_corrections=dict(image.aperture_corrections),
        backgrounds=image.backgrounds.copy(),
        band=image.band,
        metadata=dict(image.metadata),
    )
