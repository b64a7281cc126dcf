"""Detection and measurement of the sources of one difference image, as rows of ``DiaSource``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from astropy.table import Table
from lsst.images import DifferenceImage, VisitImage
from numpy.typing import NDArray

from uraniborg.algorithms.detection import Footprints, detect_sources
from uraniborg.algorithms.diffim import (
    RELIABILITY_VERSION,
    DipoleFit,
    fit_dipoles,
    measure_trails,
    pair_lobes,
    point_flux_map,
    score_reliability,
    stamp_features,
)
from uraniborg.algorithms.measurement import ForcedFlux, MeasurementResult, forced_psf_flux, measure_sources
from uraniborg.algorithms.psf import psf_shape
from uraniborg.core.flags import MeasurementFlag, PixelBit, has_flag
from uraniborg.core.ids import source_ids
from uraniborg.core.pixelgrid import PointSpread, PsfModel
from uraniborg.model.masks import pixel_bits, select_pixels
from uraniborg.model.projections import pixel_scale, sky_to_pixel
from uraniborg.model.psf import from_lsst
from uraniborg.tasks.common.coadds import APERTURE_CORRECTION
from uraniborg.tasks.common.dia_tables import dia_table, footprint_sizes, pixel_flags, position_angle, sky_columns
from uraniborg.tasks.common.differences import centre_psf, detector_psf
from uraniborg.tasks.common.reference_stars import midpoint_mjd

__all__ = ("DIA_APERTURE", "DiaMeasurements", "difference_bits", "dia_source_rows", "forced_on", "measure_difference")

DIA_APERTURE = 12.0
"""Radius of the aperture flux in pixels."""

MIN_LOBE_RATIO = 0.3
"""A dipole's fainter lobe has at least this share of the flux of the brighter one."""


@dataclass(frozen=True, slots=True)
class DiaMeasurements:
    """Everything measured on one difference, in array coordinates.

    Attributes
    ----------
    footprints : Footprints
    sources : MeasurementResult
        One for each peak.
    point, trail : TrailFit
        Fits of a point and of a line over whole stamps.
    pairs : (m, 2) int
        Positive and negative source of each possible dipole.
    dipoles : DipoleFit
        Fits of those pairs.
    fwhm : float [pixel]
        Width of the point-spread function at the centre.
    """

    footprints: Footprints
    sources: MeasurementResult
    point: Any
    trail: Any
    pairs: NDArray[np.intp]
    dipoles: DipoleFit
    fwhm: float


def difference_bits(image: DifferenceImage) -> NDArray[np.uint8]:
    """Return the compact mask of a difference; where the template was saturated counts as saturated."""
    bits = pixel_bits(image.mask)
    bits[select_pixels(image.mask, ("SAT_TEMPLATE",))] |= np.uint8(PixelBit.SATURATED)
    return bits


def _local_psf(image: VisitImage) -> PsfModel:
    return detector_psf(image).shifted(-float(image.bbox.x.start), -float(image.bbox.y.start))


