"""The tables of a calibrated detector image: sources on the sky, matches with reference stars, one row of facts."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from lsst.images import ObservationSummaryStats, VisitImage
from numpy.typing import NDArray

from uraniborg.algorithms.photometry import AB_NJY, per_adu_and_second
from uraniborg.algorithms.psf import gaussian_fwhm, psf_shape, radial_fwhm
from uraniborg.core.flags import MeasurementFlag, flag_columns
from uraniborg.model.masks import select_pixels
from uraniborg.model.projections import pixel_jacobians, pixel_scale, pixel_to_sky, sky_to_pixel
from uraniborg.model.psf import from_lsst
from uraniborg.model.tables import conform, declared_columns
from uraniborg.tasks.common.calibration import Calibration
from uraniborg.tasks.common.reference_stars import midpoint_mjd, zenith_distance

__all__ = ("match_table", "source_table", "summary_stats", "summary_table")

FLAG_NAMES: dict[str, MeasurementFlag] = {
    "centroid_flag": MeasurementFlag.CENTROID_FAILED,
    "centroid_flag_edge": MeasurementFlag.CENTROID_EDGE,
    "shape_flag": MeasurementFlag.SHAPE_FAILED,
    "psfFlux_flag": MeasurementFlag.PSF_FLUX_FAILED,
    "psfFlux_flag_edge": MeasurementFlag.PSF_FLUX_EDGE,
    "apFlux_flag": MeasurementFlag.APERTURE_BAD_PIXEL,
    "apFlux_flag_apertureTruncated": MeasurementFlag.APERTURE_EDGE,
    "pixelFlags_bad": MeasurementFlag.PIXEL_BAD,
    "pixelFlags_saturated": MeasurementFlag.PIXEL_SATURATED,
    "pixelFlags_saturatedCenter": MeasurementFlag.PIXEL_SATURATED_CENTER,
    "pixelFlags_crCenter": MeasurementFlag.PIXEL_COSMIC_RAY,
    "pixelFlags_edge": MeasurementFlag.PIXEL_EDGE,
    "pixelFlags_interpolatedCenter": MeasurementFlag.PIXEL_INTERPOLATED,
    "pixelFlags_nodata": MeasurementFlag.NO_DATA,
    "kronFlux_flag": MeasurementFlag.KRON_FAILED,
    "kronFlux_flag_edge": MeasurementFlag.KRON_EDGE,
    "deblend_blended": MeasurementFlag.BLENDED,
    "deblend_skipped": MeasurementFlag.NOT_DEBLENDED,
}
"""Columns of ``Source`` and the bits that they report."""


def _marked(n: int, rows: NDArray[np.intp]) -> NDArray[np.bool_]:
    marked = np.zeros(n, dtype=bool)
    marked[rows] = True
    return marked


def source_table(sources: Table, calibration: Calibration) -> Table:
    """Return sources with positions on the sky and fluxes in nJy.

    Parameters
    ----------
    sources : astropy.table.Table
        Rows of ``PreliminarySource``.
    calibration : Calibration
        Projection and zero point.

    Returns
    -------
    astropy.table.Table
        Declared as ``Source``.
    """
    image, solution = calibration.image, calibration.astrometry
    n, x, y = len(sources), np.asarray(sources["x"], float), np.asarray(sources["y"], float)
    scale = calibration.scale(x, y)
    wanted = declared_columns("Source")
    columns = {name: np.asarray(sources[name]) for name in sources.colnames if name in wanted}
    for name in sources.colnames:
        flux = name.replace("InstFlux", "Flux")
        if "InstFlux" in name and flux in wanted:
            columns[flux] = np.asarray(sources[name], dtype=np.float64) * scale
    for name in ("sky", "skyErr"):
        columns[name] = np.asarray(sources[name], dtype=np.float64) * scale
    ra, dec = pixel_to_sky(solution.projection, x, y)
    jacobian = pixel_jacobians(solution.projection, x, y) / 3600.0
    centroid_err = np.column_stack([np.asarray(sources["xErr"]), np.asarray(sources["yErr"])])
    covariance = np.einsum("nij,nj,nkj->nik", jacobian, centroid_err**2, jacobian)
    columns |= {"ra": ra, "dec": dec, "coord_ra": ra, "coord_dec": dec}
    columns |= {"raErr": np.sqrt(covariance[:, 0, 0]), "decErr": np.sqrt(covariance[:, 1, 1])}
    columns["ra_dec_Cov"] = covariance[:, 0, 1]
    columns |= {"visit": np.full(n, calibration.visit), "detector": np.full(n, calibration.detector)}
    columns |= {"band": np.full(n, image.band), "physical_filter": np.full(n, image.physical_filter)}
    columns["midpointMjdTai"] = np.full(n, midpoint_mjd(image))
    columns |= flag_columns(np.asarray(sources["flags"]), FLAG_NAMES)
    columns["calib_psf_used"] = np.asarray(sources["usedForPsf"])
    columns["calib_astrometry_used"] = _marked(n, solution.source[solution.used])
    columns["calib_photometry_used"] = _marked(n, solution.source[calibration.photometry.used])
    return conform(Table(columns, meta=dict(sources.meta)), "Source")


def match_table(sources: Table, calibration: Calibration) -> Table:
    """Return the pairs of sources and reference stars.

    Parameters
    ----------
    sources : astropy.table.Table
        Rows of ``Source``.
    calibration : Calibration
        Pairs, residuals.

    Returns
    -------
    astropy.table.Table
        Declared as ``AstrometryMatch``.
    """
    solution, stars = calibration.astrometry, calibration.stars
    here, there = solution.source, solution.reference
    columns = {name: np.asarray(sources[name])[here] for name in
               ("sourceId", "visit", "detector", "band", "x", "y", "snr", "ra", "dec")}  # fmt: skip
    columns |= {"refId": stars.ids[there], "refRa": stars.ra[there], "refDec": stars.dec[there]}
    columns |= {"refErr": stars.error[there], "refMoving": stars.moving[there], "refColor": stars.color[there]}
    columns |= {"refMag": stars.magnitude[there], "refMagErr": stars.magnitude_err[there]}
    for name, offsets in (
        ("headerDelta", solution.first_residuals),
        ("delta", solution.residuals),
        ("leftOutDelta", solution.left_out_residuals),
    ):
        columns |= {f"{name}Ra": offsets[:, 0], f"{name}Dec": offsets[:, 1]}
    flux, error = (np.asarray(sources[name])[here] for name in ("psfFlux", "psfFluxErr"))
    with np.errstate(invalid="ignore", divide="ignore"):
        columns["mag"] = np.where(flux > 0.0, AB_NJY - 2.5 * np.log10(flux), np.nan)
        columns["magErr"] = np.where(flux > 0.0, 2.5 / np.log(10.0) * error / flux, np.nan)
    columns |= {"astrometryUsed": solution.used, "photometryUsed": calibration.photometry.used}
    return conform(Table(columns, meta=dict(sources.meta)), "AstrometryMatch")


def _rms(offsets: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the root mean square of each axis over rows that are known, (2,)."""
    offsets = offsets[np.isfinite(offsets).all(axis=1)]
    return np.sqrt(np.mean(offsets**2, axis=0)) if len(offsets) else np.full(2, np.nan)


