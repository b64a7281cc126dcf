"""The sky of a whole visit in place of the meshes of its detectors."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from astropy.table import Table
from lsst.images import BackgroundMap, Image, VisitImage
from lsst.images.fields import SplineField
from numpy.typing import NDArray

from uraniborg.algorithms.astrometry import to_tangent_plane
from uraniborg.algorithms.background import fit_focal_plane_sky
from uraniborg.core.errors import Unprocessable, UserError
from uraniborg.model.projections import pixel_to_sky
from uraniborg.model.tables import conform

__all__ = ("apply_sky_correction", "sky_correction_table")

type Floats = NDArray[np.float64]


def _mesh(image: VisitImage) -> SplineField:
    subtracted = image.backgrounds.subtracted
    if subtracted is None or not isinstance(subtracted.field, SplineField):
        frame = image.sky_projection.pixel_frame
        raise UserError(
            f"the image of visit {frame.visit}, detector {frame.detector} has no mesh of a subtracted sky; "
            "run characterizeImage first"
        )
    return subtracted.field


def _cell_error(values: Floats) -> float:
    """Return the error of cells from the scatter of second differences, which a smooth sky does not have."""
    second = [np.diff(values, 2, axis=axis).ravel() for axis in (0, 1)]
    joined = np.concatenate([part for part in second if part.size] or [np.zeros(1)])
    return max(1.4826 * float(np.median(np.abs(joined))) / np.sqrt(6.0), 1e-6 * float(np.mean(np.abs(values))), 1e-12)


def sky_correction_table(images: Iterable[VisitImage], *, order: int = 4) -> Table:
    """Fit one smooth sky, with a step for each detector, to the meshes of all detectors of a visit.

    Parameters
    ----------
    images : iterable of lsst.images.VisitImage
        Detectors of one visit, each with the mesh that was subtracted; taken one at a time and not kept.
    order : int
        Highest degree of the sky over the focal plane.

    Returns
    -------
    astropy.table.Table
        Declared as ``SkyCorrection``, one row for each cell, by detector.

    Raises
    ------
    UserError
        If an image has no mesh.
    Unprocessable
        If there are fewer cells than parameters.
    """
    rows: list[dict[str, Floats]] = []
    for image in images:
        field, frame = _mesh(image), image.sky_projection.pixel_frame
        x, y = (grid.ravel() for grid in np.meshgrid(field.x, field.y))
        ra, dec = pixel_to_sky(image.sky_projection, x, y)
        values = np.array(field.data, float)
        row = {"x": x, "y": y, "ra": ra, "dec": dec, "mesh": values.ravel()}
        constant = {"error": _cell_error(values), "detector": float(frame.detector), "visit": float(frame.visit)}
        rows.append(row | {name: np.full(x.size, value) for name, value in constant.items()})
    if not rows:
        raise Unprocessable("the visit has no image with a mesh, so no usable cells")
    rows.sort(key=lambda row: row["detector"][0])
    cells = {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}
    plane = to_tangent_plane(cells["ra"], cells["dec"], (float(cells["ra"][0]), float(cells["dec"][0])))
    place, index = (plane[:, 0], plane[:, 1]), np.unique(cells["detector"], return_inverse=True)[1]
    fit = fit_focal_plane_sky(*place, cells["mesh"], errors=cells["error"], detector=index, order=order)
    sky = fit.evaluate(*place, index)
    columns = {name: cells[name] for name in ("visit", "detector", "x", "y", "ra", "dec")}
    columns |= {"meshSky": cells["mesh"], "visitSky": sky, "correction": cells["mesh"] - sky, "used": fit.used}
    return conform(Table(columns, meta={"visit": int(cells["visit"][0]), "rms": fit.rms}), "SkyCorrection")


def apply_sky_correction(image: VisitImage, table: Table) -> VisitImage:
    """Return an image without the sky of the visit instead of that of its own mesh.

    Parameters
    ----------
    image : lsst.images.VisitImage
        In electron, its mesh subtracted.
    table : astropy.table.Table
        Rows of ``SkyCorrection`` of its visit.

    Returns
    -------
    lsst.images.VisitImage
        The same object in all but the pixels and the subtracted background, ``"visit"``; the mesh is kept beside it.

    Raises
    ------
    UserError
        If the table does not hold the cells of the detector.
    """
    mesh, frame = _mesh(image), image.sky_projection.pixel_frame
    chosen = np.asarray(table["detector"]) == frame.detector
    if np.count_nonzero(chosen) != mesh.data.size:
        raise UserError(
            f"the sky correction has {np.count_nonzero(chosen)} cells of detector {frame.detector}, its mesh has "
            f"{mesh.data.size}; make the correction from the same images"
        )

    values = np.asarray(table["visitSky"], float)[chosen].reshape(mesh.data.shape)
    sky = SplineField(image.bbox, values, y=mesh.y, x=mesh.x, unit=mesh.unit)
    backgrounds = BackgroundMap(image.backgrounds.values())
    backgrounds.add("visit", sky, "Smooth sky of the visit.", is_subtracted=True)
    # Splines of a sum are not the sum of splines: both skies as they are, not the correction.
    pixels = image.image.array + (mesh.render(dtype=np.float64).array - sky.render(dtype=np.float64).array)
    return VisitImage(
        Image(pixels.astype(image.image.array.dtype), bbox=image.bbox, unit=image.unit),
        mask=image.mask,
        variance=image.variance,
        sky_projection=image.sky_projection,
        bounds=image.bounds,
        obs_info=image.obs_info,
        summary_stats=image.summary_stats,
        psf=image.psf,
        detector=image.detector,
        aperture_corrections=dict(image.aperture_corrections),
        backgrounds=backgrounds,
        band=image.band,
        metadata=dict(image.metadata),
    )
