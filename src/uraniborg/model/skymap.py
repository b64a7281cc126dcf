"""Sky maps: how the sky is divided in tracts.

`RingsSkyMap` numbers its tracts as Rubin's ``rings-v1`` does: 0 is the cap around the South pole, then follow the
rings of declination from South to North, each counted eastwards from the tract whose centre is at ``ra_start``; the
last is the cap around the North pole. With ``n`` rings, each ring and the diameter of each cap is ``180 / (n + 1)``
degrees wide. A ring whose edge nearer to the equator is at declination ``d`` (its absolute value) has
``floor(2 pi cos(d) / width) + 1`` tracts. (Their pixel boxes are larger than Rubin's by up to one patch: they are
symmetric about the centre.) `DiscreteSkyMap` has tracts wherever they are wanted.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, ClassVar, Self

import numpy as np
from lsst.sphgeom import DISJOINT, AngleInterval, Box, NormalizedAngle, NormalizedAngleInterval, Region
from numpy.typing import ArrayLike, NDArray

from uraniborg.core.errors import UserError, report_faults
from uraniborg.model.sky_geometry import angular_separation, circle_region, sky_to_tangent
from uraniborg.model.tract import Patch, Tract

__all__ = ("DiscreteSkyMap", "Patch", "RingsSkyMap", "SkyMap", "Tract")


_FLOATS = ("ra_start", "pixel_scale", "tract_overlap")


class SkyMap(ABC):
    """A division of the sky in tracts; a value without state."""

    __slots__ = ()
    kind: ClassVar[str]

    @property
    @abstractmethod
    def n_tracts(self) -> int:
        """Number of tracts, numbered from 0."""

    @abstractmethod
    def tract(self, tract_id: int) -> Tract:
        """Return one tract.

        Raises
        ------
        UserError
            If there is no such tract.
        """

    @abstractmethod
    def find_tract(self, ra: ArrayLike, dec: ArrayLike) -> NDArray[np.int64]:
        """Return the tract that is responsible for each position; -1 where there is none.

        Parameters
        ----------
        ra, dec : (n,) float [deg]
            Positions.
        """

    @abstractmethod
    def tract_centers(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the centres (ra, dec) of all tracts, (n_tracts,) float [deg]."""

    @abstractmethod
    def distinct_tracts(self) -> tuple[int, ...]:
        """Return one tract of each number of patches that occurs."""

    @property
    @abstractmethod
    def tract_radius(self) -> float:
        """Distance from the centre of a tract beyond which it has no pixels [deg]."""

    def tracts_overlapping(self, region: Region) -> tuple[int, ...]:
        """Return the tracts with pixels in a region of the sky, in order; none is missed.

        Parameters
        ----------
        region : lsst.sphgeom.Region
            Part of the sky.
        """
        circle = region.getBoundingCircle()
        middle = circle.getCenter()
        ra = np.rad2deg(np.arctan2(middle.y(), middle.x()))
        dec = np.rad2deg(np.arctan2(middle.z(), np.hypot(middle.x(), middle.y())))
        distance = angular_separation(*self.tract_centers(), center=(ra, dec))
        near = np.flatnonzero(distance <= circle.getOpeningAngle().asDegrees() + self.tract_radius)
        return tuple(int(n) for n in near if not self.tract(int(n)).polygon().relate(region) & DISJOINT)

    def find_patches(self, region: Region) -> tuple[Patch, ...]:
        """Return the patches of all tracts with pixels in a region of the sky; none is missed.

        Parameters
        ----------
        region : lsst.sphgeom.Region
            Part of the sky.
        """
        tracts = (self.tract(tract_id) for tract_id in self.tracts_overlapping(region))
        return tuple(patch for tract in tracts for patch in tract.patches_overlapping(region))

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as plain values, equal for equal sky maps."""
        values: dict[str, Any] = {"kind": self.kind, **asdict(self)}  # type: ignore[call-overload]
        if "centers" in values:
            values["centers"] = [[float(ra), float(dec)] for ra, dec in values["centers"]]
        return values | {name: float(values[name]) for name in _FLOATS if name in values}

    @classmethod
    def from_dict(cls, parameters: Mapping[str, Any]) -> SkyMap:
        """Return the sky map that `to_dict` described.

        Raises
        ------
        UserError
            If the kind or a parameter is unknown.
        """
        values = dict(parameters)
        found = {known.kind: known for known in (RingsSkyMap, DiscreteSkyMap)}.get(values.pop("kind", None))
        if found is None:
            raise UserError(f"unknown kind of sky map {parameters.get('kind')!r}; known are 'rings' and 'discrete'")
        if "centers" in values:
            values["centers"] = tuple((float(ra), float(dec)) for ra, dec in values["centers"])
        try:
            return found(**values)
        except TypeError as error:
            raise UserError(f"sky map of kind {parameters['kind']!r}: {error}") from error

    def digest(self) -> bytes:
        """Return 20 bytes that are equal for equal sky maps."""
        return hashlib.sha1(json.dumps(self.to_dict(), sort_keys=True).encode(), usedforsecurity=False).digest()


def _grid_faults(patch_size: int, patch_border: int, cell_size: int, pixel_scale: float) -> list[str]:
    faults = []
    if cell_size <= 0 or patch_size <= 0 or patch_border < 0:
        faults.append(f"sizes must be positive: patch {patch_size}, border {patch_border}, cell {cell_size}")
    elif patch_size % cell_size or patch_border % cell_size:
        faults.append(f"cell_size {cell_size} must divide patch_size {patch_size} and patch_border {patch_border}")
    if not pixel_scale > 0:
        faults.append(f"pixel_scale is {pixel_scale}, must be positive")
    return faults


@dataclass(frozen=True, slots=True)
class RingsSkyMap(SkyMap):
    """All of the sky, in rings of declination.

    Attributes
    ----------
    n_rings : int
        Number of rings between the two caps.
    ra_start : float [deg]
        Right ascension of the centre of the first tract of each ring.
    pixel_scale : float [arcsec]
        Size of a pixel at the centre of a tract.
    patch_size, patch_border : int [pixel]
        Width of the inner region of a patch, and of its border.
    tract_overlap : float [deg]
        By how much the pixels of a tract extend beyond its inner region, at least.
    cell_size : int [pixel]
        Width of a cell of a coadd; divides ``patch_size`` and ``patch_border``.
    """

    kind: ClassVar[str] = "rings"

    n_rings: int = 120
    ra_start: float = 0.0
    pixel_scale: float = 0.2
    patch_size: int = 4000
    patch_border: int = 100
    tract_overlap: float = 1.0 / 60.0
    cell_size: int = 100

    def __post_init__(self) -> None:
        faults = _grid_faults(self.patch_size, self.patch_border, self.cell_size, self.pixel_scale)
        if self.n_rings < 3:
            faults.append(f"n_rings is {self.n_rings}, must be 3 or more")
        if not self.tract_overlap >= 0:
            faults.append(f"tract_overlap is {self.tract_overlap}, must not be negative")
        report_faults("rings sky map", faults)

    @property
    def ring_width(self) -> float:
        """Width of a ring in declination [deg]."""
        return 180.0 / (self.n_rings + 1)

    @property
    def tract_radius(self) -> float:
        """Distance from the centre of a tract beyond which it has no pixels [deg]."""
        sizes = {_ring_shape(self, ring) for ring in range(-1, self.n_rings)}
        half = max(np.hypot(x, y) for x, y in sizes) / 2 * self.patch_size * self.pixel_scale / 3600.0
        return float(half) + 1e-6

    @property
    def n_tracts(self) -> int:
        """Number of tracts, numbered from 0."""
        return int(_ring_starts(self)[-1]) + 1

    def distinct_tracts(self) -> tuple[int, ...]:
        """Return the South cap, the first tract of each ring and the North cap."""
        return (0, *(int(n) for n in _ring_starts(self)))

    def _ring_of(self, tract_id: int) -> int:
        """Return the ring of a tract; -1 for the South cap, ``n_rings`` for the North cap."""
        if not 0 <= tract_id < self.n_tracts:
            raise UserError(f"no tract {tract_id} in a sky map of {self.n_tracts}")
        return int(np.searchsorted(_ring_starts(self), tract_id, side="right")) - 1

    def tract_centers(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the centres (ra, dec) of all tracts, (n_tracts,) float [deg]."""
        counts, starts = _ring_counts(self), _ring_starts(self)
        ring = np.repeat(np.arange(self.n_rings), counts)
        within = np.arange(counts.sum()) - (starts[ring] - 1)
        ra = np.mod(self.ra_start + within * 360.0 / counts[ring], 360.0)
        dec = (ring + 1) * self.ring_width - 90.0
        return np.concatenate([[0.0], ra, [0.0]]), np.concatenate([[-90.0], dec, [90.0]])

    def tract(self, tract_id: int) -> Tract:
        """Return one tract.

        Raises
        ------
        UserError
            If there is no such tract.
        """
        ring = self._ring_of(tract_id)
        patches_x, patches_y = _ring_shape(self, min(ring, self.n_rings))
        if ring in (-1, self.n_rings):
            ra, dec = 0.0, -90.0 if ring < 0 else 90.0
            inner: Region = circle_region(ra, dec, self.ring_width / 2)
        else:
            n = int(_ring_counts(self)[ring])
            ra = (self.ra_start + (tract_id - int(_ring_starts(self)[ring])) * 360.0 / n) % 360.0
            dec = (ring + 1) * self.ring_width - 90.0
            half = self.ring_width / 2
            inner = Box(
                NormalizedAngleInterval(
                    NormalizedAngle.fromDegrees(ra - 180.0 / n), NormalizedAngle.fromDegrees(ra + 180.0 / n)
                ),
                AngleInterval.fromDegrees(dec - half, dec + half),
            )
        return Tract(
            tract_id=tract_id,
            ra=ra,
            dec=dec,
            patches_x=patches_x,
            patches_y=patches_y,
            patch_size=self.patch_size,
            patch_border=self.patch_border,
            cell_size=self.cell_size,
            pixel_scale=self.pixel_scale,
            inner_region=inner,
        )

    def find_tract(self, ra: ArrayLike, dec: ArrayLike) -> NDArray[np.int64]:
        """Return the tract that is responsible for each position.

        Parameters
        ----------
        ra, dec : (n,) float [deg]
            Positions.
        """
        a, d = np.broadcast_arrays(np.asarray(ra, dtype=float), np.asarray(dec, dtype=float))
        counts, starts = _ring_counts(self), _ring_starts(self)
        ring = np.floor((d + 90.0) / self.ring_width - 0.5).astype(np.int64)
        safe = np.clip(ring, 0, self.n_rings - 1)
        within = np.floor((a - self.ra_start) * counts[safe] / 360.0 + 0.5).astype(np.int64) % counts[safe]
        found = np.where(ring < 0, 0, np.where(ring >= self.n_rings, self.n_tracts - 1, starts[safe] + within))
        return found.astype(np.int64)


