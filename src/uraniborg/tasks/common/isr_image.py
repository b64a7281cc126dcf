"""The image that all further tasks start from, made of a raw frame whose signature has been removed."""

from __future__ import annotations

import math
from collections.abc import Mapping

import astropy.units as u
import numpy as np
from lsst.images import Box, Image, Mask, SkyProjection, VisitImage
from lsst.images.psfs import GaussianPointSpreadFunction

from uraniborg.algorithms.isr.geometry import DetectorGeometry
from uraniborg.algorithms.isr.pipeline import IsrCalibrations, IsrResult
from uraniborg.instruments.base import SurveyInstrument, merged_header, wcs_from_header
from uraniborg.instruments.raw_geometry import detector_wcs_header
from uraniborg.model.frames import RawFrame
from uraniborg.model.masks import mask_schema

__all__ = ("isr_numbers", "isr_visit_image", "pixel_scale")

_SIGMA_TO_FWHM = math.sqrt(8.0 * math.log(2.0))


def pixel_scale(raw: RawFrame, geometry: DetectorGeometry) -> float:
    """Return the pixel scale of the header's WCS [arcsec/pixel]."""
    wcs = wcs_from_header(detector_wcs_header(raw.header, geometry.amplifiers[0]))
    return float(np.sqrt(abs(np.linalg.det(wcs.pixel_scale_matrix))) * 3600.0)


def isr_visit_image(
    raw: RawFrame,
    geometry: DetectorGeometry,
    result: IsrResult,
    calibrations: IsrCalibrations,
    *,
    instrument: SurveyInstrument,
    fwhm: float,
) -> VisitImage:
    """Return the image of a detector.

    Parameters
    ----------
    raw : RawFrame
        Frame that the result comes from.
    geometry : DetectorGeometry
        Its amplifiers.
    result : IsrResult
        Light, variance, planes.
    calibrations : IsrCalibrations
        Gain, read noise and saturation go to the metadata.
    instrument : SurveyInstrument
        Camera.
    fwhm : float [pixel]
        Width of the first-guess PSF.

    Returns
    -------
    lsst.images.VisitImage
        In electron, in pixels of the detector, with the WCS of the header.
    """
    header = merged_header(raw.primary, raw.header)
    info = instrument.observation_info(header)
    box = Box.from_shape(result.image.shape)
    mask = Mask(0, schema=mask_schema(), bbox=box)
    for plane, where in result.planes.items():
        mask.set(plane, where)
    detector = instrument.get_detector(info.detector_num, visit=info.exposure_id, header=header)
    wcs = wcs_from_header(detector_wcs_header(raw.header, geometry.amplifiers[0]))
    projection = SkyProjection.from_fits_wcs(wcs, detector.frame, pixel_bounds=box, x0=0, y0=0)
    noise = result.readout.noise * calibrations.gain if calibrations.read_noise is None else calibrations.read_noise
    return VisitImage(
        Image(result.image, bbox=box, unit=u.electron),
        mask=mask,
        variance=Image(result.variance, bbox=box, unit=u.electron**2),
        sky_projection=projection,
        obs_info=info,
        psf=GaussianPointSpreadFunction(fwhm / _SIGMA_TO_FWHM, box, instrument.psf_stamp_size),
        detector=detector,
        band=instrument.filters[info.physical_filter],
        metadata={
            "gain": float(np.mean(calibrations.gain)),
            "read_noise": float(np.mean(noise)),
            "saturation": float(np.min(calibrations.saturation * calibrations.gain)),
            "header_fwhm": fwhm,
        },
    )


def isr_numbers(geometry: DetectorGeometry, result: IsrResult) -> Mapping[str, float | list[float] | list[str]]:
    """Return the numbers that tell how well the detector worked, for the metadata of a task.

    Lists have one value for each amplifier, in the order of ``amplifiers``; units are electrons, of the overscan adu.
    """
    readout, quality = result.readout, result.quality
    per_amplifier = {
        "overscanLevel": readout.level,
        "overscanDrift": readout.drift,
        "overscanNoise": readout.noise,
        "sky": quality.sky,
        "skyNoise": quality.sky_noise,
        "expectedNoise": quality.expected_noise,
        "maskedFraction": quality.masked,
    }
    numbers: dict[str, float | list[float] | list[str]] = {"amplifiers": list(geometry.names)}
    numbers |= {name: [float(value) for value in values] for name, values in per_amplifier.items()}
    numbers |= {"amplifierStep": float(quality.step), "cosmicRayPixels": float(result.rays)}
    numbers |= {"streaks": float(len(result.streaks))}
    for name, plane in result.planes.items():
        numbers[f"fraction{name.title().replace('_', '')}"] = float(plane.mean())
    if result.fringe is not None:
        numbers |= {"fringeAmplitude": result.fringe.amplitude, "fringeAmplitudeError": result.fringe.error}
    return numbers
