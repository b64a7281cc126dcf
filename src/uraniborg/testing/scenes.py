"""Calibrated exposures of point sources at known sky positions, for tests of what comes after calibration."""

from __future__ import annotations

from dataclasses import dataclass

import astropy.units as u
import numpy as np
from astro_metadata_translator import ObservationInfo
from astropy.coordinates import SkyCoord
from astropy.time import Time
from astropy.wcs import WCS
from lsst.images import Box, DetectorFrame, Image, Mask, SkyProjection, VisitImage
from lsst.images.fields import ChebyshevField
from lsst.images.psfs import GaussianPointSpreadFunction
from numpy.typing import NDArray

from uraniborg.instruments.camera import detector_attributes, make_detector
from uraniborg.model.masks import mask_schema

__all__ = ("SceneExposure", "make_scene_image", "tangent_wcs")


@dataclass(frozen=True, slots=True)
class SceneExposure:
    """One exposure of one detector.

    Attributes
    ----------
    visit, detector : int
    ra, dec : float
        Position of the middle of the detector [deg].
    rotation : float
        Angle of the detector on the sky [deg].
    scale : float
        Pixel scale [arcsec/pixel].
    sigma : float
        Width of the Gaussian PSF [pixel].
    noise : float
        Standard deviation of the background [nJy].
    shape : tuple of int
        Rows and columns [pixel].
    band : str
    mjd : float
        Start of the exposure, TAI [d].
    aperture_correction : float
        Flux over what the PSF catches of it; the rest is left out of the image.
    """

    visit: int = 1
    detector: int = 1
    ra: float = 187.03
    dec: float = 25.56
    rotation: float = 0.0
    scale: float = 0.26
    sigma: float = 1.8
    noise: float = 10.0
    shape: tuple[int, int] = (300, 300)
    band: str = "r"
    mjd: float = 60000.0
    aperture_correction: float = 1.0


def tangent_wcs(
    ra: float, dec: float, *, scale: float, rotation: float = 0.0, centre: tuple[float, float] = (0.0, 0.0)
) -> WCS:
    """Return a gnomonic projection.

    Parameters
    ----------
    ra, dec : float
        Tangent point [deg].
    scale : float
        Pixel scale [arcsec/pixel].
    rotation : float, optional
        Angle [deg].
    centre : tuple of float, optional
        Pixel (x, y) of the tangent point, 0-based.
    """
    wcs = WCS(naxis=2)
    c, s = np.cos(np.radians(rotation)), np.sin(np.radians(rotation))
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [centre[0] + 1, centre[1] + 1]
    wcs.wcs.cd = scale / 3600 * np.array([[-c, s], [s, c]])
    return wcs


def make_scene_image(
    exposure: SceneExposure,
    stars: SkyCoord,
    fluxes: NDArray[np.floating],
    *,
    seed: int | None = None,
) -> VisitImage:
    """Return the calibrated image of point sources.

    Parameters
    ----------
    exposure : SceneExposure
        How it was taken.
    stars : SkyCoord
        Positions, (n,).
    fluxes : (n,) float
        Fluxes [nJy].
    seed : int, optional
        Seed of the background noise; no noise if not given.

    Returns
    -------
    lsst.images.VisitImage
        In nJy, with the true projection and PSF.
    """
    ny, nx = exposure.shape
    wcs = tangent_wcs(
        exposure.ra,
        exposure.dec,
        scale=exposure.scale,
        rotation=exposure.rotation,
        centre=((nx - 1) / 2, (ny - 1) / 2),
    )
    box = Box.from_shape(exposure.shape)
    frame = DetectorFrame(instrument="Scene", visit=exposure.visit, detector=exposure.detector, bbox=box)
    array = np.zeros(exposure.shape)
    x, y = wcs.world_to_pixel(stars)
    for px, py, flux in zip(np.atleast_1d(x), np.atleast_1d(y), fluxes, strict=True):
        profiles = [
            np.exp(-0.5 * ((np.arange(n) - p) / exposure.sigma) ** 2) / (exposure.sigma * np.sqrt(2 * np.pi))
            for n, p in ((ny, py), (nx, px))
        ]
        array += flux / exposure.aperture_correction * np.outer(*profiles)
    if seed is not None:
        array += np.random.default_rng(seed).normal(0.0, exposure.noise, exposure.shape)
    info = ObservationInfo(
        instrument="Scene",
        telescope="Scene",
        physical_filter=f"{exposure.band}.scene",
        visit_id=exposure.visit,
        exposure_id=exposure.visit,
        observing_day=20230224,
        exposure_time=30.0 * u.s,
        datetime_begin=Time(exposure.mjd, format="mjd", scale="tai"),
        datetime_end=Time(exposure.mjd + 30 / 86400, format="mjd", scale="tai"),
        detector_num=exposure.detector,
    )
    attributes = detector_attributes(
        exposure.detector,
        f"S{exposure.detector:02d}",
        shape=exposure.shape,
        boresight=(nx / 2, ny / 2),
        pixel_size=0.015,
        serial=f"scene-{exposure.detector}",
        physical_type="made up",
    )
    return VisitImage(
        Image(array.astype(np.float32), bbox=box, unit=u.nJy),
        mask=Mask(0, schema=mask_schema(), bbox=box),
        variance=Image(np.full(exposure.shape, exposure.noise**2, np.float32), bbox=box, unit=u.nJy**2),
        sky_projection=SkyProjection.from_fits_wcs(wcs, frame, pixel_bounds=box),
        psf=GaussianPointSpreadFunction(exposure.sigma, bounds=box, stamp_size=41),
        detector=make_detector("Scene", attributes, plate_scale=exposure.scale / 0.015, visit=exposure.visit),
        obs_info=info,
        aperture_corrections={
            "psfFlux": ChebyshevField(box, np.array([[exposure.aperture_correction]])),
        },
        band=exposure.band,
    )
