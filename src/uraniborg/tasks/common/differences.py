"""Between `lsst.images` and difference imaging: templates on a detector's pixels, planes, difference images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from lsst.daf.butler import DatasetRef
from lsst.images import Box, DifferenceImage, DifferenceImageTemplateInfo, Image, Mask, VisitImage
from lsst.images.cells import CellCoadd
from lsst.images.convolution_kernels import ImageBasisConvolutionKernel
from lsst.images.fields import ChebyshevField
from lsst.pipe.base import NoWorkFound
from numpy.typing import NDArray

from uraniborg.algorithms.diffim import (
    DifferenceResult,
    MatchingOptions,
    Planes,
    convolve_model,
    subtract_template,
    trim_kernel,
)
from uraniborg.algorithms.diffim.basis import chebyshev_exponents
from uraniborg.algorithms.diffim.convolve import spread_mask
from uraniborg.algorithms.diffim.stars import select_kernel_stars
from uraniborg.algorithms.psf import psf_shape
from uraniborg.core.pixelgrid import PsfModel, polynomial_terms
from uraniborg.model.masks import UNUSABLE_PLANES, select_pixels
from uraniborg.model.psf import from_lsst, to_lsst
from uraniborg.tasks.common.mask_words import mask_from_words, mask_words, word_of
from uraniborg.tasks.common.warping import map_points, overlap_box, warp_masked_image, warp_psfs

__all__ = (
    "DetectorTemplate",
    "centre_psf",
    "detector_psf",
    "make_difference_image",
    "make_template_image",
    "match_and_subtract",
    "padded_planes",
    "template_on_detector",
)


@dataclass(frozen=True, slots=True)
class DetectorTemplate:
    """A template on the pixels of a detector and a margin round it.

    Attributes
    ----------
    bbox : lsst.images.Box
        Detector with the margin.
    image, variance : (ny, nx) float32 [nJy, nJy^2]
        NaN where there are no data.
    words : (ny, nx) uint32
        Mask.
    psf : PsfModel
        In the coordinates of the detector.
    noise_factor : float
        Variance of wide sums over that of pixels; mean over the pixels with data.
    sources : tuple of DifferenceImageTemplateInfo
        The coadds that were used.
    """

    bbox: Box
    image: NDArray[np.float32]
    variance: NDArray[np.float32]
    words: NDArray[np.uint32]
    psf: PsfModel
    noise_factor: float
    sources: tuple[DifferenceImageTemplateInfo, ...]


def template_on_detector(
    coadds: Iterable[tuple[CellCoadd, DatasetRef | None]], visit_image: VisitImage, *, margin: int, psf_size: int
) -> DetectorTemplate:
    """Warp coadds onto the pixels of a detector; where they overlap the first one with data counts.

    Parameters
    ----------
    coadds : iterable of (lsst.images.cells.CellCoadd, DatasetRef or None)
        Templates and what they are in the repository; taken one at a time.
    visit_image : lsst.images.VisitImage
        Says where the pixels lie.
    margin : int [pixel]
        Width of the frame round the detector.
    psf_size : int [pixel]
        Side of the stamps of the point-spread function, odd.

    Raises
    ------
    lsst.pipe.base.NoWorkFound
        If no coadd has data or a point-spread function on the detector.
    """
    bbox, projection = visit_image.bbox.padded(margin), visit_image.sky_projection
    image, variance = (np.full(bbox.shape, np.nan, dtype=np.float32) for _ in range(2))
    words = np.full(bbox.shape, word_of(["NO_DATA"]), dtype=np.uint32)
    points = _lattice(visit_image.bbox)
    stamps = np.full((len(points), psf_size, psf_size), np.nan)
    total, used = 0.0, []
    for coadd, ref in coadds:
        warped = warp_masked_image(coadd, projection, bbox)
        if warped is None:
            continue
        part = warped.masked_image
        window = part.bbox.slice_within(bbox)
        new = np.isnan(image[window.y, window.x]) & np.isfinite(part.image.array)
        factor = warped.noise_factor * float(coadd.metadata.get("noise_factor", 1.0))
        image[window.y, window.x][new] = part.image.array[new]
        variance[window.y, window.x][new] = part.variance.array[new]
        words[window.y, window.x][new] = mask_words(part.mask)[new]
        total += factor * new.sum()
        inside = coadd.bbox.contains(
            **dict(zip("xy", map_points(projection, coadd.sky_projection, points).T, strict=True))
        )
        psfs = warp_psfs(coadd, projection, points, size=psf_size)
        fresh = np.isnan(stamps).any(axis=(1, 2)) & inside
        stamps[fresh] = psfs[fresh]
        if ref is not None and new.any():
            used.append(_source_info(coadd, ref, visit_image, psfs))
    n_valid = int(np.isfinite(image).sum())
    known = np.isfinite(stamps).all(axis=(1, 2))
    if n_valid == 0 or not known.any():
        raise NoWorkFound("no template has data on this detector")
    psf = _fit_stamps(points[known], stamps[known], visit_image.bbox)
    return DetectorTemplate(bbox, image, variance, words, psf, float(total / n_valid), tuple(used))


def _lattice(bbox: Box, n: int = 4) -> NDArray[np.float64]:
    x, y = np.linspace(bbox.x.min, bbox.x.max, n), np.linspace(bbox.y.min, bbox.y.max, n)
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _fit_stamps(points: NDArray[np.float64], stamps: NDArray[np.float64], bbox: Box) -> PsfModel:
    """Return the plane through stamps, or their mean where they are few."""
    center = (0.5 * (bbox.x.min + bbox.x.max), 0.5 * (bbox.y.min + bbox.y.max))
    scale = (0.5 * bbox.x.size, 0.5 * bbox.y.size)
    order = 1 if len(points) >= 8 else 0
    u, v = ((points[:, axis] - center[axis]) / scale[axis] for axis in (0, 1))
    terms = polynomial_terms(u, v, order)
    grids = np.linalg.lstsq(terms, stamps.reshape(len(stamps), -1), rcond=None)[0]
    size = stamps.shape[-1]
    return PsfModel(grids.reshape(-1, size, size), order, center, scale, 1.0, size)


def _source_info(
    coadd: CellCoadd, ref: DatasetRef, visit_image: VisitImage, psfs: NDArray[np.float64]
) -> DifferenceImageTemplateInfo:
    box = (
        overlap_box(coadd.sky_projection, coadd.bbox, visit_image.sky_projection, visit_image.bbox) or visit_image.bbox
    )
    known = psfs[np.isfinite(psfs).all(axis=(1, 2))]
    flag = len(known) == 0
    size = psfs.shape[-1]
    shape = None if flag else psf_shape(PsfModel(known[:1], 0, (0.0, 0.0), (1.0, 1.0), 1.0, size), x=[0.0], y=[0.0])
    return DifferenceImageTemplateInfo(
        skymap=coadd.skymap,
        tract=coadd.tract,
        patch=int(ref.dataId["patch"]),
        dataset_id=ref.id,
        dataset_run=ref.run,
        bounds=box.to_polygon(),
        psf_shape_xx=np.nan if shape is None else float(shape.xx[0]),
        psf_shape_yy=np.nan if shape is None else float(shape.yy[0]),
        psf_shape_xy=np.nan if shape is None else float(shape.xy[0]),
        psf_shape_flag=flag,
        instrument=str(visit_image.obs_info.instrument),
    )


def padded_planes(visit_image: VisitImage, template: DetectorTemplate) -> tuple[Planes, Planes]:
    """Return science image and template as planes over the box of the template.

    The frame of the science image is unusable; the template has data there, so that no pixel of the detector is lost.
    """
    margin = visit_image.bbox.x.start - template.bbox.x.start
    frame = ((margin, margin), (margin, margin))
    science = Planes(
        np.pad(visit_image.image.array, frame, constant_values=np.nan),
        np.pad(visit_image.variance.array, frame, constant_values=np.nan),
        np.pad(select_pixels(visit_image.mask), frame, constant_values=True),
    )
    template_bad = (template.words & np.uint32(word_of(UNUSABLE_PLANES))) != 0
    bad = template_bad | ~np.isfinite(template.image)
    return science, Planes(template.image, template.variance, bad, template.noise_factor)


def centre_psf(model: PsfModel, bbox: Box) -> NDArray[np.float64]:
    """Return the stamp of a model, in the coordinates of the box, centred on the box's central pixel."""
    x, y = round(0.5 * (bbox.x.min + bbox.x.max)), round(0.5 * (bbox.y.min + bbox.y.max))
    return np.asarray(model.evaluate(float(x), float(y))[0])