def _middle(image: VisitImage) -> tuple[float, float]:
    box = image.bbox
    return 0.5 * (box.x.min + box.x.max), 0.5 * (box.y.min + box.y.max)


def _sky_level(image: VisitImage) -> float:
    subtracted = image.backgrounds.subtracted
    if subtracted is None:
        return np.nan
    x, y = _middle(image)
    return float(subtracted.field(x=x, y=y))


def _count_inside(calibration: Calibration) -> int:
    """Return the number of reference stars on the image."""
    box, stars = calibration.image.bbox, calibration.stars
    x, y = sky_to_pixel(calibration.astrometry.projection, stars.ra, stars.dec)
    on_image = (np.abs(x - _middle(calibration.image)[0]) <= 0.5 * box.x.size) & (
        np.abs(y - _middle(calibration.image)[1]) <= 0.5 * box.y.size
    )
    return int(np.count_nonzero(on_image))


def summary_stats(calibration: Calibration) -> ObservationSummaryStats:
    """Return the statistics that `lsst.images` keeps with an image; what needs a fiducial sky stays NaN.

    Parameters
    ----------
    calibration : Calibration
        Image, projection, zero point.

    Returns
    -------
    lsst.images.ObservationSummaryStats
        Sky and noise are in electron, not in ADU.
    """
    image, projection = calibration.image, calibration.astrometry.projection
    box = image.bbox
    x, y = _middle(image)
    shape = psf_shape(from_lsst(image.psf, origin=(box.x.min, box.y.min)), x=[x - box.x.min], y=[y - box.y.min])
    good = ~select_pixels(image.mask) & np.isfinite(image.variance.array)
    variance = float(np.median(image.variance.array[good])) if good.any() else np.nan
    corner_x = np.array([box.x.min, box.x.min, box.x.max, box.x.max])
    corner_y = np.array([box.y.min, box.y.max, box.y.max, box.y.min])
    corners = pixel_to_sky(projection, corner_x, corner_y)
    ra, dec = pixel_to_sky(projection, x, y)
    pairs = calibration.astrometry.residuals[calibration.astrometry.used]
    distance = np.hypot(pairs[:, 0], pairs[:, 1]) / 1000.0
    scale = pixel_scale(projection, x, y)
    area = box.x.size * box.y.size * (scale / 3600.0) ** 2
    limit = 5.0 * np.sqrt(variance * float(shape.area[0]))
    zero_point = calibration.photometry.zero_point
    return ObservationSummaryStats(
        psfSigma=float((shape.xx[0] * shape.yy[0] - shape.xy[0] ** 2) ** 0.25),
        psfArea=float(shape.area[0]),
        psfIxx=float(shape.xx[0]),
        psfIyy=float(shape.yy[0]),
        psfIxy=float(shape.xy[0]),
        nPsfStar=image.summary_stats.nPsfStar,
        ra=float(ra),
        dec=float(dec),
        raCorners=tuple(float(value) for value in corners[0]),
        decCorners=tuple(float(value) for value in corners[1]),
        pixelScale=scale,
        zenithDistance=zenith_distance(image),
        expTime=float(image.obs_info.exposure_time.to_value("s")),
        zeroPoint=zero_point,
        skyBg=_sky_level(image),
        skyNoise=float(np.sqrt(variance)),
        meanVar=float(np.mean(image.variance.array[good])) if good.any() else np.nan,
        refCatSourceDensity=_count_inside(calibration) / area,
        astromOffsetMean=float(np.mean(distance)) if len(distance) else np.nan,
        astromOffsetStd=float(np.std(distance)) if len(distance) else np.nan,
        magLim=float(zero_point - 2.5 * np.log10(limit)),
    )