@cache
def _ring_counts(skymap: RingsSkyMap) -> NDArray[np.int64]:
    """Return the number of tracts in each ring."""
    width = np.deg2rad(skymap.ring_width)
    edges = width * (np.arange(skymap.n_rings + 1) + 0.5) - np.pi / 2
    nearest = np.minimum(np.abs(edges[:-1]), np.abs(edges[1:]))
    counts: NDArray[np.int64] = (2 * np.pi * np.cos(nearest) / width).astype(np.int64) + 1
    counts.flags.writeable = False
    return counts


@cache
def _ring_starts(skymap: RingsSkyMap) -> NDArray[np.int64]:
    """Return the first tract of each ring, and of the North cap."""
    starts: NDArray[np.int64] = 1 + np.concatenate([[0], np.cumsum(_ring_counts(skymap))])
    starts.flags.writeable = False
    return starts


@cache
def _ring_shape(skymap: RingsSkyMap, ring: int) -> tuple[int, int]:
    """Return the number of patches along x and y of the tracts of a ring (-1 and ``n_rings``: caps)."""
    half = skymap.ring_width / 2
    steps = np.linspace(-1.0, 1.0, 65)
    if ring in (-1, skymap.n_rings):
        reach = np.rad2deg(np.tan(np.deg2rad(half)))
        width = height = reach
    else:
        dec = (ring + 1) * skymap.ring_width - 90.0
        across = 180.0 / int(_ring_counts(skymap)[ring])
        ra = np.concatenate([steps * across] * 2 + [np.full(65, -across), np.full(65, across)])
        edge = np.concatenate(
            [np.full(65, dec - half), np.full(65, dec + half), dec + steps * half, dec + steps * half]
        )
        xi, eta = sky_to_tangent(ra, edge, center=(0.0, dec))
        width, height = float(np.abs(xi).max()), float(np.abs(eta).max())
    # The scale of the tangent plane grows outwards as 1 / cos^2 of the distance.
    stretch = 1.0 + np.deg2rad(np.hypot(width, height) + skymap.tract_overlap) ** 2
    pixels = np.array([width, height]) + skymap.tract_overlap * stretch
    across_, along = np.ceil(2 * pixels * 3600.0 / skymap.pixel_scale / skymap.patch_size).astype(int)
    return int(across_), int(along)


