"""An image in nJy with its refined projection, from one in electron."""

from __future__ import annotations

import astropy.units as u
import numpy as np
from lsst.images import Image, ObservationSummaryStats, VisitImage
from lsst.images.fields import ChebyshevField

from uraniborg.algorithms.photometry import flux_scale
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
    scale = flux_scale(calibration.photometry.zero_point)
    box = image.bbox
    pixels = Image(image.image.array * np.float32(scale), bbox=box, unit=u.nJy, sky_projection=projection)
    return VisitImage(
        pixels,
        mask=image.mask.copy(),
        variance=Image(image.variance.array * np.float32(scale**2), bbox=box, unit=u.nJy**2),
        sky_projection=projection,
        obs_info=image.obs_info,
        summary_stats=stats,
        photometric_scaling=ChebyshevField(box, np.array([[scale]]), unit=u.nJy / u.electron),
        psf=image.psf,
        detector=image.detector,
        aperture_corrections=dict(image.aperture_corrections),
        backgrounds=image.backgrounds.copy(),
        band=image.band,
        metadata=dict(image.metadata),
    )
