from __future__ import annotations

import dataclasses
import logging

import numpy as np
import pytest
from lsst.images import VisitImage
from lsst.pipe.base import NoWorkFound
from lsst.pipe.base.simple_pipeline_executor import SimplePipelineExecutor

from uraniborg.archive.formatters.frames import read_reduced_frame
from uraniborg.archive.ingest import ingest_reduced
from uraniborg.archive.repository import create_repository, open_repository
from uraniborg.instruments.base import MEMBERS
from uraniborg.instruments.decam import DECam
from uraniborg.instruments.simcam import SimCam
from uraniborg.model.masks import select_pixels
from uraniborg.tasks.assemble_reduced import AssembleReducedConfig, AssembleReducedTask
from uraniborg.testing.frames import tiny_exposure, write_triplet


@pytest.fixture
def frames(tmp_path):
    paths = write_triplet(tmp_path / "frames", tiny_exposure(5))
    return {member: read_reduced_frame(str(paths[member])) for member in MEMBERS}


def test_image_and_share_of_unusable_pixels(frames) -> None:
    result = AssembleReducedTask(config=AssembleReducedConfig()).run(**frames, instrument=SimCam())
    assert isinstance(result.output, VisitImage)
    assert result.unusable == select_pixels(result.output.mask).mean() == 6 / (32 * 40)


def test_frames_without_use_are_no_work(frames) -> None:
    config = AssembleReducedConfig(max_unusable=0.001)
    with pytest.raises(NoWorkFound, match=r"0\.5% of the pixels are unusable, more than 0\.1%"):
        AssembleReducedTask(config=config).run(**frames, instrument=SimCam())
    nothing = dataclasses.replace(frames["weight"], array=np.zeros_like(frames["weight"].array))
    with pytest.raises(NoWorkFound, match="no pixel of exposure 5"):
        AssembleReducedTask(config=AssembleReducedConfig()).run(**frames | {"weight": nothing}, instrument=SimCam())


def run_all(repo, camera, caplog) -> list[VisitImage]:
    butler = SimplePipelineExecutor.prep_butler(repo, inputs=[f"{camera.getName()}/defaults"], output="u/tests/run")
    with butler, caplog.at_level(logging.INFO, logger="uraniborg"):
        executor = SimplePipelineExecutor.from_task_class(AssembleReducedTask, butler=butler)
        executor.run(register_dataset_types=True)
    with open_repository(repo) as butler:
        refs = butler.query_datasets("post_isr_image", collections="u/tests/run")
        return [butler.get(ref) for ref in refs]


def test_repository_to_repository(tmp_path, frames, caplog) -> None:
    with create_repository(tmp_path / "repo") as butler:
        ingest_reduced(butler, tmp_path / "frames", instrument=SimCam())
    (image,) = run_all(str(tmp_path / "repo"), SimCam(), caplog)
    expected = SimCam().build_visit_image(*(frames[member] for member in MEMBERS))
    assert np.array_equal(image.image.array, expected.image.array)
    assert np.array_equal(image.mask.array, expected.mask.array)
    assert image.sky_projection == expected.sky_projection
    assert image.obs_info.exposure_id == 5
    assert image.metadata["gain"] == 1.5
    assert "exposure 5 detector 0: 40 x 32 pixels, 0.47 % unusable" in caplog.text


@pytest.mark.realdata
@pytest.mark.slow
def test_pulls_of_the_sky_of_the_real_field(tmp_path, testdata, caplog) -> None:
    """Noise of all nine exposures against their variance, from differences of neighbours: sky and stars drop out."""
    with create_repository(tmp_path / "repo") as butler:
        ingest_reduced(butler, testdata / "images/decam_field_187p03_25p56", instrument=DECam(), transfer="direct")
    images = run_all(str(tmp_path / "repo"), DECam(), caplog)
    widths = []
    for image in images:
        pixels, good = image.image.array.astype(float), ~select_pixels(image.mask)
        second = (pixels[1:, 1:] - pixels[:-1, 1:] - pixels[1:, :-1] + pixels[:-1, :-1]) / 2
        pull = (second / np.sqrt(image.variance.array[1:, 1:]))[good[1:, 1:]]
        widths.append(1.4826 * np.median(np.abs(pull - np.median(pull))))
    assert len(widths) == 9
    assert np.median(widths) == pytest.approx(1.0, abs=0.02)
    assert max(abs(np.array(widths) - 1.0)) < 0.06
