"""A characterized detector image and the table of its sources, before calibration."""

from __future__ import annotations

import numpy as np
from astropy.table import Table
from lsst.images import BackgroundMap, Image, VisitImage
from lsst.images.fields import ChebyshevField, SplineField
from lsst.images.psfs import GaussianPointSpreadFunction

from uraniborg.algorithms.psf import psf_shape
from uraniborg.algorithms.singleframe import FrameCharacterization
from uraniborg.core.flags import MeasurementFlag, flag_columns
from uraniborg.core.ids import source_ids
from uraniborg.model.psf import from_lsst, to_lsst
from uraniborg.model.tables import conform
from uraniborg.tasks.common.calibrated_tables import FLAG_NAMES

__all__ = ("characterized_image", "first_width", "preliminary_source_table")

_ONLY_HERE = {"sdssCentroid_flag": MeasurementFlag.PEAK_CENTROID_FAILED}


def preliminary_source_table(
    found: FrameCharacterization, *, visit: int, detector: int, origin: tuple[int, int] = (0, 0)
) -> Table:
    """Return the sources of one detector of one visit.

    Parameters
    ----------
    found : FrameCharacterization
        Measurements in array coordinates.
    visit, detector : int
        What they were made on.
    origin : (int, int), optional
        Column and row of the array's first pixel on the detector [pixel].

    Returns
    -------
    astropy.table.Table
        Declared as ``PreliminarySource``, and after these columns those of further measurement plugins.
    """
    sources, peaks = found.sources, found.footprints
    n, x0, y0 = len(sources.x), *origin
    corrected = found.aperture_correction.n_stars > 0
    correction = found.aperture_correction.value if corrected else 1.0
    columns: dict[str, object] = {
        "sourceId": source_ids(visit, detector, n),
        "parentSourceId": np.zeros(n, np.int64),
        "footprintId": peaks.peak_footprint,
        "visit": np.full(n, visit),
        "detector": np.full(n, detector),
        "x": sources.x + x0,
        "y": sources.y + y0,
        "xErr": sources.x_err,
        "yErr": sources.y_err,
        "peakX": peaks.peak_x + x0,
        "peakY": peaks.peak_y + y0,
        "peakSignificance": peaks.peak_value,
        "psfInstFlux": sources.psf_flux * correction,
        "psfInstFluxErr": sources.psf_flux_err * correction,
        "psfFlux_apCorr": np.full(n, correction),
        "psfFlux_apCorrErr": np.full(n, found.aperture_correction.error),
        "psfFlux_area": sources.area,
        "psfFlux_chi2": sources.chi2,
        "sky": sources.sky,
        "skyErr": sources.sky_err,
    }
    for k, radius in enumerate(sources.apertures):  # a handful of apertures
        columns[f"ap{radius:02.0f}InstFlux"] = sources.aperture_flux[:, k]
        columns[f"ap{radius:02.0f}InstFluxErr"] = sources.aperture_flux_err[:, k]
    reference = f"ap{found.correction_radius:02.0f}InstFlux"
    columns |= {"calibInstFlux": columns[reference], "calibInstFluxErr": columns[f"{reference}Err"]}
    for axes in ("xx", "yy", "xy"):
        columns[f"i{axes}"] = getattr(sources, axes)
        columns[f"i{axes}Err"] = getattr(sources, f"{axes}_err")
        columns[f"i{axes}PSF"] = getattr(sources, f"psf_{axes}")
    for kind in ("window", "sdss"):
        for axis, start in (("x", x0), ("y", y0)):
            columns[f"{kind}{axis.upper()}"] = getattr(sources, f"{kind}_{axis}") + start
            columns[f"{kind}{axis.upper()}Err"] = getattr(sources, f"{kind}_{axis}_err")
    columns |= {"gaussianInstFlux": sources.gaussian_flux * correction, "kronInstFlux": sources.kron_flux}
    columns |= {"gaussianInstFluxErr": sources.gaussian_flux_err * correction, "kronInstFluxErr": sources.kron_flux_err}
    columns |= {"kronRad": sources.kron_radius, "blendedness": sources.blendedness}
    columns |= {"extendedness": sources.extendedness, "sizeExtendedness": sources.size_ratio, "snr": sources.snr}
    columns |= {"flags": sources.flags, "usedForPsf": found.used_for_psf}
    columns |= flag_columns(sources.flags, FLAG_NAMES | _ONLY_HERE)
    table = conform(Table(columns, meta={"visit": visit, "detector": detector}), "PreliminarySource")
    for name, values in sources.extra.items():
        table[name] = values
    return table


def first_width(image: VisitImage) -> float:
    """Return the full width at half maximum of the PSF that came with an image, in its middle.

    Parameters
    ----------
    image : lsst.images.VisitImage
        Image with a PSF.

    Returns
    -------
    float
        Width [pixel].
    """
    if isinstance(image.psf, GaussianPointSpreadFunction):
        return 2.3548 * image.psf.sigma
    origin = (image.bbox.x.min, image.bbox.y.min)
    psf = from_lsst(image.psf, origin=origin)
    return float(psf_shape(psf, x=image.bbox.x.size / 2, y=image.bbox.y.size / 2).fwhm[0])


def characterized_image(image: VisitImage, found: FrameCharacterization) -> VisitImage:
    """Return the image without sky, with what was found.

    Parameters
    ----------
    image : lsst.images.VisitImage
        Image with sky.
    found : FrameCharacterization
        Measurements in array coordinates.

    Returns
    -------
    lsst.images.VisitImage
        With the sky as a subtracted background, DETECTED and DETECTION_EDGE set, the measured PSF, its aperture
        correction and the number of its stars; metadata ``PSF_ORDER`` and ``PSF_REASON``.
    """
    origin = (image.bbox.x.min, image.bbox.y.min)
    mesh, unit = found.background, image.unit
    sky = SplineField(image.bbox, mesh.values.copy(), y=mesh.y + origin[1], x=mesh.x + origin[0], unit=unit)
    backgrounds = BackgroundMap()
    backgrounds.add("mesh", sky, "Clipped mode of cells, Akima splines between them.", is_subtracted=True)
    mask = image.mask.copy()
    mask.clear("DETECTED")
    mask.set("DETECTED", found.footprints.mask(1))
    edge = np.ones(image.bbox.shape, bool)
    reach = found.psf.model.stamp_size // 2
    edge[reach:-reach, reach:-reach] = False
    mask.set("DETECTION_EDGE", edge)
    correction = found.aperture_correction.value if found.aperture_correction.n_stars else 1.0
    metadata = dict(image.metadata) | {"PSF_ORDER": found.psf.order, "PSF_REASON": found.psf.reason}
    metadata |= {"SKY_CHECK_MEAN": found.sky_check.mean, "SKY_CHECK_WIDTH": found.sky_check.width}
    flat = image.image.array - mesh.evaluate()
    return VisitImage(
        Image(flat.astype(image.image.array.dtype), bbox=image.bbox, unit=unit),
        mask=mask,
        variance=image.variance,
        sky_projection=image.sky_projection,
        bounds=image.bounds,
        obs_info=image.obs_info,
        summary_stats=image.summary_stats.model_copy(update={"nPsfStar": found.psf.n_stars}),
        psf=to_lsst(found.psf.model, image.bbox, origin=origin),
        detector=image.detector,
        aperture_corrections={"psfFlux": ChebyshevField(image.bbox, np.array([[correction]]))},
        backgrounds=backgrounds,
        band=image.band,
        metadata=metadata,
    )
