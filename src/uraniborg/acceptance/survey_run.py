"""Single-frame processing of the survey frame: seconds, memory, accuracy, crowding, bright stars, noise."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import numba
import numpy as np
from scipy.spatial import cKDTree

from uraniborg.acceptance.single_frame import STAGES
from uraniborg.acceptance.stages import StageProfile, profile_stages
from uraniborg.acceptance.survey_accuracy import FrameAccuracy, FrameCatalogue, judge_catalogue
from uraniborg.acceptance.survey_frame import (
    SurveyFrame,
    SurveyFrameConfig,
    draw_moffats,
    enclosed_light,
    make_survey_frame,
    profile_shapes,
)
from uraniborg.algorithms.detection import detect_sources, expected_false_detections
from uraniborg.algorithms.singleframe import FrameCharacterization, characterize_frame
from uraniborg.core.flags import MeasurementFlag, PixelBit
from uraniborg.verify.metrics import Value

__all__ = (
    "FrameRun",
    "measure_cold_start",
    "measure_crowding",
    "measure_dimples",
    "measure_noise_rate",
    "our_catalogue",
    "run_frame",
)

_SECONDS_STAGES = ("background", "detection", "measurement")


@dataclass(frozen=True, slots=True)
class FrameRun:
    """One frame and what we made of it.

    Attributes
    ----------
    frame : SurveyFrame
    found : FrameCharacterization
    profile : StageProfile
        Of the quickest of the repeats.
    accuracy : FrameAccuracy
    sky_bias : float [standard deviation]
        Mean of our sky minus the true one, in units of the noise of a pixel.
    """

    frame: SurveyFrame
    found: FrameCharacterization
    profile: StageProfile
    accuracy: FrameAccuracy
    sky_bias: float

    @property
    def seconds(self) -> float:
        """CPU seconds of background, detection, deblending and measurement: everything but the PSF model."""
        psf = self.profile.stages["psf"].seconds
        return self.profile.total_seconds - psf

    @property
    def peak_memory(self) -> float:
        """Largest resident memory of the process in any stage [GiB]."""
        return max(stage.peak_memory for stage in self.profile.stages.values()) / 1024.0


def our_catalogue(frame: SurveyFrame, found: FrameCharacterization) -> FrameCatalogue:
    """Return our centroids and PSF fluxes, brought from the aperture of the correction to total light."""
    sources = found.sources
    scale = found.aperture_correction.value / enclosed_light(frame.config, found.correction_radius)
    good = (sources.flags & ~(int(MeasurementFlag.BLENDED) | int(MeasurementFlag.KRON_EDGE))) == 0
    return FrameCatalogue(
        sources.x, sources.y, scale * sources.psf_flux, good, scale * sources.psf_flux_err, sources.x_err
    )


def run_frame(config: SurveyFrameConfig | None = None, *, repeats: int = 3) -> FrameRun:
    """Make the frame, process it on one thread after compiling on a small one, and judge the catalogue.

    Parameters
    ----------
    config : SurveyFrameConfig, optional
        What to make.
    repeats : int
        Runs of which the quickest counts.
    """
    frame = make_survey_frame(config)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        small = make_survey_frame(SurveyFrameConfig(shape=(600, 600), n_detectable=180))
        characterize_frame(small.image, small.variance)
        best: tuple[StageProfile, FrameCharacterization] | None = None
        for _ in range(repeats):
            found = None
            with profile_stages(
                {name: STAGES[name] for name in ("background", "detection", "psf", "measurement")}
            ) as p:
                found = characterize_frame(frame.image, frame.variance)
            if best is None or p.total_seconds < best[0].total_seconds:
                best = (p, found)
    finally:
        numba.set_num_threads(threads)
    assert best is not None
    profile, found = best
    noise = np.sqrt(frame.config.sky + frame.config.read_noise**2)
    bias = float(np.mean(found.background.evaluate() - frame.sky) / noise)
    return FrameRun(frame, found, profile, judge_catalogue(frame, our_catalogue(frame, found)), bias)


def measure_noise_rate(*, megapixels: float = 40.0, threshold: float = 4.0) -> Value:
    """Return detections on pure noise over what the theory of random fields expects.

    Parameters
    ----------
    megapixels : float
        How much noise.
    threshold : float
        Significance; at 4 there are enough of them to count, and the formula is the same at 5.
    """
    kernel = np.zeros((31, 31))
    draw_moffats(kernel, np.full(1, 15.0), np.full(1, 15.0), np.ones(1), np.array([[4.0, 0.0, 0.0]]), 3.0, 1e-9)
    side, n = 2000, max(1, round(megapixels / 4.0))
    found = 0
    for seed in range(n):
        noise = np.random.default_rng([6, seed]).normal(0.0, 30.0, (side, side)).astype(np.float32)
        variance = np.full_like(noise, 900.0)
        found += detect_sources(
            noise, variance, kernel, threshold=threshold, polarity="both", prominence=0.0
        ).peak_x.size
    expected = 2.0 * expected_false_detections(kernel, threshold, n * side * side)
    note = f"{found} detections of both signs above {threshold:g} sigma, {expected:.0f} expected"
    return Value(found / expected, note, {"found": found, "expected": expected, "megapixels": 4.0 * n})


def measure_dimples(*, size: int = 1500, n_side: int = 4) -> Value:
    """Return the largest deviation of our sky from the true one in rings of 5 to 10 arcsec around bright stars [%].

    Parameters
    ----------
    size : int [pixel]
        Side of the frame.
    n_side : int
        Stars of magnitude 14 to 18, saturated ones among them, along one side of a grid.
    """
    config = SurveyFrameConfig(shape=(size, size), n_detectable=round(size**2 * 8000 / 16.3e6))
    frame, rng = make_survey_frame(config, seed=7), np.random.default_rng(1)
    places = size / n_side * (np.arange(n_side) + 0.5)
    x, y = (grid.ravel() + rng.uniform(-20.0, 20.0, n_side**2) for grid in np.meshgrid(places, places))
    magnitude = np.linspace(14.0, 18.0, n_side**2)
    light = np.zeros(config.shape, np.float32)
    flux = 10.0 ** (-0.4 * (magnitude - config.zero_point))
    draw_moffats(light, x, y, flux, profile_shapes(config, x, y), config.beta, 0.02)
    image = frame.image + rng.poisson(light).astype(np.float32)
    saturated = image >= config.full_well
    image = np.minimum(image, np.float32(config.full_well))
    bits = np.where(saturated, int(PixelBit.SATURATED), 0).astype(np.uint8)
    variance = np.maximum(image, np.float32(1.0)) + np.float32(config.read_noise**2)
    sky = characterize_frame(image, variance, pixel_bits=bits).background.evaluate()
    row, column = np.mgrid[:size, :size]
    rings = []
    for cx, cy in zip(x, y, strict=True):
        distance = np.hypot(column - cx, row - cy)
        ring = (distance > 25.0) & (distance < 50.0)
        rings.append(100.0 * float(np.mean((sky - frame.sky)[ring])) / config.sky)
    worst = float(np.max(np.abs(rings)))
    note = f"{len(rings)} stars, {int(saturated.sum())} saturated pixels; mean {np.mean(rings):+.3f} %"
    return Value(worst, note, {"rings_percent": [round(value, 4) for value in rings], "magnitudes": magnitude.tolist()})


def measure_crowding(density: float, *, size: int = 2000) -> Value:
    """Return the completeness between magnitude 18 and 20 in a crowded field [%].

    Parameters
    ----------
    density : float [1 / deg^2]
        Sources brighter than the limit of an uncrowded frame.
    size : int [pixel]
        Side of the frame.
    """
    n = round(density * size**2 * (0.2 / 3600.0) ** 2)
    frame = make_survey_frame(replace(SurveyFrameConfig(), shape=(size, size), n_detectable=n), seed=4)
    with profile_stages({}) as profile:
        found = characterize_frame(frame.image, frame.variance)
    edge = 10.0
    inside = (np.minimum(frame.x, frame.y) > edge) & (np.maximum(frame.x, frame.y) < size - 1 - edge)
    wanted = inside & (frame.magnitude > 18.0) & (frame.magnitude < 20.0)
    gap, index = cKDTree(np.column_stack([found.sources.x, found.sources.y])).query(
        np.column_stack([frame.x, frame.y])[wanted]
    )
    flux = our_catalogue(frame, found).flux[index]
    hit = (gap < 2.0) & (np.abs(flux / frame.flux[wanted] - 1.0) < 0.2)
    note = f"{len(found.sources.x)} of {n} found, {profile.total_seconds:.1f} CPU s for {size**2 / 1e6:.1f} Mpixel"
    if found.notes:
        note += f"; warned: {found.notes[0]}"
    details = {"n_judged": int(wanted.sum()), "warnings": list(found.notes), "cpu_seconds": profile.total_seconds}
    return Value(100.0 * float(hit.mean()), note, details)


_COLD = """
from uraniborg.acceptance.survey_frame import SurveyFrameConfig, make_survey_frame
from uraniborg.algorithms.singleframe import characterize_frame
frame = make_survey_frame(SurveyFrameConfig(shape=(600, 600), n_detectable=180))
characterize_frame(frame.image, frame.variance)
"""


def measure_cold_start() -> Value:
    """Return the CPU seconds that compiling everything takes at the first run of all, cache empty [s]."""
    with tempfile.TemporaryDirectory(prefix="uraniborg-cold-") as folder:
        seconds = []
        for _ in range(2):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            environment = os.environ | {"NUMBA_CACHE_DIR": str(Path(folder) / "cache"), "NUMBA_NUM_THREADS": "1"}
            subprocess.run([sys.executable, "-c", _COLD], check=True, capture_output=True, env=environment)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    note = f"{seconds[0]:.1f} CPU s with an empty cache, {seconds[1]:.1f} s with the compiled one"
    return Value(seconds[0] - seconds[1], note, {"cold": seconds[0], "warm": seconds[1]})