def measure_difference(image: DifferenceImage, *, threshold: float) -> DiaMeasurements | None:
    """Find and measure the sources of both signs.

    Parameters
    ----------
    image : lsst.images.DifferenceImage
        With white noise.
    threshold : float
        Least signal-to-noise ratio.

    Returns
    -------
    DiaMeasurements or None
        None if there are no sources.
    """
    pixels, variance, psf = image.image.array, image.variance.array, _local_psf(image)
    bits = difference_bits(image)
    unusable = (bits & np.uint8(PixelBit.unusable())) != 0
    kernel = centre_psf(detector_psf(image), image.bbox)
    found = detect_sources(pixels, variance, kernel, unusable=unusable, threshold=threshold, polarity="both")
    if not len(found):
        return None
    sign = found.sign[found.peak_footprint]
    sources = measure_sources(
        pixels,
        variance,
        psf,
        x=found.peak_x,
        y=found.peak_y,
        group=found.peak_footprint,
        sign=sign,
        pixel_bits=bits,
        apertures=(DIA_APERTURE,),
    )
    centroids = np.stack([sources.x, sources.y], axis=1)
    psf_moments = np.stack([sources.psf_xx, sources.psf_yy, sources.psf_xy])
    fits = [
        measure_trails(
            pixels, variance, psf, positions=centroids, moments=moments, psf_moments=psf_moments, unusable=unusable
        )
        for moments in (psf_moments, np.stack([sources.xx, sources.yy, sources.xy]))
    ]
    centre = (pixels.shape[1] / 2.0, pixels.shape[0] / 2.0)
    fwhm = float(psf_shape(psf, x=[centre[0]], y=[centre[1]]).fwhm[0])
    pairs = pair_lobes(sources.x, sources.y, sign, radius=2.0 * fwhm)
    dipoles = fit_dipoles(
        pixels, variance, psf, positive=centroids[pairs[:, 0]], negative=centroids[pairs[:, 1]], unusable=unusable
    )
    return DiaMeasurements(found, sources, fits[0], fits[1], pairs, dipoles, fwhm)


def forced_on(image: VisitImage, ra: NDArray[np.floating], dec: NDArray[np.floating]) -> ForcedFlux:
    """Measure point-source fluxes at sky positions, each as if it were alone, aperture correction applied."""
    x, y = sky_to_pixel(image.sky_projection, ra, dec)
    origin = (float(image.bbox.x.start), float(image.bbox.y.start))
    psf: PointSpread = from_lsst(image.psf, origin=origin)
    bits = difference_bits(image) if isinstance(image, DifferenceImage) else pixel_bits(image.mask)
    found = forced_psf_flux(
        image.image.array, image.variance.array, psf, x=x - origin[0], y=y - origin[1], pixel_bits=bits, deblend=False
    )
    factor = flux_correction(image, x, y)
    return ForcedFlux(
        found.flux * factor, found.flux_err * factor, found.chi2, found.area, found.background, found.flags
    )


