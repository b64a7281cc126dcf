"""A repository with a sky map and calibrated exposures of a made-up camera, for tests of what follows calibration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord
from astropy.time import Time
from lsst.daf.butler import Butler, DatasetType, Timespan
from lsst.images import VisitImage
from lsst.sphgeom import ConvexPolygon, UnitVector3d
from numpy.typing import NDArray

from uraniborg.archive.repository import create_repository, open_repository
from uraniborg.model.skymap import SkyMap
from uraniborg.testing.scenes import SceneExposure, make_scene_image

__all__ = ("SCENE_SKYMAP", "make_scene_repository")

SCENE_SKYMAP = "scene"
"""Name of the sky map."""

_NIGHT = 20230224


def make_scene_repository(
    folder: Path,
    exposures: Sequence[SceneExposure],
    stars: SkyCoord,
    fluxes: NDArray[np.floating],
    *,
    sky_map: SkyMap,
    run: str = "scene",
) -> Butler:
    """Create a repository that holds ``skyMap`` and a noisy ``visit_image`` of each exposure.

    Parameters
    ----------
    folder : pathlib.Path
        The repository is made in its sub-folder ``repo``.
    exposures : sequence of SceneExposure
        How they were taken; one visit may have several detectors.
    stars : SkyCoord
        Positions, (n,).
    fluxes : (n,) float
        Fluxes [nJy].
    sky_map : SkyMap
        Registered with the patches that the exposures touch.
    run : str, optional
        Collection that holds everything.

    Returns
    -------
    lsst.daf.butler.Butler
        Open for writing to ``run``; default instrument ``Scene`` and sky map ``scene``.
    """
    root = folder / "repo"
    images = [
        make_scene_image(exposure, stars, fluxes, seed=1000 * exposure.visit + exposure.detector)
        for exposure in exposures
    ]
    regions = [_region(image) for image in images]
    with create_repository(root) as butler, butler.transaction():
        _insert_camera(butler, exposures, regions)
        _insert_sky_map(butler, sky_map, regions)
    butler = open_repository(root, run=run, instrument="Scene", skymap=SCENE_SKYMAP)
    universe = butler.dimensions
    butler.registry.registerDatasetType(DatasetType("skyMap", ("skymap",), "TractSkyMap", universe=universe))
    butler.registry.registerDatasetType(
        DatasetType("visit_image", ("instrument", "visit", "detector"), "VisitImage", universe=universe)
    )
    butler.put(sky_map, "skyMap")
    for exposure, image in zip(exposures, images, strict=True):
        butler.put(image, "visit_image", visit=exposure.visit, detector=exposure.detector)
    return butler


def _region(image: VisitImage) -> ConvexPolygon:
    box = image.bbox
    x = np.array([box.x.start, box.x.stop, box.x.stop, box.x.start]) - 0.5
    y = np.array([box.y.start, box.y.start, box.y.stop, box.y.stop]) - 0.5
    corners = image.sky_projection.pixel_to_sky(x=x, y=y).cartesian.xyz.value.T
    return ConvexPolygon([UnitVector3d(*(float(v) for v in corner)) for corner in corners])


def _insert(butler: Butler, records: dict[str, list[dict[str, Any]]]) -> None:
    for element, rows in records.items():
        butler.registry.insertDimensionData(element, *rows)


def _insert_camera(butler: Butler, exposures: Sequence[SceneExposure], regions: Sequence[ConvexPolygon]) -> None:
    visits = {exposure.visit: exposure for exposure in exposures}
    by_visit: dict[int, list[ConvexPolygon]] = {}
    for exposure, region in zip(exposures, regions, strict=True):
        by_visit.setdefault(exposure.visit, []).append(region)
    scene = {"instrument": "Scene"}
    records: dict[str, list[dict[str, Any]]] = {
        "instrument": [
            {"name": "Scene", "detector_max": 8, "exposure_max": 10000, "visit_max": 10000, "visit_system": 0}
        ],
        "day_obs": [{**scene, "id": _NIGHT}],
        "visit_system": [{**scene, "id": 0, "name": "one-to-one"}],
        "physical_filter": [
            {**scene, "name": f"{band}.scene", "band": band} for band in sorted({e.band for e in exposures})
        ],
        "detector": [{**scene, "id": n, "full_name": f"S{n:02d}"} for n in sorted({e.detector for e in exposures})],
        "visit": [
            {
                **scene,
                "id": visit,
                "name": str(visit),
                "day_obs": _NIGHT,
                "physical_filter": f"{exposure.band}.scene",
                "exposure_time": 30.0,
                "timespan": Timespan(
                    Time(exposure.mjd, format="mjd", scale="tai"), Time(exposure.mjd + 1e-3, format="mjd", scale="tai")
                ),
                "region": ConvexPolygon.convexHull(
                    [vertex for region in by_visit[visit] for vertex in region.getVertices()]
                ),
            }
            for visit, exposure in visits.items()
        ],
        "visit_detector_region": [
            {**scene, "visit": exposure.visit, "detector": exposure.detector, "region": region}
            for exposure, region in zip(exposures, regions, strict=True)
        ],
    }
    _insert(butler, records)


def _insert_sky_map(butler: Butler, sky_map: SkyMap, regions: Iterable[ConvexPolygon]) -> None:
    patches = {(p.tract_id, p.patch_id): p for region in regions for p in sky_map.find_patches(region)}
    tracts = {tract_id: sky_map.tract(tract_id) for tract_id, _ in patches}
    here = {"skymap": SCENE_SKYMAP}
    records: dict[str, list[dict[str, Any]]] = {
        "skymap": [
            {
                "name": SCENE_SKYMAP,
                "hash": sky_map.digest(),
                "tract_max": sky_map.n_tracts,
                "patch_nx_max": max(tract.patches_x for tract in tracts.values()),
                "patch_ny_max": max(tract.patches_y for tract in tracts.values()),
            }
        ],
        "tract": [{**here, "id": tract_id, "region": tract.polygon()} for tract_id, tract in tracts.items()],
        "patch": [
            {
                **here,
                "tract": tract_id,
                "id": patch_id,
                "cell_x": patch.x,
                "cell_y": patch.y,
                "region": tracts[tract_id].polygon(patch.outer_bbox),
            }
            for (tract_id, patch_id), patch in patches.items()
        ],
    }
    _insert(butler, records)
