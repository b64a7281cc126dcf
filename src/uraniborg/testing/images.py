"""Small images of every `lsst.images` type we store, with all their parts, for tests of what stores or reads them."""

from __future__ import annotations

import uuid
from typing import Any

import astropy.units as u
import numpy as np
from astro_metadata_translator import ObservationInfo
from astropy.time import Time
from astropy.wcs import WCS
from lsst.images import (
    YX,
    Box,
    DetectorFrame,
    DifferenceImage,
    DifferenceImageTemplateInfo,
    Image,
    Mask,
    Polygon,
    SkyProjection,
    TractFrame,
    VisitImage,
)
from lsst.images.cameras import Detector
from lsst.images.cells import CellCoadd, CellGrid, CellGridBounds, CellPointSpreadFunction, PatchDefinition
from lsst.images.psfs import GaussianPointSpreadFunction

from uraniborg.instruments.camera import detector_attributes, make_detector
from uraniborg.model.masks import mask_schema

__all__ = ("make_cell_coadd", "make_difference_image", "make_visit_image")

_SCALE = 0.26


def _wcs(shape: tuple[int, int]) -> WCS:
    return WCS(
        {
            "CTYPE1": "RA---TAN",
            "CTYPE2": "DEC--TAN",
            "CRPIX1": shape[1] / 2,
            "CRPIX2": shape[0] / 2,
            "CRVAL1": 187.03,
            "CRVAL2": 25.56,
            "CDELT1": -_SCALE / 3600,
            "CDELT2": _SCALE / 3600,
        }
    )


def _detector(shape: tuple[int, int], detector: int, visit: int) -> Detector:
    attributes = detector_attributes(
        detector,
        f"T{detector:03d}",
        shape=shape,
        boresight=(shape[1] / 2, shape[0] / 2),
        pixel_size=0.015,
        serial=f"serial-{detector}",
        physical_type="made up",
    )
    return make_detector("Tiny", attributes, plate_scale=_SCALE / 0.015, visit=visit)


def _planes(shape: tuple[int, int], start: tuple[int, int], seed: int) -> tuple[Image, Mask, Image]:
    rng = np.random.default_rng(seed)
    box = Box.from_shape(shape, start=start)
    image = rng.normal(100.0, 10.0, shape).astype(np.float32)
    image[3, 4] = np.nan
    mask = Mask(0, schema=mask_schema(), bbox=box)
    mask.set("NO_DATA", np.isnan(image))
    mask.set("DETECTED", image > 120)
    variance = Image((100.0 + rng.normal(0.0, 1.0, shape)).astype(np.float32), yx0=start, unit=u.nJy**2)
    return Image(image, yx0=start, unit=u.nJy), mask, variance


def _visit_parts(shape: tuple[int, int], visit: int, detector: int, seed: int) -> dict[str, Any]:
    image, mask, variance = _planes(shape, (0, 0), seed)
    frame = DetectorFrame(instrument="Tiny", visit=visit, detector=detector, bbox=image.bbox)
    info = ObservationInfo(
        instrument="Tiny",
        telescope="Tiny",
        physical_filter="r.tiny",
        visit_id=visit,
        exposure_id=visit,
        exposure_time=30.0 * u.s,
        datetime_begin=Time("2026-01-01T02:03:04", scale="tai"),
        detector_num=detector,
    )
    return {
        "image": image,
        "mask": mask,
        "variance": variance,
        "sky_projection": SkyProjection.from_fits_wcs(_wcs(shape), frame, pixel_bounds=image.bbox),
        "psf": GaussianPointSpreadFunction(1.7, bounds=image.bbox, stamp_size=21),
        "detector": _detector(shape, detector, visit),
        "obs_info": info,
        "band": "r",
        "metadata": {"made_for": "tests"},
    }


def make_visit_image(
    *, shape: tuple[int, int] = (48, 64), visit: int = 1, detector: int = 1, seed: int = 1
) -> VisitImage:
    """Return a visit image of noise with a NaN, all planes and a Gaussian PSF.

    Parameters
    ----------
    shape : (int, int), optional
        Rows and columns [pixel].
    visit : int, optional
        Number of the visit.
    detector : int, optional
        Number of the detector.
    seed : int, optional
        Seed of the noise.
    """
    parts = _visit_parts(shape, visit, detector, seed)
    return VisitImage(parts.pop("image"), **parts)


def make_difference_image(
    *, shape: tuple[int, int] = (48, 64), visit: int = 1, detector: int = 1, seed: int = 2
) -> DifferenceImage:
    """Return a difference image like `make_visit_image` that names one template."""
    parts = _visit_parts(shape, visit, detector, seed)
    ny, nx = shape
    template = DifferenceImageTemplateInfo(
        skymap="tiny",
        tract=0,
        patch=5,
        dataset_id=uuid.UUID(int=7),
        dataset_run="templates",
        bounds=Polygon(x_vertices=[0, nx - 1, nx - 1, 0], y_vertices=[0, 0, ny - 1, ny - 1]),
        psf_shape_xx=2.9,
        psf_shape_yy=2.9,
        psf_shape_xy=0.0,
        psf_shape_flag=False,
        instrument="Tiny",
    )
    return DifferenceImage(parts.pop("image"), templates=[template], **parts)


def make_cell_coadd(*, cells: tuple[int, int] = (2, 3), cell_size: int = 20, seed: int = 3) -> CellCoadd:
    """Return a coadd of noise with one PSF in each cell.

    Parameters
    ----------
    cells : (int, int), optional
        Rows and columns of cells.
    cell_size : int, optional
        Side of a cell [pixel].
    seed : int, optional
        Seed of the noise.
    """
    shape = (cells[0] * cell_size, cells[1] * cell_size)
    image, mask, variance = _planes(shape, (100, 200), seed)
    grid = CellGrid(bbox=image.bbox, cell_shape=YX(cell_size, cell_size))
    y, x = np.mgrid[-7:8, -7:8]
    sigma = np.linspace(1.5, 2.0, cells[0] * cells[1]).reshape(*cells, 1, 1)
    stamps = np.exp(-0.5 * (x**2 + y**2) / sigma**2)
    stamps /= stamps.sum(axis=(-2, -1), keepdims=True)
    frame = TractFrame(skymap="tiny", tract=0, bbox=Box.from_shape((1000, 1000)))
    return CellCoadd(
        image,
        mask=mask,
        variance=variance,
        sky_projection=SkyProjection.from_fits_wcs(_wcs(shape), frame, x0=200, y0=100),
        band="r",
        psf=CellPointSpreadFunction(stamps, CellGridBounds(grid=grid, bbox=image.bbox)),
        patch=PatchDefinition(id=5, index=YX(0, 5), inner_bbox=image.bbox, cells=grid),
    )