@dataclass(frozen=True, slots=True)
class DiscreteSkyMap(SkyMap):
    """Tracts of one size around given positions, for surveys of a few fields.

    Attributes
    ----------
    centers : tuple of (float, float) [deg]
        Right ascension and declination of the centre of each tract.
    patches : int
        Number of patches along each side of a tract.
    pixel_scale : float [arcsec]
        Size of a pixel at the centre of a tract.
    patch_size, patch_border : int [pixel]
        Width of the inner region of a patch, and of its border.
    cell_size : int [pixel]
        Width of a cell of a coadd; divides ``patch_size`` and ``patch_border``.
    """

    kind: ClassVar[str] = "discrete"

    centers: tuple[tuple[float, float], ...]
    patches: int = 1
    pixel_scale: float = 0.2
    patch_size: int = 4000
    patch_border: int = 100
    cell_size: int = 100

    def __post_init__(self) -> None:
        faults = _grid_faults(self.patch_size, self.patch_border, self.cell_size, self.pixel_scale)
        if not self.centers:
            faults.append("there must be at least one centre")
        faults += [
            f"declination {dec} of a centre is not in -90..90" for _, dec in self.centers if not -90 <= dec <= 90
        ]
        if self.patches < 1:
            faults.append(f"patches is {self.patches}, must be 1 or more")
        elif self.patches * self.patch_size * self.pixel_scale > 3600.0 * 60.0:
            faults.append(f"a tract would be wider than 60 degrees: {self.patches} x {self.patch_size} pixels")
        report_faults("discrete sky map", faults)

    @classmethod
    def around(cls, ra: float, dec: float, radius: float, **options: Any) -> Self:
        """Return a sky map of one tract that holds a circle.

        Parameters
        ----------
        ra, dec : float [deg]
            Centre of the circle and of the tract.
        radius : float [deg]
            Radius of the circle.
        **options
            Any attribute but ``centers`` and ``patches``.
        """
        trial = cls(centers=((ra, dec),), **options)
        pixels = 2.0 * np.rad2deg(np.tan(np.deg2rad(radius))) * 3600.0 / trial.pixel_scale
        return cls(centers=((ra, dec),), patches=max(1, int(np.ceil(pixels / trial.patch_size))), **options)

    @property
    def n_tracts(self) -> int:
        """Number of tracts, numbered from 0."""
        return len(self.centers)

    @property
    def tract_radius(self) -> float:
        """Distance from the centre of a tract beyond which it has no pixels [deg]."""
        return float(self.patches * self.patch_size * self.pixel_scale / 3600.0 * np.sqrt(0.5)) + 1e-6

    def distinct_tracts(self) -> tuple[int, ...]:
        """Return the first tract; all are alike."""
        return (0,)

    def tract_centers(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the centres (ra, dec) of all tracts, (n_tracts,) float [deg]."""
        centers = np.array(self.centers, dtype=float)
        return centers[:, 0], centers[:, 1]

    def tract(self, tract_id: int) -> Tract:
        """Return one tract.

        Raises
        ------
        UserError
            If there is no such tract.
        """
        if not 0 <= tract_id < self.n_tracts:
            raise UserError(f"no tract {tract_id} in a sky map of {self.n_tracts}")
        ra, dec = self.centers[tract_id]
        grid = (self.patches, self.patches, self.patch_size, self.patch_border, self.cell_size, self.pixel_scale)
        whole = Tract(tract_id, ra % 360.0, dec, *grid, inner_region=circle_region(ra, dec, 0.0))
        return Tract(tract_id, ra % 360.0, dec, *grid, inner_region=whole.polygon())

    def find_tract(self, ra: ArrayLike, dec: ArrayLike) -> NDArray[np.int64]:
        """Return the tract with the nearest centre among those that hold each position; -1 where there is none.

        Parameters
        ----------
        ra, dec : (n,) float [deg]
            Positions.
        """
        a, d = np.broadcast_arrays(np.asarray(ra, dtype=float), np.asarray(dec, dtype=float))
        best = np.full(a.shape, np.inf)
        found = np.full(a.shape, -1, dtype=np.int64)
        for tract_id in range(self.n_tracts):
            tract = self.tract(tract_id)
            distance = angular_separation(a, d, center=(tract.ra, tract.dec))
            nearer = (tract.find_patch(a, d) >= 0) & (distance < best)
            best, found = np.where(nearer, distance, best), np.where(nearer, tract_id, found)
        return found
