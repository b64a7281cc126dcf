"""Build cell coadds, of one visit or of many, with PSFs, noise factor and provenance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import astropy.table
import numpy as np
from lsst.images import Box, Image
from lsst.images.cells import (
    CellCoadd,
    CellField,
    CellGridBounds,
    CellIJ,
    CellPointSpreadFunction,
    CoaddProvenance,
    PatchDefinition,
)
from lsst.pipe.base import NoWorkFound
from numpy.typing import NDArray

from uraniborg.algorithms.coadd import CoaddResult, CoaddStack, background_weight
from uraniborg.model.masks import UNUSABLE_PLANES
from uraniborg.tasks.common.mask_words import mask_from_words, mask_words, word_of

__all__ = (
    "APERTURE_CORRECTION",
    "CARRIED_PLANES",
    "CellFrame",
    "coadd_warps",
    "make_cell_coadd",
    "star_profiles",
    "union_box",
)

APERTURE_CORRECTION = "psfFlux"
"""Name under which images hold the factor that takes PSF fluxes to true ones."""

CARRIED_PLANES = ("SATURATED", "INTERPOLATED", "SUSPECT")
"""Planes of the warps that a coadd may have; what was detected on a visit says nothing of the coadd."""


@dataclass(frozen=True, slots=True)
class CellFrame:
    """Where a coadd lies and what it holds.

    Attributes
    ----------
    sky_projection : lsst.images.SkyProjection
        Of the tract.
    patch : lsst.images.cells.PatchDefinition
        Patch with its grid of cells.
    bbox : lsst.images.Box
        Whole cells of the patch.
    band : str
    unit : astropy.units.Unit
    """

    sky_projection: Any
    patch: PatchDefinition
    bbox: Box
    band: str
    unit: Any

    @property
    def bounds(self) -> CellGridBounds:
        """The cells of ``bbox``."""
        return CellGridBounds(grid=self.patch.cells, bbox=self.bbox)

    @property
    def cells(self) -> tuple[int, int]:
        """Number of cells (ni, nj)."""
        size = self.bounds.subgrid_size
        return size.i, size.j


def union_box(boxes: Iterable[Box]) -> Box:
    """Return the smallest box that holds all the given ones."""
    boxes = list(boxes)
    return Box.factory[
        min(box.y.start for box in boxes) : max(box.y.stop for box in boxes),
        min(box.x.start for box in boxes) : max(box.x.stop for box in boxes),
    ]


def star_profiles(coadd: CellCoadd) -> NDArray[np.float64]:
    """Return what a star of unit flux looks like in each cell.

    Parameters
    ----------
    coadd : lsst.images.cells.CellCoadd
        Made by `make_cell_coadd`.

    Returns
    -------
    (ni, nj, s, s) float64
        PSF over aperture correction; NaN for cells without one.
    """
    bounds = coadd.psf.bounds
    start, size = bounds.subgrid_start, bounds.subgrid_size
    correction = coadd.aperture_corrections[APERTURE_CORRECTION]
    array = np.full((size.i, size.j, *coadd.psf.kernel_bbox.shape), np.nan)
    for cell in bounds.cell_indices():
        array[cell.i - start.i, cell.j - start.j] = coadd.psf[cell].array / correction.value_in_cell(cell)
    return array


def make_cell_coadd(
    frame: CellFrame,
    result: CoaddResult,
    *,
    provenance: CoaddProvenance | None = None,
    mask_fractions: Mapping[str, Image] | None = None,
    metadata: Mapping[str, float | int | str] | None = None,
) -> CellCoadd:
    """Return the coadd as `lsst.images` has it.

    Parameters
    ----------
    frame : CellFrame
        Where it lies; its box has the shape of the planes of ``result``.
    result : CoaddResult
        Planes and what a star of unit flux looks like in each cell. The coadd gets the latter as PSFs that add up to
        one and the factor that takes fluxes fitted with them to true ones, as aperture correction.
    provenance : lsst.images.cells.CoaddProvenance, optional
        What went in.
    mask_fractions : mapping of str to lsst.images.Image, optional
        Kept with the image.
    metadata : mapping, optional
        Kept with the image, together with ``noise_factor``.
    """
    start = frame.bounds.subgrid_start
    absent = np.argwhere(~np.isfinite(result.psf).all(axis=(2, 3)))
    missing = frozenset(CellIJ(i=start.i + int(i), j=start.j + int(j)) for i, j in absent)
    bounds = CellGridBounds(grid=frame.patch.cells, bbox=frame.bbox, missing=missing)
    captured = result.psf.sum(axis=(2, 3))
    coadd = CellCoadd(
        Image(result.image, bbox=frame.bbox, unit=frame.unit),
        mask=mask_from_words(result.mask, frame.bbox),
        variance=Image(result.variance, bbox=frame.bbox, unit=frame.unit**2),
        mask_fractions=mask_fractions,
        sky_projection=frame.sky_projection,
        band=frame.band,
        psf=CellPointSpreadFunction((result.psf / captured[..., None, None]).astype(np.float32), bounds),
        aperture_corrections={APERTURE_CORRECTION: CellField(bounds, 1.0 / captured)},
        patch=frame.patch,
        provenance=provenance,
    )
    coadd.metadata.update({"noise_factor": result.noise_factor, **(metadata or {})})
    return coadd


def _merge_provenance(parts: Sequence[tuple[CoaddProvenance, float]]) -> CoaddProvenance | None:
    if not parts:
        return None
    contributions = []
    for provenance, weight in parts:
        table = provenance.contributions.copy()
        table["weight"] = weight * np.asarray(table["unmasked_fraction"])
        contributions.append(table)
    return CoaddProvenance(
        inputs=astropy.table.vstack([part.inputs for part, _ in parts], metadata_conflicts="silent"),
        contributions=astropy.table.vstack(contributions, metadata_conflicts="silent"),
    )


def coadd_warps(
    warps: Iterable[CellCoadd],
    bbox: Box,
    *,
    exclude: Iterable[str] = UNUSABLE_PLANES,
    carry: Mapping[str, float],
) -> CellCoadd:
    """Return the inverse-variance weighted mean of warps of one patch.

    Parameters
    ----------
    warps : iterable of lsst.images.cells.CellCoadd
        Single-visit coadds of one patch and band; taken one at a time.
    bbox : lsst.images.Box
        Whole cells that hold all of them.
    exclude : iterable of str, optional
        Pixels with any of these planes do not enter.
    carry : mapping of str to float
        Mask plane to the share of the weight that must have it for the coadd to have it.

    Raises
    ------
    lsst.pipe.base.NoWorkFound
        If no pixel has data.
    """
    stack: CoaddStack | None = None
    provenance: list[tuple[CoaddProvenance, float]] = []
    exclude_bits = word_of(exclude)
    count = 0
    for warp in warps:
        psf = star_profiles(warp)
        if stack is None:
            frame = CellFrame(warp.sky_projection, warp.patch, bbox, str(warp.band), warp.unit)
            stack = CoaddStack(
                frame.cells,
                tuple(warp.patch.cells.cell_shape),
                psf.shape[-1],
                no_data_bit=word_of(["NO_DATA"]),
                exclude_bits=exclude_bits,
                carry={word_of([plane]): share for plane, share in carry.items()},
            )
        words = mask_words(warp.mask)
        ignore = exclude_bits | word_of(["DETECTED"])
        weight = background_weight(warp.variance.array, words, ignore_bits=ignore)
        if weight == 0.0:
            continue
        start = warp.bounds.subgrid_start - frame.bounds.subgrid_start
        stack.add(
            warp.image.array,
            warp.variance.array,
            words,
            psf=psf,
            weight=weight,
            noise_factor=float(warp.metadata["noise_factor"]),
            start=(start.i, start.j),
        )
        provenance.append((warp.provenance, weight))
        count += 1
    result = None if stack is None else stack.finish()
    if result is None or result.n_valid == 0:
        raise NoWorkFound("no warp has a pixel with data")
    return make_cell_coadd(
        frame,
        result,
        provenance=_merge_provenance(provenance),
        mask_fractions={"rejected": Image(result.rejected, bbox=bbox)},
        metadata={"n_visits": count},
    )
