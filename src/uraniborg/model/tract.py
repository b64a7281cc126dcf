"""Tracts and patches: the pixel grids on which a survey's images are combined.

A tract is one tangent-plane projection (North up, East left), its pixels counted from (0, 0) at the lower left. It is
divided in equal squares, the inner regions of its patches; the outer region of a patch is wider by a border, except
at the edge of the tract. Patches are numbered ``y * patches_x + x``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS
from lsst.images import YX, Box, SkyProjection, TractFrame
from lsst.images.cells import CellGrid, PatchDefinition
from lsst.sphgeom import DISJOINT, ConvexPolygon, Region
from numpy.typing import ArrayLike, NDArray

from uraniborg.core.errors import UserError
from uraniborg.model.sky_geometry import polygon_region, sky_to_tangent, tangent_to_sky

__all__ = ("Patch", "Tract")


@dataclass(frozen=True, slots=True)
class Patch:
    """One square of a tract.

    Attributes
    ----------
    tract_id, patch_id : int
        Number of the tract, and of the patch in it.
    x, y : int
        Column and row in the tract.
    inner_bbox, outer_bbox : lsst.images.Box [pixel]
        Region that belongs to this patch alone, and with its border.
    cell_size : int [pixel]
        Width of a cell of a coadd; divides both boxes.
    """

    tract_id: int
    patch_id: int
    x: int
    y: int
    inner_bbox: Box
    outer_bbox: Box
    cell_size: int

    def cell_grid(self) -> CellGrid:
        """Return the cells that tile the outer region."""
        return CellGrid(bbox=self.outer_bbox, cell_shape=YX(self.cell_size, self.cell_size))

    def definition(self) -> PatchDefinition:
        """Return the patch as coadds store it."""
        return PatchDefinition(
            id=self.patch_id, index=YX(self.y, self.x), inner_bbox=self.inner_bbox, cells=self.cell_grid()
        )


@dataclass(frozen=True, slots=True)
class Tract:
    """One tangent-plane projection and its patches.

    Attributes
    ----------
    tract_id : int
        Number of the tract in its sky map.
    ra, dec : float [deg]
        Point of contact, in the middle of the tract.
    patches_x, patches_y : int
        Number of patches along each axis.
    patch_size, patch_border, cell_size : int [pixel]
        Width of the inner region of a patch, width of its border, width of a cell.
    pixel_scale : float [arcsec]
        Size of a pixel at the point of contact.
    inner_region : lsst.sphgeom.Region
        Part of the sky for which this tract is responsible.
    """

    tract_id: int
    ra: float
    dec: float
    patches_x: int
    patches_y: int
    patch_size: int
    patch_border: int
    cell_size: int
    pixel_scale: float
    inner_region: Region

    @property
    def bbox(self) -> Box:
        """All pixels of the tract."""
        return Box.factory[0 : self.patches_y * self.patch_size, 0 : self.patches_x * self.patch_size]

    @property
    def n_patches(self) -> int:
        """Number of patches."""
        return self.patches_x * self.patches_y

    @property
    def _contact(self) -> tuple[float, float]:
        """Pixel position (x, y) of the point of contact."""
        return (self.patches_x * self.patch_size - 1) / 2, (self.patches_y * self.patch_size - 1) / 2

    @property
    def wcs(self) -> WCS:
        """The projection as a FITS WCS."""
        x, y = self._contact
        wcs = WCS(naxis=2)
        wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
        wcs.wcs.cunit = ["deg", "deg"]
        wcs.wcs.radesys = "ICRS"
        wcs.wcs.crval = [self.ra, self.dec]
        wcs.wcs.crpix = [x + 1.0, y + 1.0]
        wcs.wcs.cd = np.diag([-self.pixel_scale / 3600.0, self.pixel_scale / 3600.0])
        wcs.array_shape = self.bbox.shape
        wcs.wcs.set()
        return wcs

    def frame(self, skymap: str) -> TractFrame:
        """Return the pixel frame of the tract in the sky map of this name."""
        return TractFrame(skymap=skymap, tract=self.tract_id, bbox=self.bbox)

    def sky_projection(self, skymap: str) -> SkyProjection[TractFrame]:
        """Return the projection of the tract in the sky map of this name."""
        return SkyProjection.from_fits_wcs(self.wcs, self.frame(skymap), pixel_bounds=self.bbox)

    def sky_to_pixel(self, ra: ArrayLike, dec: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the pixel positions (x, y) of sky positions.

        Parameters
        ----------
        ra, dec : (n,) float [deg]
            Positions.

        Returns
        -------
        x, y : (n,) float [pixel]
            NaN for positions 90 degrees or more away.
        """
        xi, eta = sky_to_tangent(ra, dec, center=(self.ra, self.dec))
        scale = 3600.0 / self.pixel_scale
        x, y = self._contact
        return x - xi * scale, y + eta * scale

    def pixel_to_sky(self, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the sky positions (ra, dec) [deg] of pixel positions (n,) [pixel]."""
        x0, y0 = self._contact
        scale = self.pixel_scale / 3600.0
        return tangent_to_sky(
            (x0 - np.asarray(x, dtype=float)) * scale,
            (np.asarray(y, dtype=float) - y0) * scale,
            center=(self.ra, self.dec),
        )

    def polygon(self, box: Box | None = None) -> ConvexPolygon:
        """Return the part of the sky that the pixels of a box cover.

        Parameters
        ----------
        box : lsst.images.Box, optional
            Pixels; the whole tract if not given.
        """
        box = self.bbox if box is None else box
        x = np.array([box.x.start, box.x.stop, box.x.stop, box.x.start]) - 0.5
        y = np.array([box.y.start, box.y.start, box.y.stop, box.y.stop]) - 0.5
        return polygon_region(*self.pixel_to_sky(x, y))

    def patch(self, patch_id: int) -> Patch:
        """Return one patch.

        Parameters
        ----------
        patch_id : int
            Number of the patch.

        Raises
        ------
        UserError
            If there is no such patch.
        """
        if not 0 <= patch_id < self.n_patches:
            raise UserError(f"no patch {patch_id} in tract {self.tract_id}, which has {self.n_patches}")
        y, x = divmod(patch_id, self.patches_x)
        x0, y0 = x * self.patch_size, y * self.patch_size
        inner = Box.factory[y0 : y0 + self.patch_size, x0 : x0 + self.patch_size]
        outer = inner.dilated_by(self.patch_border) if self.patch_border else inner
        return Patch(self.tract_id, patch_id, x, y, inner, outer.intersection(self.bbox), self.cell_size)

    def patches(self) -> Iterator[Patch]:
        """Iterate over all patches in order of their numbers."""
        return (self.patch(patch_id) for patch_id in range(self.n_patches))

    def find_patch(self, ra: ArrayLike, dec: ArrayLike) -> NDArray[np.int64]:
        """Return the patch whose inner region holds each position; -1 outside of the tract.

        Parameters
        ----------
        ra, dec : (n,) float [deg]
            Positions.
        """
        x, y = (np.nan_to_num(np.floor((v + 0.5) / self.patch_size), nan=-1.0) for v in self.sky_to_pixel(ra, dec))
        inside = (x >= 0) & (x < self.patches_x) & (y >= 0) & (y < self.patches_y)
        found: NDArray[np.int64] = np.where(inside, y * self.patches_x + x, -1).astype(np.int64)
        return found

    def patches_overlapping(self, region: Region) -> tuple[Patch, ...]:
        """Return the patches whose outer region may overlap a region of the sky; none is missed."""
        found = (patch for patch in self.patches())
        return tuple(p for p in found if not self.polygon(p.outer_bbox).relate(region) & DISJOINT)
