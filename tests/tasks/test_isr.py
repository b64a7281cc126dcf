from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from astropy.io import fits
from lsst.daf.butler import DatasetType
from lsst.images import Box, Image, MaskedImage, VisitImage
from lsst.pipe.base import NoWorkFound
from lsst.pipe.base.simple_pipeline_executor import SimplePipelineExecutor

from uraniborg.algorithms.isr.pipeline import STEPS
from uraniborg.archive.certify import certify_calibration
from uraniborg.archive.ingest import ingest_raws
from uraniborg.archive.repository import create_repository, open_repository
from uraniborg.instruments.raw_geometry import raw_geometry
from uraniborg.instruments.simcam import SimCam
from uraniborg.instruments.simcam.raw_layout import raw_file_name
from uraniborg.model.calibrations import AmplifierGains, DefectList
from uraniborg.model.frames import RawFrame, ReducedFrame
from uraniborg.model.masks import mask_schema, select_pixels
from uraniborg.sim import SimConfig, make_sky, plan_visits
from uraniborg.sim.camera.config import ElectronicsConfig, SensorConfig
from uraniborg.sim.config import CameraConfig, ObservingConfig, SkyConfig
from uraniborg.sim.exposure import expected_image
from uraniborg.sim.raw_exposure import RawExposure, detector_properties, expose_visit
from uraniborg.tasks.characterize_image import CharacterizeImageConfig, CharacterizeImageTask
from uraniborg.tasks.common.isr_image import pixel_scale
from uraniborg.tasks.isr import IsrConfig, IsrTask

CONFIG = SimConfig(
    raw=True,
    sky=SkyConfig(star_density=60.0, galaxy_density=5.0),
    camera=CameraConfig(width=512, height=512, cosmic_rays=8.0, bad_columns=2),
    observing=ObservingConfig(bands=("r",), nights=(0.0,)),
    sensor=SensorConfig(brighter_fatter=0.0, serial_cti=0.0, parallel_cti=0.0),
    electronics=ElectronicsConfig(columns=4, nonlinearity=0.0, crosstalk=0.0, bias_pattern=0.0),
)
STEPS_HERE = ["overscan", "saturation", "dark", "flat", "defects", "cosmicRays", "streaks", "interpolation"]


@cache
def exposure() -> tuple[RawExposure, np.ndarray]:
    sky, visit = make_sky(CONFIG), plan_visits(CONFIG)[0]
    return expose_visit(sky, visit, 0, config=CONFIG), expected_image(sky, visit, 0, config=CONFIG)


@pytest.fixture
def raw() -> RawFrame:
    made, _ = exposure()
    pairs = zip(made.headers, made.segments, strict=True)
    return RawFrame(made.primary, tuple(ReducedFrame(made.primary, h, s) for h, s in pairs))


def masked(pixels: np.ndarray) -> MaskedImage:
    box = Box.from_shape(pixels.shape)
    image, variance = (Image(values.astype(np.float32), bbox=box) for values in (pixels, np.zeros(pixels.shape)))
    return MaskedImage(image, variance=variance, mask_schema=mask_schema())


@pytest.fixture
def products() -> dict:
    true = detector_properties(CONFIG, 0)
    names = tuple(true.layout.name(k) for k in range(8))
    noise = tuple(map(float, true.amplifiers.read_noise))
    return {
        "gain": AmplifierGains(amplifiers=names, gain=tuple(map(float, true.amplifiers.gain)), read_noise=noise),
        "dark": masked(true.dark_current),
        "flat": masked(true.response),
        "defects": DefectList(defects=DefectList.runs(true.dead, "dead") + DefectList.runs(true.hot, "hot")),
    }


