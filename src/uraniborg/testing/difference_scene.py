"""A repository of a small field with transients, run from calibrated exposures to alert packets, truth kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.coordinates import SkyCoord
from lsst.daf.butler import Butler
from lsst.pipe.base import Pipeline
from lsst.pipe.base.separable_pipeline_executor import SeparablePipelineExecutor
from numpy.typing import NDArray

from uraniborg.model.skymap import RingsSkyMap
from uraniborg.testing.scene_repository import make_scene_repository
from uraniborg.testing.scenes import SceneExposure, make_scene_image

__all__ = ("DifferenceScene", "make_difference_scene")

PIPELINE = """
description: From calibrated exposures to alerts.
tasks:
  makeDirectWarp: {class: uraniborg.tasks.make_direct_warp.MakeDirectWarpTask}
  assembleTemplate: {class: uraniborg.tasks.assemble_template.AssembleTemplateTask}
  subtractImages: {class: uraniborg.tasks.subtract_images.SubtractImagesTask}
  detectDiaSources: {class: uraniborg.tasks.detect_dia_sources.DetectDiaSourcesTask}
  associateDiaSources: {class: uraniborg.tasks.associate_dia_sources.AssociateDiaSourcesTask}
  forcedDiaPhotometry: {class: uraniborg.tasks.forced_dia_photometry.ForcedDiaPhotometryTask}
  makeAlerts: {class: uraniborg.tasks.make_alerts.MakeAlertsTask}
"""


@dataclass(frozen=True, slots=True)
class DifferenceScene:
    """A processed field.

    Attributes
    ----------
    butler : lsst.daf.butler.Butler
        Reads everything by default.
    exposures : tuple of SceneExposure
    transients : SkyCoord
        Positions, (n,).
    fluxes : (n_exposures, n) float [nJy]
        Flux of each transient in each exposure; each is on in one exposure only.
    """

    butler: Butler
    exposures: tuple[SceneExposure, ...]
    transients: SkyCoord
    fluxes: NDArray[np.float64]

    def expected_flux(self, visit: int) -> NDArray[np.float64]:
        """Return what the difference of a visit should show: the flux minus the mean of the other visits, (n,) [nJy].

        The mean is weighted as the template is, by the inverse variance of the background.
        """
        index = [exposure.visit for exposure in self.exposures].index(visit)
        weight = np.array([exposure.noise**-2.0 for exposure in self.exposures])
        weight[index] = 0.0
        return np.asarray(self.fluxes[index] - weight @ self.fluxes / weight.sum())


def _field(rng: np.random.Generator, n: int, extent: float) -> SkyCoord:
    """Return positions on a jittered grid, so that none overlap."""
    side = int(np.ceil(np.sqrt(n)))
    grid = np.stack(np.meshgrid(*[np.linspace(-extent, extent, side)] * 2), axis=-1).reshape(-1, 2)
    places = grid[rng.permutation(len(grid))[:n]] + rng.uniform(-0.0003, 0.0003, (n, 2))
    return SkyCoord(187.03 + places[:, 0] / np.cos(np.radians(25.56)), 25.56 + places[:, 1], unit="deg")


def make_difference_scene(folder: Path, *, n_visits: int = 4, seed: int = 23) -> DifferenceScene:
    """Simulate a field of 30 stars and 6 transients in one band and run the pipeline on it.

    Parameters
    ----------
    folder : pathlib.Path
        The repository is made in its sub-folder ``repo``.
    n_visits : int, optional
    seed : int, optional

    Returns
    -------
    DifferenceScene
    """
    rng = np.random.default_rng(seed)
    everything = _field(rng, 36, 0.0075)
    stars, transients = everything[:30], everything[30:]
    star_fluxes = np.geomspace(1000.0, 40000.0, 30)[rng.permutation(30)]
    exposures = tuple(
        SceneExposure(
            visit=visit,
            ra=187.03 + 0.0002 * visit,
            dec=25.56 - 0.0001 * visit,
            rotation=3.0 * visit,
            sigma=1.6 + 0.1 * ((visit * 2) % 5),
            noise=9.0 + visit,
            shape=(320, 320),
            mjd=60000.0 + 20.0 * visit,
        )
        for visit in range(1, n_visits + 1)
    )
    fluxes = np.zeros((n_visits, len(transients)))
    fluxes[np.arange(len(transients)) % n_visits, np.arange(len(transients))] = rng.uniform(
        5000.0, 9000.0, len(transients)
    )
    sky_map = RingsSkyMap(pixel_scale=0.26, patch_size=1350, patch_border=50, cell_size=50)
    first = make_scene_repository(folder, exposures, stars, star_fluxes, sky_map=sky_map)
    with first, first.clone(collections=["scene"], run="sky") as butler:
        for exposure, added in zip(exposures, fluxes, strict=True):
            image = make_scene_image(
                exposure, everything, np.concatenate([star_fluxes, added]), seed=seed + exposure.visit
            )
            butler.put(image, "visit_image", visit=exposure.visit, detector=exposure.detector)
        with first.clone(collections=["sky", "scene"], run="products") as output:
            executor = SeparablePipelineExecutor(output)
            graph = executor.build_quantum_graph(Pipeline.fromString(PIPELINE), where="skymap = 'scene'")
            executor.pre_execute_qgraph(graph, register_dataset_types=True)
            executor.run_pipeline(graph, fail_fast=True)
        reader = first.clone(collections=["products", "sky", "scene"], run=None)
    return DifferenceScene(reader, exposures, transients, fluxes)
