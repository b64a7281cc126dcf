"""Small coadds that several tests share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lsst.images.cells import CellCoadd

from uraniborg.model.skymap import RingsSkyMap
from uraniborg.tasks.common.coadds import coadd_warps, union_box
from uraniborg.tasks.common.visit_warps import warp_visit
from uraniborg.testing.scenes import SceneExposure, make_scene_image

type MakeCoadd = Callable[..., CellCoadd]


@pytest.fixture(scope="session")
def sky_map() -> RingsSkyMap:
    return RingsSkyMap(pixel_scale=0.26, patch_size=1350, patch_border=50, cell_size=50)


@pytest.fixture(scope="session")
def scene_warp(sky_map: RingsSkyMap) -> MakeCoadd:
    """Function (exposures, stars, fluxes, seed=None) that returns the warp of one visit."""

    def make(
        exposures: list[SceneExposure], stars: SkyCoord, fluxes: np.ndarray, *, seed: int | None = None
    ) -> CellCoadd:
        tract = sky_map.tract(int(sky_map.find_tract([187.03], [25.56])[0]))
        patch = tract.patch(int(tract.find_patch([187.03], [25.56])[0]))
        images = [make_scene_image(exposure, stars, fluxes, seed=seed) for exposure in exposures]
        return warp_visit(images, tract.sky_projection("scene"), patch.definition(), psf_size=41)

    return make


@pytest.fixture(scope="session")
def scene_coadd(scene_warp: MakeCoadd) -> MakeCoadd:
    """Function (exposures, stars, fluxes, seed=None) that returns the coadd of visits of one detector each."""

    def make(
        exposures: list[SceneExposure], stars: SkyCoord, fluxes: np.ndarray, *, seed: int | None = None
    ) -> CellCoadd:
        warps = [
            scene_warp([exposure], stars, fluxes, seed=None if seed is None else seed + number)
            for number, exposure in enumerate(exposures)
        ]
        return coadd_warps(warps, union_box(warp.bbox for warp in warps), carry={"SATURATED": 0.1})

    return make