def _image_like(visit_image: VisitImage, image: Image, mask: Mask, variance: Image, **parts: Any) -> DifferenceImage:
    return DifferenceImage(
        image,
        mask=mask,
        variance=variance,
        sky_projection=visit_image.sky_projection,
        obs_info=visit_image.obs_info,
        photometric_scaling=visit_image.photometric_scaling,
        detector=visit_image.detector,
        band=visit_image.band,
        **parts,
    )


def _inner(visit_image: VisitImage, bbox: Box) -> tuple[slice, slice]:
    window = visit_image.bbox.slice_within(bbox)
    return window.y, window.x


def make_template_image(visit_image: VisitImage, template: DetectorTemplate) -> DifferenceImage:
    """Return the template, not matched to anything, on the pixels of the detector."""
    box, inner = visit_image.bbox, _inner(visit_image, template.bbox)
    return _image_like(
        visit_image,
        Image(template.image[inner].copy(), bbox=box, unit=visit_image.unit),
        mask_from_words(template.words[inner].copy(), box),
        Image(template.variance[inner].copy(), bbox=box, unit=visit_image.unit**2),
        psf=to_lsst(template.psf, box),
        templates=template.sources,
        metadata={"noise_factor": template.noise_factor},
    )


def match_and_subtract(
    visit_image: VisitImage, template: DetectorTemplate, options: MatchingOptions
) -> DifferenceResult:
    """Fit the matching kernel and subtract; the planes of the result cover the box of the template."""
    science, planes = padded_planes(visit_image, template)
    template_psf = centre_psf(template.psf, visit_image.bbox)
    return subtract_template(
        science,
        planes,
        science_psf=centre_psf(detector_psf(visit_image), visit_image.bbox),
        template_psf=template_psf,
        stars=select_kernel_stars(planes, template_psf, unusable=science.bad),
        options=options,
    )


