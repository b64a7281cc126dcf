"""One reference catalogue from two: astrometry of the one, magnitudes in the survey's bands of the other.

Shards are merged one at a time with what lies around them, so memory is bounded by the loaders' budgets.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import lsst.sphgeom as sg
import numpy as np
import pyarrow.parquet as pq
from astropy.table import Table, vstack
from lsst.daf.butler import Butler

from uraniborg.algorithms.astrometry import mutual_neighbors, propagate_positions, to_tangent_plane
from uraniborg.archive.formatters.tables import table_to_arrow
from uraniborg.archive.refcat_loader import ReferenceLoader
from uraniborg.archive.refcats import CatalogueReport, ingest_reference_catalogue
from uraniborg.core.progress import progress
from uraniborg.model.htm import htm_index
from uraniborg.model.tables import declared_columns

__all__ = ("merge_reference_catalogues",)

_LEVEL = 7
_BANDS = tuple(f"mag_{band}{suffix}" for band in "ugrizy" for suffix in ("", "Err"))


def merge_reference_catalogues(
    butler: Butler, name: str, *, astrometric: str, photometric: str, radius: float = 1.0, unmatched: bool = True
) -> CatalogueReport:
    """Merge two catalogues of a repository into a third.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository, open for writing.
    name : str
        Name of the merged catalogue.
    astrometric : str
        Catalogue with positions, motions and Gaia magnitudes.
    photometric : str
        Catalogue with magnitudes ``mag_u`` to ``mag_y``.
    radius : float, optional [arcsec]
        Largest separation of one star in both, at the epoch of the photometric catalogue.
    unmatched : bool, optional
        Whether stars of the photometric catalogue alone are kept; their number is made negative.

    Returns
    -------
    CatalogueReport

    Raises
    ------
    UserError
        If a catalogue is missing, or if the merged one is there with other rows.
    """
    loaders = tuple(ReferenceLoader(butler, catalogue) for catalogue in (astrometric, photometric))
    pixels = sorted(set(loaders[0].shards) | (set(loaders[1].shards) if unmatched else set()))
    with (
        tempfile.TemporaryDirectory(prefix="uraniborg-merge-") as folder,
        progress(f"merging {name}", len(pixels)) as bar,
    ):
        files = []
        for pixel in pixels:
            table = _merge_shard(pixel, *loaders, radius=radius, unmatched=unmatched)
            if len(table):
                files.append(Path(folder) / f"{pixel}.parquet")
                pq.write_table(table_to_arrow(table), files[-1])
            bar.advance()
        columns = {column: column for column in declared_columns("ReferenceObject")}
        return ingest_reference_catalogue(butler, name, files, columns=columns)


def _merge_shard(
    pixel: int, astrometric: ReferenceLoader, photometric: ReferenceLoader, *, radius: float, unmatched: bool
) -> Table:
    """Return the merged rows of one triangle."""
    circle = sg.HtmPixelization(_LEVEL).triangle(pixel).getBoundingCircle()
    center = sg.LonLat(circle.getCenter())
    place = (center.getLon().asDegrees(), center.getLat().asDegrees())
    reach = circle.getOpeningAngle().asDegrees() * 3600.0 + 10.0 * radius
    stars, others = astrometric.cone(*place, reach), photometric.cone(*place, reach)
    partner = np.full(len(stars), -1)
    alone = np.ones(len(others), bool)
    if len(stars) and len(others):
        epoch = float(np.median(others["epochMjdTai"]))
        column = {name: np.asarray(stars[name], float) for name in ("ra", "dec", "pmRa", "pmDec", "epochMjdTai")}
        there = propagate_positions(
            column["ra"], column["dec"], pm_ra=column["pmRa"], pm_dec=column["pmDec"],
            parallax=np.zeros(len(stars)), epoch=column["epochMjdTai"], mjd=epoch,
        )  # fmt: skip
        here, far = to_tangent_plane(there.ra, there.dec, place), to_tangent_plane(others["ra"], others["dec"], place)
        mine, theirs = mutual_neighbors(here, far, radius)
        partner[mine], alone[theirs] = theirs, False
    own = htm_index(stars["ra"], stars["dec"], level=_LEVEL) == pixel if len(stars) else np.zeros(0, bool)
    merged, known = stars[own], partner[own]
    for name in _BANDS:
        values = np.asarray(merged[name]).copy()
        values[known >= 0] = np.asarray(others[name])[known[known >= 0]]
        merged[name] = values
    if unmatched and alone.any():
        rest = others[alone]
        rest = rest[htm_index(rest["ra"], rest["dec"], level=_LEVEL) == pixel]
        rest["refObjectId"] = -np.abs(rest["refObjectId"])
        merged = vstack([merged, rest], metadata_conflicts="silent")
    return merged
