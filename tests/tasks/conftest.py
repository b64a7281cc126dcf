"""Scenes that several tests of tasks share."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from lsst.daf.butler import Butler
from lsst.pipe.base import Pipeline
from lsst.pipe.base.separable_pipeline_executor import SeparablePipelineExecutor

from uraniborg.model.frames import RawFrame, ReducedFrame
from uraniborg.model.skymap import RingsSkyMap
from uraniborg.sim.camera.config import CalibrationConfig, ElectronicsConfig, SensorConfig
from uraniborg.sim.camera.properties import DetectorProperties
from uraniborg.sim.camera.sequence import plan_calibrations
from uraniborg.sim.config import CameraConfig, ObservingConfig, SimConfig
from uraniborg.sim.raw_exposure import detector_properties, expose_calibration
from uraniborg.tasks.common.calib_frames import Label, LazyFrame
from uraniborg.tasks.cp_bias import CpBiasTask
from uraniborg.tasks.cp_crosstalk import CpCrosstalkTask
from uraniborg.tasks.cp_cti import CpCtiTask
from uraniborg.tasks.cp_dark import CpDarkTask
from uraniborg.tasks.cp_defects import CpDefectsTask
from uraniborg.tasks.cp_flat import CpFlatTask
from uraniborg.tasks.cp_kernel import CpKernelTask
from uraniborg.tasks.cp_linearity import CpLinearityTask
from uraniborg.tasks.cp_ptc import CpPtcTask
from uraniborg.tasks.cp_transmission import CpTransmissionTask
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


@dataclass(frozen=True)
class CalibrationSet:
    """A simulated calibration sequence of one small detector, and what the detector is really like."""

    config: SimConfig
    truth: DetectorProperties
    frames: dict[str, tuple[LazyFrame, ...]]
    label: Label


@pytest.fixture(scope="session")
def calibration_set() -> CalibrationSet:
    """Biases, darks, a ramp of flats in pairs, spots and monochromatic flats of a detector of 256 x 256 pixels."""
    config = SimConfig(
        raw=True,
        camera=CameraConfig(width=256, height=256, cosmic_rays=3.0, bad_columns=1),
        observing=ObservingConfig(bands=("r",), nights=(0.0,)),
        electronics=ElectronicsConfig(columns=2, rows=2, overscan=32),
        sensor=SensorConfig(hot_pixels=1000.0, dust_grains=1.0),
        calibration=CalibrationConfig(
            biases=8,
            darks=4,
            flat_levels=(1e3, 5e3, 1e4, 2e4, 3e4, 4e4, 6e4, 8e4, 1e5, 1.2e5, 1.3e5, 1.4e5),
            wavelengths=(500.0, 600.0, 700.0),
            spot_levels=(9e4,),
        ),
    )
    frames: dict[str, list[LazyFrame]] = {}
    for item in plan_calibrations(config):
        made = expose_calibration(item, 0, config=config)
        segments = tuple(
            ReducedFrame(made.primary, header, pixels)
            for header, pixels in zip(made.headers, made.segments, strict=True)
        )
        raw = RawFrame(made.primary, segments)
        header = item.header
        dark_time = header.exposure_time if header.dark_time is None else header.dark_time
        kind = header.observation_type
        frame = LazyFrame(header.exposure, kind, header.exposure_time, dark_time, partial(_same, raw))
        frames.setdefault(kind, []).append(frame)
    truth = detector_properties(config, 0)
    return CalibrationSet(config, truth, {k: tuple(v) for k, v in frames.items()}, Label("SimCam", 0))


def _same(raw: RawFrame) -> RawFrame:
    return raw


@pytest.fixture(scope="session")
def calibrations(calibration_set: CalibrationSet) -> dict[str, Any]:
    """Every calibration of the set, made by the tasks in their order."""
    frames, label = calibration_set.frames, calibration_set.label
    made: dict[str, Any] = {}

    def run(task: Any, **inputs: Any) -> None:
        made.update(task(config=task.ConfigClass()).run(label=label, **inputs).getDict())

    run(CpBiasTask, frames=frames["bias"])
    run(CpCrosstalkTask, frames=frames["crosstalk"], bias=made["bias"])
    run(CpCtiTask, frames=frames["flat"])
    run(CpLinearityTask, frames=frames["flat"], bias=made["bias"], crosstalk=made["crosstalk"])
    known = {name: made[name] for name in ("bias", "linearizer", "crosstalk")}
    run(CpPtcTask, frames=frames["flat"], noise=made["numbers"], cti=made["cti"], **known)
    run(CpKernelTask, ptc=made["ptc"])
    known["gains"] = made["gain"]
    run(CpDarkTask, frames=frames["dark"], **known)
    run(CpFlatTask, frames=frames["flat"], dark=made["dark"], **known)
    run(CpDefectsTask, dark=made["dark"], flats=[made["flat"]])
    run(CpTransmissionTask, frames=frames["monoflat"], dark=made["dark"], **known)
    return made