def detector_psf(image: VisitImage) -> PsfModel:
    """Return the point-spread model of a detector, in the coordinates of the detector."""
    model = from_lsst(image.psf)
    if not isinstance(model, PsfModel):
        raise TypeError(f"the point-spread function of a detector is one model, not a {type(model).__name__}")
    return model


def make_difference_image(
    visit_image: VisitImage, template: DetectorTemplate, result: DifferenceResult
) -> DifferenceImage:
    """Return a difference with its mask, point-spread function, kernel and the numbers of its making."""
    box, inner = visit_image.bbox, _inner(visit_image, template.bbox)
    kept = mask_words(visit_image.mask) & ~np.uint32(word_of(["DETECTED", "DETECTED_NEGATIVE"]))
    meaningless = set(UNUSABLE_PLANES) - {"SATURATED"}
    empty = ~np.isfinite(template.image) | ((template.words & np.uint32(word_of(meaningless))) != 0)
    saturated = (template.words & np.uint32(word_of(["SATURATED"]))) != 0
    for touched, plane in ((empty, "NO_DATA"), (saturated, "SAT_TEMPLATE")):
        reached = spread_mask(touched, result.kernel) if result.convolved == "template" else touched
        kept[reached[inner]] |= np.uint32(word_of([plane]))
    blind = result.bad[inner] & ((kept & np.uint32(word_of([*UNUSABLE_PLANES, "SAT_TEMPLATE"]))) == 0)
    kept[blind] |= np.uint32(word_of(["NO_DATA"]))
    psf = convolve_model(detector_psf(visit_image), trim_kernel(result.psf_filter), grow=2)
    return _image_like(
        visit_image,
        Image(result.difference[inner].astype(np.float32), bbox=box, unit=visit_image.unit),
        mask_from_words(kept, box),
        Image(result.variance[inner].astype(np.float32), bbox=box, unit=visit_image.unit**2),
        psf=to_lsst(psf, box),
        aperture_corrections=dict(visit_image.aperture_corrections),
        kernel=_stored_kernel(result, template.bbox),
        templates=template.sources,
        metadata={
            "convolved": result.convolved,
            "kernel_sum": result.kernel_sum,
            "kernel_order": result.solution.order,
            "kernel_stamps": result.n_stamps,
            "kernel_condition": result.condition,
            "residual_rms": result.residual_rms,
            "template_noise_factor": template.noise_factor,
        },
    )


def _stored_kernel(result: DifferenceResult, bbox: Box) -> ImageBasisConvolutionKernel:
    """Return the kernel as `lsst.images` keeps it."""
    exponents = chebyshev_exponents(result.solution.order)
    fields = []
    for coefficients in result.solution.coefficients:
        matrix = np.zeros((result.solution.order + 1,) * 2)
        matrix[exponents[:, 0], exponents[:, 1]] = coefficients
        fields.append(ChebyshevField(bbox, matrix))
    return ImageBasisConvolutionKernel(result.basis.images, fields)