def test_electrons_are_those_of_the_truth_and_the_next_task_runs(raw, products) -> None:
    task = IsrTask(config=IsrConfig(steps=STEPS_HERE))
    found = task.run(raw=raw, instrument=SimCam(), products=products)
    image, truth = found.output, exposure()[1]
    assert isinstance(image, VisitImage)
    good = ~select_pixels(image.mask)
    pull = (image.image.array - truth)[good] / np.sqrt(image.variance.array[good])
    assert pull.std() == pytest.approx(1.0, abs=0.03)
    assert abs(pull.mean()) < 0.05
    assert found.unusable < 0.02
    numbers = task.metadata["isr"]
    assert numbers.getArray("amplifiers")[0] == "C00"
    assert len(numbers.getArray("sky")) == 8
    assert 0.0 < numbers["amplifierStep"] < 0.05
    assert image.metadata["gain"] == pytest.approx(np.mean(products["gain"].gain))
    after = CharacterizeImageTask(config=CharacterizeImageConfig()).run(image=image)
    assert len(after.sources) > 50


def test_scale_and_sky_of_the_header(raw) -> None:
    assert pixel_scale(raw, raw_geometry(raw)) == pytest.approx(0.26, rel=1e-3)
    image = IsrTask(config=IsrConfig(steps=["overscan"])).run(raw=raw, instrument=SimCam(), products={}).output
    at = image.sky_projection.pixel_to_sky(x=np.array([256.0]), y=np.array([256.0]))
    assert at.ra.deg[0] == pytest.approx(150.0, abs=0.02)
    assert not image.mask.array.any() or set(np.unique(select_pixels(image.mask))) == {False}


def test_a_frame_without_use_is_no_work(raw, products) -> None:
    with pytest.raises(NoWorkFound, match="unusable"):
        IsrTask(config=IsrConfig(steps=STEPS_HERE, max_unusable=0.001)).run(
            raw=raw, instrument=SimCam(), products=products
        )


def test_calibrations_of_steps_left_out_are_not_asked_for() -> None:
    connections = IsrConfig.ConnectionsClass(config=IsrConfig(steps=["overscan", "bias"]))
    assert set(connections.prerequisiteInputs) == {"bias", "gain"}
    everything = IsrConfig.ConnectionsClass(config=IsrConfig(steps=list(STEPS)))
    assert {"cti", "bfKernel", "linearizer", "fringe"} < set(everything.prerequisiteInputs)


def test_repository_to_repository(tmp_path, raw, products) -> None:
    made, _ = exposure()
    path = tmp_path / "raw" / raw_file_name(made.primary["EXPNUM"], 0)
    path.parent.mkdir()
    hdus = [fits.ImageHDU(s, header=h) for s, h in zip(made.segments, made.headers, strict=True)]
    fits.HDUList([fits.PrimaryHDU(header=made.primary), *hdus]).writeto(path)
    repo = str(tmp_path / "repo")
    kinds = {"gain": "AmplifierGains", "dark": "MaskedImageV2", "flat": "MaskedImageV2", "defects": "DefectList"}
    with create_repository(repo) as butler:
        ingest_raws(butler, path.parent, instrument=SimCam())
    with open_repository(repo, run="u/calib") as butler:
        data_id = {"instrument": "SimCam", "detector": 0}
        for name, kind in kinds.items():
            dimensions = ["instrument", "detector"] + (["physical_filter"] if name == "flat" else [])
            butler.registry.registerDatasetType(
                DatasetType(name, dimensions, kind, universe=butler.dimensions, isCalibration=True)
            )
            extra = {"physical_filter": "r_sim"} if name == "flat" else {}
            butler.put(products[name], name, data_id | extra)
            certify_calibration(butler, name, "u/calib", "SimCam/calib", begin="2020-01-01T00:00:00")
    butler = SimplePipelineExecutor.prep_butler(repo, inputs=["SimCam/raw/all", "SimCam/calib"], output="u/tests/run")
    with butler:
        executor = SimplePipelineExecutor.from_task_class(IsrTask, config=IsrConfig(steps=STEPS_HERE), butler=butler)
        executor.run(register_dataset_types=True)
    with open_repository(repo) as butler:
        (ref,) = butler.query_datasets("post_isr_image", collections="u/tests/run")
        stored = butler.get(ref)
    direct = IsrTask(config=IsrConfig(steps=STEPS_HERE)).run(raw=raw, instrument=SimCam(), products=products).output
    np.testing.assert_array_equal(stored.image.array, direct.image.array)
    np.testing.assert_array_equal(stored.mask.array, direct.mask.array)
