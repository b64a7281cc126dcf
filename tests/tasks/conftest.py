"""Scenes that several tests of tasks share."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lsst.daf.butler import Butler
from lsst.pipe.base import Pipeline
from lsst.pipe.base.separable_pipeline_executor import SeparablePipelineExecutor

from uraniborg.model.skymap import RingsSkyMap
from uraniborg.testing.difference_scene import DifferenceScene, make_difference_scene
from uraniborg.testing.scene_repository import make_scene_repository
from uraniborg.testing.scenes import SceneExposure


@pytest.fixture(scope="session")
def scene_stars() -> tuple[SkyCoord, np.ndarray]:
    """Forty stars within 1.2 arcmin of the field centre, with fluxes from 1000 to 50000 nJy."""
    rng = np.random.default_rng(17)
    steps = np.stack(np.meshgrid(np.linspace(-0.016, 0.016, 7), np.linspace(-0.016, 0.016, 6)), axis=-1).reshape(-1, 2)
    steps += rng.uniform(-0.0006, 0.0006, steps.shape)
    stars = SkyCoord(187.03 + steps[:, 0] / np.cos(np.radians(25.56)), 25.56 + steps[:, 1], unit="deg")
    return stars, np.geomspace(1000.0, 50000.0, len(steps))[rng.permutation(len(steps))]


@pytest.fixture(scope="session")
def scene_repository(
    tmp_path_factory: pytest.TempPathFactory, scene_stars: tuple[SkyCoord, np.ndarray]
) -> Iterator[Butler]:
    """Six visits: three in r, two in g, one in z; two detectors each with a gap of 12 arcsec between them.

    Tests must not write to its run ``scene``.
    """
    bands = {1: "r", 2: "r", 3: "g", 4: "g", 5: "r", 6: "z"}
    exposures = [
        SceneExposure(
            visit=visit,
            detector=detector,
            band=band,
            ra=187.03 + 0.0003 * visit,
            dec=25.56 + (0.0123 if detector == 2 else -0.0123),
            rotation=2.0 * visit,
            sigma=1.5 + 0.06 * visit,
            noise=8.0 + visit,
            shape=(300, 500),
            mjd=60000.0 + visit,
        )
        for visit, band in bands.items()
        for detector in (1, 2)
    ]
    sky_map = RingsSkyMap(pixel_scale=0.26, patch_size=1350, patch_border=50, cell_size=50)
    with make_scene_repository(tmp_path_factory.mktemp("scene"), exposures, *scene_stars, sky_map=sky_map) as butler:
        yield butler


PIPELINE = """
description: From calibrated exposures to objects and their light curves.
tasks:
  makeDirectWarp:
    class: uraniborg.tasks.make_direct_warp.MakeDirectWarpTask
  assembleCoadd:
    class: uraniborg.tasks.assemble_coadd.AssembleCoaddTask
  assembleTemplate:
    class: uraniborg.tasks.assemble_template.AssembleTemplateTask
  measureObjects:
    class: uraniborg.tasks.measure_objects.MeasureObjectsTask
  forcedPhotometry:
    class: uraniborg.tasks.forced_photometry.ForcedPhotometryTask
"""


@pytest.fixture(scope="session")
def scene_products(scene_repository: Butler) -> Butler:
    """The same repository with all that follows, down to forced fluxes, in the run ``products``; read by default.

    Tests must not write to it.
    """
    with scene_repository.clone(collections=["scene"], run="products") as butler:
        executor = SeparablePipelineExecutor(butler)
        graph = executor.build_quantum_graph(Pipeline.fromString(PIPELINE), where="skymap = 'scene'")
        executor.pre_execute_qgraph(graph, register_dataset_types=True)
        executor.run_pipeline(graph, fail_fast=True)
    return scene_repository.clone(collections=["products", "scene"], run=None)


@pytest.fixture(scope="session")
def difference_scene(tmp_path_factory: pytest.TempPathFactory) -> DifferenceScene:
    """Four visits of a field with six transients, from calibrated exposures to alert packets; read only."""
    return make_difference_scene(tmp_path_factory.mktemp("differences"))
