"""Sky maps in a repository: dimension records with regions for joins, and the map itself as a dataset."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from itertools import batched
from typing import Any

from lsst.daf.butler import Butler, DatasetNotFoundError, DatasetType, MissingDatasetTypeError
from lsst.sphgeom import Region

from uraniborg.archive.collections import SKYMAPS, register_collection
from uraniborg.core.errors import UserError
from uraniborg.core.progress import progress
from uraniborg.model.skymap import SkyMap

__all__ = ("SKYMAP_DATASET", "load_skymap", "register_skymap", "registered_tracts")

_LOG = logging.getLogger(__name__)

SKYMAP_DATASET = "skyMap"
"""Dataset type of sky maps."""

_TRACTS_AT_ONCE = 100


def register_skymap(
    butler: Butler,
    name: str,
    skymap: SkyMap,
    *,
    tracts: Iterable[int] | None = None,
    region: Region | None = None,
) -> int:
    """Make a sky map known to a repository.

    Parameters
    ----------
    butler : lsst.daf.butler.Butler
        Repository, open for writing.
    name : str
        Name of the sky map.
    skymap : SkyMap
        The sky map.
    tracts : iterable of int, optional
        Tracts to register.
    region : lsst.sphgeom.Region, optional
        Part of the sky whose tracts are registered. Without ``tracts`` and ``region``, all are; a sky map of
        millions of patches takes minutes then. More can be added later.

    Returns
    -------
    int
        Number of tracts that are new.

    Raises
    ------
    UserError
        If there is another sky map of this name, or this one under another name, or a tract does not exist.
    """
    start = time.monotonic()
    wanted = _wanted_tracts(skymap, tracts, region)
    _check_same(butler, name, skymap)
    new = sorted(wanted - registered_tracts(butler, name))
    butler.registry.registerDatasetType(
        DatasetType(SKYMAP_DATASET, ("skymap",), "TractSkyMap", universe=butler.dimensions)
    )
    register_collection(butler, SKYMAPS)
    butler.registry.syncDimensionData("skymap", _skymap_row(name, skymap))
    with progress(f"tracts of {name}", len(new)) as shown:
        for group in batched(new, _TRACTS_AT_ONCE, strict=False):
            _insert_tracts(butler, name, skymap, group)
            shown.advance(len(group))
    if not butler.exists(SKYMAP_DATASET, skymap=name, collections=SKYMAPS):
        butler.put(skymap, SKYMAP_DATASET, skymap=name, run=SKYMAPS)
    _LOG.info("sky map %s: %d tracts registered, %.1f s", name, len(new), time.monotonic() - start)
    return len(new)


def load_skymap(butler: Butler, name: str) -> SkyMap:
    """Return a registered sky map.

    Raises
    ------
    UserError
        If there is none of this name.
    """
    try:
        skymap: SkyMap = butler.get(SKYMAP_DATASET, skymap=name, collections=SKYMAPS)
    except (DatasetNotFoundError, MissingDatasetTypeError) as error:
        raise UserError(
            f"no sky map {name!r} in the repository; register it with `uraniborg skymap register`"
        ) from error
    return skymap


def registered_tracts(butler: Butler, name: str) -> set[int]:
    """Return the tracts of a sky map that the repository knows."""
    if not _record(butler, name):
        return set()
    records = butler.query_dimension_records("tract", skymap=name, limit=None, explain=False)
    return {int(record.id) for record in records}


def _record(butler: Butler, name: str) -> Any:
    records = butler.query_dimension_records("skymap", explain=False)
    return next((record for record in records if record.name == name), None)


def _wanted_tracts(skymap: SkyMap, tracts: Iterable[int] | None, region: Region | None) -> set[int]:
    if tracts is None and region is None:
        return set(range(skymap.n_tracts))
    wanted = set() if region is None else set(skymap.tracts_overlapping(region))
    wanted |= set(tracts or ())
    unknown = sorted(number for number in wanted if not 0 <= number < skymap.n_tracts)
    if unknown:
        raise UserError(f"no tracts {unknown} in a sky map of {skymap.n_tracts}")
    return wanted


def _check_same(butler: Butler, name: str, skymap: SkyMap) -> None:
    """Refuse two sky maps of one name, and two names for one sky map (which registries cannot hold)."""
    digest = skymap.digest()
    for record in butler.query_dimension_records("skymap", explain=False):
        if record.name == name and record.hash != digest:
            raise UserError(f"there is another sky map {name!r} in the repository; choose another name for this one")
        if record.name != name and record.hash == digest:
            raise UserError(f"this sky map is in the repository as {record.name!r}; use that name")


def _skymap_row(name: str, skymap: SkyMap) -> dict[str, Any]:
    """Return the record of the sky map: numbers of patches over all tracts, so that it never changes."""
    shapes = {(tract.patches_x, tract.patches_y) for tract in map(skymap.tract, skymap.distinct_tracts())}
    return {
        "name": name,
        "hash": skymap.digest(),
        "tract_max": skymap.n_tracts,
        "patch_nx_max": max(x for x, _ in shapes),
        "patch_ny_max": max(y for _, y in shapes),
    }


def _insert_tracts(butler: Butler, name: str, skymap: SkyMap, numbers: Iterable[int]) -> None:
    tracts = [skymap.tract(number) for number in numbers]
    rows = [{"skymap": name, "id": tract.tract_id, "region": tract.polygon()} for tract in tracts]
    patches = [
        {
            "skymap": name,
            "tract": tract.tract_id,
            "id": patch.patch_id,
            "cell_x": patch.x,
            "cell_y": patch.y,
            "region": tract.polygon(patch.outer_bbox),
        }
        for tract in tracts
        for patch in tract.patches()
    ]
    with butler.transaction():
        butler.registry.insertDimensionData("tract", *rows)
        butler.registry.insertDimensionData("patch", *patches)