def flux_correction(image: VisitImage, x: NDArray[np.floating], y: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the factor that takes point-source fluxes to true ones."""
    field = image.aperture_corrections.get(APERTURE_CORRECTION)
    ones = np.ones(np.shape(x))
    return ones if field is None else np.asarray(field(x=np.asarray(x, float), y=np.asarray(y, float))) * ones


def reliability_columns(image: DifferenceImage, template: DifferenceImage, found: DiaMeasurements) -> dict[str, Any]:
    """Return the score of every source and the name of its recipe."""
    sources = found.sources
    half = max(3, int(np.ceil(1.5 * found.fwhm)))
    unusable = (difference_bits(image) & np.uint8(PixelBit.unusable())) != 0
    pulls = image.image.array / np.sqrt(image.variance.array)
    centroids = np.stack([sources.x, sources.y], axis=1)
    static = point_flux_map(template.image.array, centre_psf(detector_psf(template), template.bbox), radius=half)
    noise = np.sqrt(np.nanmedian(template.variance.array)) * found.fwhm * 1.5
    rows = np.clip(np.floor(sources.y + 0.5).astype(int), 0, static.shape[0] - 1)
    columns = np.clip(np.floor(sources.x + 0.5).astype(int), 0, static.shape[1] - 1)
    brightness = static[rows, columns]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(brightness > 3.0 * noise, np.abs(sources.psf_flux) / brightness, np.inf)
    factors = score_reliability(
        snr=np.nan_to_num(sources.snr),
        chi2_dof=sources.chi2,
        size_ratio=np.sqrt(np.maximum(sources.size_ratio, 0.0)),
        features=stamp_features(pulls, unusable, centroids, half_size=half),
        star_ratio=ratio,
    )
    return {"reliability": factors.score, "reliabilityVersion": RELIABILITY_VERSION}


def _flag_columns(sources: MeasurementResult) -> dict[str, Any]:
    flags, flag = sources.flags, MeasurementFlag
    failed = has_flag(flags, flag.PSF_FLUX_FAILED | flag.NO_DATA)
    edge = has_flag(flags, flag.APERTURE_EDGE)
    return {
        "centroid_flag": has_flag(flags, flag.CENTROID_FAILED),
        "apFlux_flag": edge | has_flag(flags, flag.APERTURE_BAD_PIXEL),
        "apFlux_flag_apertureTruncated": edge,
        "isNegative": has_flag(flags, flag.NEGATIVE),
        "psfFlux_flag": failed,
        "psfFlux_flag_edge": has_flag(flags, flag.PSF_FLUX_EDGE),
        "psfFlux_flag_noGoodPixels": has_flag(flags, flag.NO_DATA),
        "shape_flag": has_flag(flags, flag.SHAPE_FAILED),
        "shape_flag_no_pixels": has_flag(flags, flag.NO_DATA),
    }


def _shape_columns(image: DifferenceImage, found: DiaMeasurements, sky: dict[str, Any], scale: float) -> dict[str, Any]:
    sources, trail = found.sources, found.trail
    x, y = sources.x + image.bbox.x.start, sources.y + image.bbox.y.start
    columns = {
        f"i{axes}{suffix}": getattr(sources, f"{prefix}{axes}") * scale**2
        for axes in ("xx", "yy", "xy")
        for prefix, suffix in (("", ""), ("psf_", "PSF"))
    }
    ends = np.stack([np.cos(trail.angle), np.sin(trail.angle)])
    reach = 0.5 * trail.length * np.abs(ends)
    box = image.bbox
    leaves = (x - reach[0] < box.x.min) | (x + reach[0] > box.x.max) | (y - reach[1] < box.y.min)
    factor = flux_correction(image, x, y)
    return columns | {
        "extendedness": sources.extendedness,
        "trailFlux": trail.flux * factor,
        "trailFluxErr": trail.flux_err * factor,
        "trailRa": sky["ra"],
        "trailDec": sky["dec"],
        "trailRaErr": sky["raErr"],
        "trailDecErr": sky["decErr"],
        "trailLength": trail.length * scale,
        "trailAngle": position_angle(image, x, y, ends) % 180.0,
        "trailChi2": trail.chi2,
        "trailNdata": trail.n_data,
        "trail_flag": trail.n_data == 0,
        "trail_flag_edge": leaves | (y + reach[1] > box.y.max),
    }


def _dipole_columns(
    image: DifferenceImage, found: DiaMeasurements, scale: float
) -> tuple[dict[str, Any], NDArray[np.bool_]]:
    """Return the dipole columns, and which sources are the fainter lobe of a dipole and so no sources of their own."""
    n, fit = len(found.sources.x), found.dipoles
    lobes = np.stack([fit.flux_positive, fit.flux_negative])
    with np.errstate(invalid="ignore"):
        real = (fit.n_data > 0) & (lobes.min(axis=0) > MIN_LOBE_RATIO * lobes.max(axis=0))
    brighter = np.where(fit.flux_positive >= fit.flux_negative, found.pairs[:, 0], found.pairs[:, 1])
    fainter = found.pairs.sum(axis=1) - brighter
    x, y = (found.sources.x[brighter] + image.bbox.x.start, found.sources.y[brighter] + image.bbox.y.start)
    direction = np.stack([fit.x_positive - fit.x_negative, fit.y_positive - fit.y_negative])
    factor = flux_correction(image, x, y)
    values = {
        "dipoleMeanFlux": fit.mean_flux * factor,
        "dipoleMeanFluxErr": fit.mean_flux_err * factor,
        "dipoleFluxDiff": fit.flux_difference * factor,
        "dipoleFluxDiffErr": fit.flux_difference_err * factor,
        "dipoleLength": fit.separation * scale,
        "dipoleAngle": position_angle(image, x, y, direction) if len(x) else np.empty(0),
        "dipoleChi2": fit.chi2,
        "dipoleNdata": fit.n_data,
        "isDipole": real,
        "dipoleFitAttempted": np.ones(len(real), dtype=bool),
    }
    columns: dict[str, Any] = {}
    for name, value in values.items():
        filled = np.full(n, np.nan) if value.dtype.kind == "f" else np.zeros(n, dtype=value.dtype)
        filled[brighter] = value
        columns[name] = filled
    second = np.zeros(n, dtype=bool)
    second[fainter[real]] = True
    return columns, second


def _forced_columns(science: VisitImage, template: DifferenceImage, sky: dict[str, Any]) -> dict[str, Any]:
    on_science, on_template = (forced_on(image, sky["ra"], sky["dec"]) for image in (science, template))
    flag = MeasurementFlag
    return {
        "scienceFlux": on_science.flux,
        "scienceFluxErr": on_science.flux_err,
        "forced_PsfFlux_flag": has_flag(on_science.flags, flag.PSF_FLUX_FAILED | flag.NO_DATA),
        "forced_PsfFlux_flag_edge": has_flag(on_science.flags, flag.PSF_FLUX_EDGE),
        "forced_PsfFlux_flag_noGoodPixels": has_flag(on_science.flags, flag.NO_DATA),
        "templateFlux": on_template.flux,
        "templateFluxErr": on_template.flux_err * np.sqrt(float(template.metadata.get("noise_factor", 1.0))),
    }


def dia_source_rows(
    difference: DifferenceImage,
    found: DiaMeasurements,
    *,
    science: VisitImage,
    template: DifferenceImage,
    processed: float,
) -> Table:
    """Return the measurements as rows of ``DiaSource``, not yet associated; a dipole is one row.

    Parameters
    ----------
    difference : lsst.images.DifferenceImage
        The difference.
    found : DiaMeasurements
        From `measure_difference` of the same image.
    science : lsst.images.VisitImage
        The visit image.
    template : lsst.images.DifferenceImage
        Template on the same pixels.
    processed : float [MJD TAI]
        When this was done.

    Returns
    -------
    astropy.table.Table
    """
    sources, frame = found.sources, difference.sky_projection.pixel_frame
    n = len(sources.x)
    x, y = sources.x + difference.bbox.x.start, sources.y + difference.bbox.y.start
    scale = pixel_scale(
        difference.sky_projection, *(float(v) for v in (difference.bbox.x.center, difference.bbox.y.center))
    )
    sky = sky_columns(difference, x, y, np.stack([sources.x_err, sources.y_err]))
    factor = flux_correction(difference, x, y)
    owner = found.footprints.peak_footprint
    dipoles, second = _dipole_columns(difference, found, scale)
    exposure = difference.obs_info.exposure_time
    columns: dict[str, Any] = {
        "diaSourceId": source_ids(frame.visit, frame.detector, n),
        "visit": frame.visit,
        "detector": frame.detector,
        "midpointMjdTai": midpoint_mjd(difference),
        "exposureTime": np.nan if exposure is None else exposure.to_value("s"),
        "x": x,
        "xErr": sources.x_err,
        "y": y,
        "yErr": sources.y_err,
        "apFlux": sources.aperture_flux[:, 0],
        "apFluxErr": sources.aperture_flux_err[:, 0],
        "snr": np.abs(sources.snr),
        "psfFlux": sources.psf_flux * factor,
        "psfFluxErr": sources.psf_flux_err * factor,
        "psfChi2": found.point.chi2,
        "psfNdata": found.point.n_data,
        "psfLnL": -0.5 * found.point.chi2,
        "band": difference.band,
        "bboxSize": footprint_sizes(found.footprints)[owner],
        "timeProcessedMjdTai": processed,
    }
    columns |= sky | dipoles | _flag_columns(sources) | _shape_columns(difference, found, sky, scale)
    columns |= _forced_columns(science, template, sky) | reliability_columns(difference, template, found)
    columns |= pixel_flags(difference.mask, found.footprints, owner=owner, x=sources.x, y=sources.y)
    return dia_table("DiaSource", n, columns)[~second]
