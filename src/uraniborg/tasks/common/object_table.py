"""The declared table of objects from detections and measurements."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.table import Table
from lsst.images import Box
from numpy.typing import NDArray

from uraniborg.algorithms.measurement import MeasurementResult
from uraniborg.core.flags import MeasurementFlag, flag_columns, has_flag
from uraniborg.core.ids import object_ids
from uraniborg.model.skymap import SkyMap
from uraniborg.model.tables import conform
from uraniborg.tasks.common.objects import BandPlanes, ObjectDetections

__all__ = ("BANDS", "object_table")

BANDS = ("u", "g", "r", "i", "z", "y")
"""Bands that the declared table has columns for."""

_BAND_FLAGS = {
    "psfFlux_flag": MeasurementFlag.PSF_FLUX_FAILED | MeasurementFlag.NO_DATA,
    "apFlux_flag": MeasurementFlag.APERTURE_EDGE | MeasurementFlag.APERTURE_BAD_PIXEL | MeasurementFlag.NO_DATA,
    "iShape_flag": MeasurementFlag.SHAPE_FAILED | MeasurementFlag.NO_DATA,
    "pixelFlags_bad": MeasurementFlag.PIXEL_BAD,
    "pixelFlags_edge": MeasurementFlag.PIXEL_EDGE,
    "pixelFlags_interpolatedCenter": MeasurementFlag.PIXEL_INTERPOLATED,
    "pixelFlags_saturated": MeasurementFlag.PIXEL_SATURATED,
    "pixelFlags_saturatedCenter": MeasurementFlag.PIXEL_SATURATED_CENTER,
    "pixelFlags_nodata": MeasurementFlag.NO_DATA,
}
_RADII = ("03", "06", "09", "12", "17", "25")


def object_table(
    bands: Mapping[str, BandPlanes],
    found: ObjectDetections,
    results: Mapping[str, MeasurementResult],
    *,
    box: Box,
    sky_map: SkyMap,
    tract_id: int,
    patch_id: int,
) -> Table:
    """Return the rows of ``Object``.

    Parameters
    ----------
    bands : mapping of str to BandPlanes
        What was measured.
    found : ObjectDetections
        Detections.
    results : mapping of str to MeasurementResult
        Measurements in each band at common positions.
    box : lsst.images.Box
        Pixels of ``bands`` on the tract.
    sky_map : SkyMap
        Geometry.
    tract_id, patch_id : int
        Where the objects are.

    Returns
    -------
    astropy.table.Table
        As declared in ``model/schemas/object.yaml``.
    """
    peaks, n = found.footprints, len(found.best_band)
    reference = _of_best_band(results, found.best_band)
    siblings = np.bincount(peaks.peak_footprint, minlength=1)[peaks.peak_footprint] if n else np.zeros(0, int)
    table = Table(
        {
            "objectId": object_ids(tract_id, patch_id, n),
            "tract": np.full(n, tract_id),
            "patch": np.full(n, patch_id),
            "refBand": found.best_band,
            "refExtendedness": reference["extendedness"],
            "refSizeExtendedness": reference["size_ratio"],
            "shape_xx": reference["xx"],
            "shape_yy": reference["yy"],
            "shape_xy": reference["xy"],
            "shape_flag": has_flag(reference["flags"].astype(np.int32), MeasurementFlag.SHAPE_FAILED),
            "coord_flag": has_flag(reference["flags"].astype(np.int32), MeasurementFlag.CENTROID_FAILED),
            "footprintArea": peaks.area[peaks.peak_footprint],
            "deblend_parentNPeaks": siblings,
            "detect_snr": peaks.peak_value,
            "detect_isIsolated": siblings == 1,
            **_positions(reference, box, sky_map, tract_id, patch_id),
        }
    )
    for band in BANDS:
        columns = _band_columns(bands[band], results[band]) if band in bands else _absent_columns(n)
        for name, values in columns.items():
            table[f"{band}_{name}"] = values
    return conform(table, "Object")


def _of_best_band(results: Mapping[str, MeasurementResult], best: NDArray[np.str_]) -> dict[str, NDArray[Any]]:
    names = ("x", "y", "x_err", "y_err", "xx", "yy", "xy", "size_ratio", "extendedness", "flags")
    chosen = {name: np.full(len(best), np.nan) for name in names}
    for band, result in results.items():
        mine = best == band
        for name, values in chosen.items():
            values[mine] = getattr(result, name)[mine]
    return chosen


def _positions(
    reference: Mapping[str, NDArray[Any]], box: Box, sky_map: SkyMap, tract_id: int, patch_id: int
) -> dict[str, NDArray[Any]]:
    tract = sky_map.tract(tract_id)
    x, y = reference["x"] + box.x.start, reference["y"] + box.y.start
    ra, dec = tract.pixel_to_sky(x, y)
    degrees = tract.pixel_scale / 3600.0
    patch_inner = tract.find_patch(ra, dec) == patch_id
    tract_inner = sky_map.find_tract(ra, dec) == tract_id
    return {
        "x": x,
        "y": y,
        "coord_ra": ra,
        "coord_dec": dec,
        "coord_raErr": reference["x_err"] * degrees,
        "coord_decErr": reference["y_err"] * degrees,
        # North is up on tracts, and the fits of x and y share no pixel noise to first order.
        "coord_ra_dec_Cov": np.zeros(len(x)),
        "detect_isPatchInner": patch_inner,
        "detect_isTractInner": tract_inner,
        "detect_isPrimary": patch_inner & tract_inner,
    }


def _band_columns(planes: BandPlanes, result: MeasurementResult) -> dict[str, Any]:
    correction = planes.correction(x=result.x + planes.origin[0], y=result.y + planes.origin[1])
    columns: dict[str, Any] = {
        "inputCount": planes.n_visits,
        "psfFlux": result.psf_flux * correction,
        "psfFluxErr": result.psf_flux_err * correction,
        "extendedness": result.extendedness,
        "sizeExtendedness": result.size_ratio,
        "ixx": result.xx,
        "iyy": result.yy,
        "ixy": result.xy,
        "ixxPSF": result.psf_xx,
        "iyyPSF": result.psf_yy,
        "ixyPSF": result.psf_xy,
        **flag_columns(result.flags, _BAND_FLAGS),
    }
    for number, radius in enumerate(_RADII):
        columns[f"ap{radius}Flux"] = result.aperture_flux[:, number]
        columns[f"ap{radius}FluxErr"] = result.aperture_flux_err[:, number]
    return columns


def _absent_columns(n: int) -> dict[str, Any]:
    """Return the columns of a band without a coadd: no values, and flags that say so."""
    names = ("psfFlux", "psfFluxErr", "extendedness", "sizeExtendedness")
    moments = ("ixx", "iyy", "ixy", "ixxPSF", "iyyPSF", "ixyPSF")
    apertures = (f"ap{radius}{kind}" for radius in _RADII for kind in ("Flux", "FluxErr"))
    columns: dict[str, Any] = {name: np.full(n, np.nan) for name in (*names, *moments, *apertures)}
    missing = ("psfFlux_flag", "apFlux_flag", "iShape_flag", "pixelFlags_nodata")
    columns |= {name: np.full(n, name in missing) for name in _BAND_FLAGS}
    return columns | {"inputCount": np.zeros(n, dtype=int)}
