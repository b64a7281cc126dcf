"""CPU time and memory of one 4096x4096 frame from background to measured sources, stage by stage, and of SExtractor and PSFEx."""  # noqa: E501

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from uraniborg.acceptance.stages import profile_stages
from uraniborg.algorithms.background import estimate_background
from uraniborg.algorithms.background.mesh import BackgroundModel
from uraniborg.algorithms.detection import detect_sources
from uraniborg.algorithms.measurement import measure_sources
from uraniborg.algorithms.psf import fit_psf
from uraniborg.algorithms.singleframe import FrameCharacterization, characterize_frame, find_stars
from uraniborg.testing.fields import SimulatedField, simulate_field

STAGES = {
    "background": (estimate_background, BackgroundModel.evaluate),
    "detection": (detect_sources,),
    "psf": (find_stars, fit_psf),
    "measurement": (measure_sources,),
}

SEXTRACTOR = """CATALOG_TYPE FITS_LDAC
PARAMETERS_NAME {folder}/columns.param
FILTER Y
FILTER_NAME {share}/gauss_4.0_7x7.conv
STARNNW_NAME {share}/default.nnw
DETECT_MINAREA 5
DETECT_THRESH 1.0
ANALYSIS_THRESH 1.0
WEIGHT_TYPE MAP_WEIGHT
WEIGHT_IMAGE {folder}/weight.fits
PHOT_APERTURES 6,12,18,24,34,50
SATUR_LEVEL 1e9
GAIN 1.0
SEEING_FWHM 0.8
PIXEL_SCALE 0.2
BACK_SIZE 128
MEMORY_OBJSTACK 30000
MEMORY_PIXSTACK 3000000
NTHREADS 1
VERBOSE_TYPE QUIET
"""

FIRST_PASS = (
    "X_IMAGE Y_IMAGE XWIN_IMAGE YWIN_IMAGE ERRAWIN_IMAGE FLUX_AUTO FLUXERR_AUTO FLUX_APER(6) FLUXERR_APER(6) "
    "X2_IMAGE Y2_IMAGE XY_IMAGE FLUX_RADIUS ELONGATION SNR_WIN FLAGS"
)


def _frame(size: int) -> SimulatedField:
    n = round(3000 * (size / 4096) ** 2)
    return simulate_field(
        (size, size), n_stars=n, n_galaxies=n, flux_range=(600.0, 3e5), variation=0.04, sky=400.0, seed=1
    )


@pytest.fixture(scope="module")
def frame() -> SimulatedField:
    return _frame(4096)


def _characterize(field: SimulatedField) -> FrameCharacterization:
    return characterize_frame(field.image, field.variance)


@pytest.mark.slow
def test_background_to_sources(benchmark: Any, frame: SimulatedField) -> None:
    _characterize(_frame(512))  # compile
    with profile_stages(STAGES) as profile:
        found = benchmark.pedantic(_characterize, args=(frame,), rounds=1)
    numbers = {name: round(stage.seconds, 3) for name, stage in profile.stages.items()}
    numbers["total"] = round(profile.total_seconds, 3)
    memory = {name: round(stage.peak_memory) for name, stage in profile.stages.items()}
    benchmark.extra_info |= {"cpu_seconds": numbers, "peak_memory_mib": memory, "n_sources": len(found.sources.x)}
    print(f"{len(found.sources.x)} sources; CPU s: {numbers}; peak MiB: {memory}")
    assert found.psf.order == 2
    assert len(found.sources.x) > 3500


def _cpu_seconds(command: list[str], folder: Path) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@pytest.mark.slow
def test_sextractor_and_psfex_on_the_same_frame(benchmark: Any, frame: SimulatedField, tmp_path: Path) -> None:
    share = Path("/usr/share/source-extractor")
    if not (shutil.which("source-extractor") and shutil.which("psfex") and share.is_dir()):
        pytest.skip("source-extractor and psfex are not installed (Debian: apt install source-extractor psfex)")
    fits.writeto(tmp_path / "image.fits", frame.image)
    fits.writeto(tmp_path / "weight.fits", (1.0 / frame.variance).astype(np.float32))
    (tmp_path / "frame.sex").write_text(SEXTRACTOR.format(folder=tmp_path, share=share))
    extract = ["source-extractor", "image.fits", "-c", "frame.sex", "-CATALOG_NAME"]
    (tmp_path / "columns.param").write_text("\n".join([*FIRST_PASS.split(), "VIGNET(35,35)", ""]))
    first = benchmark.pedantic(_cpu_seconds, args=([*extract, "first.fits"], tmp_path), rounds=1)
    model = ["psfex", "first.fits", "-NTHREADS", "1", "-PSFVAR_DEGREES", "2", "-CHECKPLOT_TYPE", "NONE"]
    psf = _cpu_seconds([*model, "-CHECKIMAGE_TYPE", "NONE", "-PSF_SIZE", "25,25", "-PSF_SAMPLING", "1.0"], tmp_path)
    with_psf = [*FIRST_PASS.split(), "FLUX_PSF", "FLUXERR_PSF", "XPSF_IMAGE", ""]
    (tmp_path / "columns.param").write_text("\n".join(with_psf))
    second = _cpu_seconds([*extract, "second.fits", "-PSF_NAME", "first.psf"], tmp_path)
    n_sources = len(fits.getdata(tmp_path / "second.fits", 2))
    numbers = {"sextractor": first, "psfex": psf, "sextractor with PSF fluxes": second, "total": first + psf + second}
    benchmark.extra_info |= {"cpu_seconds": numbers, "n_sources": n_sources}
    print(f"{n_sources} sources; CPU s: { {name: round(value, 2) for name, value in numbers.items()} }")
    assert n_sources > 2000
