"""Join the detectors of one visit on the cells of one patch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from lsst.images import Box, Polygon, SkyProjection, VisitImage
from lsst.images.cells import CellCoadd, CellGridBounds, CoaddProvenance, PatchDefinition
from lsst.pipe.base import NoWorkFound
from numpy.typing import NDArray

from uraniborg.algorithms.coadd import CoaddResult
from uraniborg.algorithms.measurement.moments import adaptive_moments
from uraniborg.tasks.common.coadds import APERTURE_CORRECTION, CellFrame, make_cell_coadd, union_box
from uraniborg.tasks.common.mask_words import mask_words, word_of
from uraniborg.tasks.common.warping import WarpedImage, map_points, warp_masked_image, warp_psfs

__all__ = ("warp_visit",)

_GUESS = 2.0  # first width for the moments of a PSF [pixel]


@dataclass(frozen=True, slots=True)
class _DetectorWarp:
    """One warped detector, with what is needed after its image is gone."""

    warped: WarpedImage
    psfs: NDArray[np.float64]
    polygon: Polygon
    detector: int


def warp_visit(
    images: Iterable[VisitImage],
    projection: SkyProjection[Any],
    patch: PatchDefinition,
    *,
    psf_size: int,
) -> CellCoadd:
    """Warp the detectors of one visit onto a patch.

    Parameters
    ----------
    images : iterable of lsst.images.VisitImage
        Detectors of one visit, calibrated; taken one at a time.
    projection : lsst.images.SkyProjection
        Of the tract.
    patch : lsst.images.cells.PatchDefinition
        Patch.
    psf_size : int
        Side of the PSF stamps, odd [pixel].

    Returns
    -------
    lsst.images.cells.CellCoadd
        The cells of the patch that the visit reaches. A cell that several detectors reach has the PSF of the one that
        covers most of it; where two overlap the first one's pixels are kept. Metadata hold ``noise_factor`` and
        ``visit``.

    Raises
    ------
    lsst.pipe.base.NoWorkFound
        If no pixel of the visit lies on the patch.
    """
    parts: list[_DetectorWarp] = []
    last: VisitImage | None = None
    for image in images:
        warped = warp_masked_image(image, projection, patch.outer_bbox)
        if warped is None:
            continue
        cells = CellGridBounds(grid=patch.cells, bbox=patch.outer_bbox)[warped.masked_image.bbox]
        profiles = _star_profiles(image, projection, _centres(cells), psf_size)
        size = cells.subgrid_size
        detector = image.sky_projection.pixel_frame.detector
        parts.append(
            _DetectorWarp(
                warped, profiles.reshape(size.i, size.j, psf_size, psf_size), _outline(image, projection), detector
            )
        )
        last = image
    if last is None:
        raise NoWorkFound("no detector of the visit has data on the patch")
    cells = CellGridBounds(grid=patch.cells, bbox=patch.outer_bbox)
    frame = CellFrame(
        projection, patch, cells[union_box(part.warped.masked_image.bbox for part in parts)].bbox, last.band, last.unit
    )
    result, shares = _join(parts, frame, psf_size)
    visit = int(last.sky_projection.pixel_frame.visit)
    return make_cell_coadd(frame, result, provenance=_provenance(parts, shares, frame, last), metadata={"visit": visit})


def _centres(cells: CellGridBounds) -> NDArray[np.float64]:
    """Return the middles (x, y) of all cells, row by row, (n, 2)."""
    shape, start = cells.grid.cell_shape, cells.bbox.start
    x = start.x + shape.x * np.arange(cells.subgrid_size.j) + (shape.x - 1) / 2
    y = start.y + shape.y * np.arange(cells.subgrid_size.i) + (shape.y - 1) / 2
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)


def _star_profiles(
    image: VisitImage, projection: SkyProjection[Any], points: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """Return what stars of unit flux look like, (n, s, s): PSF over aperture correction."""
    psfs = warp_psfs(image, projection, points, size=size)
    correction = image.aperture_corrections.get(APERTURE_CORRECTION)
    if correction is None:
        return psfs
    box = image.bbox
    x, y = np.clip(
        map_points(projection, image.sky_projection, points), [box.x.min, box.y.min], [box.x.max, box.y.max]
    ).T
    return psfs / correction(x=x, y=y)[:, None, None]


def _outline(image: VisitImage, projection: SkyProjection[Any]) -> Polygon:
    box: Box = image.bbox
    x = np.array([box.x.start, box.x.stop, box.x.stop, box.x.start]) - 0.5
    y = np.array([box.y.start, box.y.start, box.y.stop, box.y.stop]) - 0.5
    corners = map_points(image.sky_projection, projection, np.stack([x, y], axis=1))
    return Polygon(x_vertices=corners[:, 0], y_vertices=corners[:, 1])


def _join(parts: list[_DetectorWarp], frame: CellFrame, psf_size: int) -> tuple[CoaddResult, list[NDArray[np.float64]]]:
    """Return the joined planes and, for each detector, the share of each cell that its pixels fill."""
    shape, cells = tuple(frame.bbox.shape), frame.cells
    cell = tuple(frame.patch.cells.cell_shape)
    no_data = word_of(["NO_DATA"])
    planes = [np.full(shape, np.nan, np.float32), np.full(shape, np.nan, np.float32)]
    words = np.full(shape, no_data, np.uint32)
    psf, best = np.full((*cells, psf_size, psf_size), np.nan), np.zeros(cells)
    shares = []
    for part in parts:
        warped = part.warped.masked_image
        rows, columns = warped.bbox.slice_within(frame.bbox)
        new, old = np.isfinite(warped.image.array), np.isfinite(planes[0][rows, columns])
        for plane, values in zip(planes, (warped.image.array, warped.variance.array), strict=True):
            plane[rows, columns] = np.where(old, plane[rows, columns], values)
        given = mask_words(warped.mask)
        here = words[rows, columns]
        words[rows, columns] = np.where(old, here, np.where(new, given, here | given))
        filled = np.zeros(shape, bool)
        filled[rows, columns] = new & ~old
        share = filled.reshape(cells[0], cell[0], cells[1], cell[1]).mean(axis=(1, 3))
        start = frame.bounds[warped.bbox].subgrid_start - frame.bounds.subgrid_start
        region = (
            slice(start.i, start.i + part.psfs.shape[0]),
            slice(start.j, start.j + part.psfs.shape[1]),
        )
        better = share[region] > best[region]
        psf[region][better] = part.psfs[better]
        best = np.maximum(best, share)
        shares.append(share)
    counts = np.array([part.warped.n_valid for part in parts], float)
    factor = float(np.average([part.warped.noise_factor for part in parts], weights=counts))
    rejected = np.where((words & np.uint32(no_data)) == 0, 0.0, np.where(words == no_data, np.nan, 1.0))
    valid = int(np.count_nonzero(np.isfinite(planes[0])))
    return CoaddResult(*planes, words, rejected.astype(np.float32), psf, factor, valid), shares


def _provenance(
    parts: list[_DetectorWarp], shares: list[NDArray[np.float64]], frame: CellFrame, image: VisitImage
) -> CoaddProvenance:
    pixel_frame = image.sky_projection.pixel_frame
    inputs = CoaddProvenance.make_empty_input_table(len(parts))
    inputs["instrument"] = np.array([pixel_frame.instrument] * len(parts), dtype=object)
    inputs["visit"] = pixel_frame.visit
    inputs["detector"] = [part.detector for part in parts]
    inputs["physical_filter"] = np.array([image.physical_filter] * len(parts), dtype=object)
    inputs["day_obs"] = image.obs_info.observing_day or 0
    inputs["polygon"] = [part.polygon for part in parts]
    first = frame.bounds.subgrid_start
    indices = [np.argwhere(share > 0) for share in shares]
    contributions = CoaddProvenance.make_empty_contribution_table(sum(len(index) for index in indices))
    at = 0
    for part, share, index in zip(parts, shares, indices, strict=True):
        rows = slice(at, at + len(index))
        start = frame.bounds[part.warped.masked_image.bbox].subgrid_start - first
        psfs = part.psfs[index[:, 0] - start.i, index[:, 1] - start.j]
        moments = adaptive_moments(psfs, sigma=_GUESS)
        middle = frame.patch.cells.cell_shape
        columns = {
            "cell_i": index[:, 0] + first.i,
            "cell_j": index[:, 1] + first.j,
            "instrument": pixel_frame.instrument,
            "visit": pixel_frame.visit,
            "detector": part.detector,
            "overlaps_center": _holds(part.polygon, frame, index, middle),
            "overlap_fraction": share[tuple(index.T)],
            "unmasked_fraction": share[tuple(index.T)],
            "weight": 1.0,
            "psf_shape_xx": moments.xx,
            "psf_shape_yy": moments.yy,
            "psf_shape_xy": moments.xy,
            "psf_shape_flag": ~moments.converged,
        }
        for name, values in columns.items():
            contributions[name][rows] = values
        at += len(index)
    return CoaddProvenance(inputs=inputs, contributions=contributions)


def _holds(polygon: Polygon, frame: CellFrame, index: NDArray[np.int64], cell: tuple[int, int]) -> NDArray[np.bool_]:
    """Return whether the middle of each cell lies in the polygon."""
    y = frame.bbox.y.start + index[:, 0] * cell[0] + (cell[0] - 1) / 2
    x = frame.bbox.x.start + index[:, 1] * cell[1] + (cell[1] - 1) / 2
    return np.asarray(polygon.contains(x=x, y=y), dtype=bool)
