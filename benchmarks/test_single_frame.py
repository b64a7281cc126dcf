"""CPU seconds and memory of the survey frame from background to measured sources, and of SExtractor and PSFEx on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from uraniborg.acceptance.peers import run_psfex, run_sextractor
from uraniborg.acceptance.survey_run import FrameRun, run_frame
from uraniborg.core.errors import Unprocessable


@pytest.fixture(scope="module")
def run() -> FrameRun:
    return run_frame(repeats=1)


@pytest.mark.slow
def test_background_to_sources(benchmark: Any, run: FrameRun) -> None:
    benchmark.pedantic(lambda: run, rounds=1)
    numbers = {name: round(stage.seconds, 3) for name, stage in run.profile.stages.items()}
    benchmark.extra_info |= {"cpu_seconds": numbers, "without_psf": run.seconds, "peak_memory_gib": run.peak_memory}
    print(f"{len(run.found.sources.x)} sources; {run.seconds:.2f} CPU s; {numbers}; {run.peak_memory:.2f} GiB")
    assert len(run.found.sources.x) > 7000


@pytest.mark.slow
def test_sextractor_and_psfex_on_the_same_frame(benchmark: Any, run: FrameRun, tmp_path: Path) -> None:
    try:
        peer = benchmark.pedantic(run_sextractor, args=(run.frame, tmp_path), kwargs={"repeats": 1}, rounds=1)
        psfex = run_psfex(run.frame, tmp_path, repeats=1)
    except Unprocessable as error:
        pytest.skip(str(error))
    benchmark.extra_info |= {"sextractor": peer.seconds, "psfex": psfex.seconds, "sky_bias": peer.sky_bias}
    print(f"SExtractor {peer.seconds:.2f} CPU s, PSFEx {psfex.seconds:.2f} CPU s; ours {run.seconds:.2f} CPU s")
    assert len(peer.catalogue.x) > 6000