_SHARED = (
    "ra", "dec", "expTime", "pixelScale", "zenithDistance", "zeroPoint", "psfSigma", "psfArea", "psfIxx", "psfIyy",
    "psfIxy", "nPsfStar", "skyBg", "skyNoise", "magLim", "refCatSourceDensity", "astromOffsetMean", "astromOffsetStd",
)  # fmt: skip


def summary_table(sources: Table, calibration: Calibration, stats: ObservationSummaryStats) -> Table:
    """Return the one row of facts of a detector image.

    Parameters
    ----------
    sources : astropy.table.Table
        Rows of ``Source``.
    calibration : Calibration
        Everything that was found.
    stats : lsst.images.ObservationSummaryStats
        From `summary_stats`.

    Returns
    -------
    astropy.table.Table
        Declared as ``VisitDetectorSummary``.
    """
    image, solution, zero = calibration.image, calibration.astrometry, calibration.photometry
    box, (x, y) = image.bbox, _middle(image)
    psf = from_lsst(image.psf, origin=(box.x.min, box.y.min))
    stamp = psf.evaluate(np.round([x - box.x.min]), np.round([y - box.y.min]))
    fwhm, gain = float(radial_fwhm(stamp)[0]), float(image.metadata.get("gain", np.nan))
    row: dict[str, object] = {name: getattr(stats, name) for name in _SHARED}
    row |= {"visitId": calibration.visit, "detector": calibration.detector, "band": image.band}
    row |= {"physical_filter": image.physical_filter, "expMidptMJD": midpoint_mjd(image)}
    for name, ra, dec in zip(("llc", "ulc", "urc", "lrc"), stats.raCorners, stats.decCorners, strict=True):
        row |= {f"{name}ra": ra, f"{name}dec": dec}
    row |= {"xSize": box.x.size, "ySize": box.y.size, "gain": gain, "nSources": len(sources)}
    row |= {"zeroPointErr": zero.error, "zeroPointScatter": zero.scatter, "nZeroPointStars": zero.n_used}
    row["zeroPointAduSecond"] = per_adu_and_second(zero.zero_point, exposure_time=stats.expTime, gain=gain)
    row |= {"psfFwhm": fwhm, "psfGaussianFwhm": gaussian_fwhm(stamp)[0], "seeing": fwhm * stats.pixelScale}
    row |= {"astrometryModel": solution.fit.model if solution.fit else "none"}
    row |= {"astrometryFailed": solution.fit is None, "nAstrometryMatched": len(solution.source)}
    row["nAstrometryUsed"] = int(np.count_nonzero(solution.used))
    for name, offsets in (
        ("headerRms", solution.first_residuals),
        ("rms", solution.residuals),
        ("leftOutRms", solution.left_out_residuals),
    ):
        row[f"{name}Ra"], row[f"{name}Dec"] = _rms(offsets[solution.used])
    center_err = solution.fit.center_err * stats.pixelScale * 1000.0 if solution.fit else (np.nan, np.nan)
    row |= {"centerErrX": center_err[0], "centerErrY": center_err[1]}
    row["astrometryChi2Dof"] = solution.fit.chi2_dof if solution.fit else np.nan
    return conform(Table({name: [value] for name, value in row.items()}), "VisitDetectorSummary")
