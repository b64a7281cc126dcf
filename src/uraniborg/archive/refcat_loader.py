"""Reference stars around a place and at a date, from the shards of a repository.

Shards are read once and kept while they fit into a budget of memory; the least recently used go first.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import lsst.sphgeom as sg
import numpy as np
from astropy.table import Table, vstack
from lsst.daf.butler import Butler, DatasetRef, MissingDatasetTypeError

from uraniborg.algorithms.astrometry import earth_position, propagate_positions, unit_vectors
from uraniborg.core.errors import UserError
from uraniborg.model.tables import empty_table

__all__ = ("ReferenceLoader",)

_LEVEL = 7


class ReferenceLoader:
    """Reader of one reference catalogue.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository.
    name : str
        Dataset type of the catalogue.
    collections : sequence of str, optional
        Where it is; the collection of all reference catalogues if not given.
    memory : int [byte]
        Budget of the shards that are kept.

    Raises
    ------
    UserError
        If there is no such catalogue.
    """

    def __init__(
        self, butler: Butler, name: str, *, collections: Sequence[str] = ("refcats",), memory: int = 256 << 20
    ) -> None:
        self._butler, self._memory = butler, memory
        try:
            found = butler.query_datasets(name, collections=list(collections), limit=None, explain=False)
        except MissingDatasetTypeError as error:
            raise UserError(f"no reference catalogue {name!r}; bring it in with `uraniborg ingest refcat`") from error
        if not found:
            raise UserError(f"reference catalogue {name!r} has no stars in {list(collections)}")
        self._refs: dict[int, DatasetRef] = {int(ref.dataId[f"htm{_LEVEL}"]): ref for ref in found}
        self._kept: OrderedDict[int, tuple[Table, int]] = OrderedDict()
        self.reads = 0

    @property
    def shards(self) -> tuple[int, ...]:
        """HTM triangles (level 7) that have stars."""
        return tuple(sorted(self._refs))

    @property
    def memory_used(self) -> int:
        """Memory of the shards that are kept now [byte]."""
        return sum(size for _, size in self._kept.values())

    def cone(self, ra: float, dec: float, radius: float, *, mjd: float | None = None) -> Table:
        """Return the stars within a distance of a place.

        Parameters
        ----------
        ra, dec : float [deg]
            ICRS.
        radius : float [arcsec]
            Largest distance, at the epoch of the catalogue.
        mjd : float, optional [day]
            TAI date to which positions are moved, with proper motion and parallax as seen from the Earth; positions
            stay those of the catalogue if not given. Their errors grow with those of the motion.

        Returns
        -------
        astropy.table.Table
            Rows of ``ReferenceObject``, brightest (G) first, then by number; with ``mjd`` their epoch is that.
        """
        center = sg.UnitVector3d(sg.LonLat.fromDegrees(ra, dec))
        circle = sg.Circle(center, sg.Angle.fromDegrees(radius / 3600.0))
        wanted = [
            index
            for begin, end in sg.HtmPixelization(_LEVEL).envelope(circle)
            for index in range(begin, end)
            if index in self._refs
        ]
        middle = unit_vectors(ra, dec)
        limit = 2.0 * np.sin(0.5 * np.radians(radius / 3600.0))
        parts = []
        for index in wanted:
            shard = self._shard(index)
            away = np.linalg.norm(unit_vectors(shard["ra"], shard["dec"]) - middle, axis=1)
            parts.append(shard[away <= limit])
        table = vstack(parts, metadata_conflicts="silent") if parts else empty_table("ReferenceObject")
        table = table[np.lexsort([table["refObjectId"], np.nan_to_num(table["phot_g_mean_mag"], nan=99.0)])]
        return table if mjd is None or not len(table) else _moved(table, mjd)

    def _shard(self, index: int) -> Table:
        """Return a shard, from memory if it is there."""
        if index in self._kept:
            self._kept.move_to_end(index)
            return self._kept[index][0]
        table = self._butler.get(self._refs[index])
        self.reads += 1
        size = sum(np.asarray(table[name]).nbytes for name in table.colnames)
        self._kept[index] = (table, size)
        while self.memory_used > self._memory and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return table


def _moved(table: Table, mjd: float) -> Table:
    """Return the rows at a date."""
    moved = table.copy()
    column = {
        name: np.asarray(table[name], float) for name in ("ra", "dec", "pmRa", "pmDec", "parallax", "epochMjdTai")
    }
    there = propagate_positions(
        column["ra"],
        column["dec"],
        pm_ra=column["pmRa"],
        pm_dec=column["pmDec"],
        parallax=column["parallax"],
        epoch=column["epochMjdTai"],
        mjd=mjd,
        observer=earth_position(mjd),
    )
    years = (mjd - column["epochMjdTai"]) / 365.25
    moved["ra"], moved["dec"] = there.ra, there.dec
    for axis in ("ra", "dec"):
        motion = np.nan_to_num(np.asarray(table[f"pm{axis.capitalize()}Err"], float)) * years
        moved[f"{axis}Err"] = np.hypot(np.asarray(table[f"{axis}Err"], float), motion)
    moved["epochMjdTai"] = mjd
    return moved
