"""The measurements of the suite ``calibrated-visits``, each made when its metric is asked for."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from uraniborg.acceptance.astrometric_accuracy import measure_pattern_matching, measure_projection
from uraniborg.acceptance.hsc_visit import measure_hsc_visit
from uraniborg.acceptance.peers import PsfexRun, SExtractorRun, run_psfex, run_sextractor
from uraniborg.acceptance.psf_accuracy import fit_frame_psf, measure_psf_size, measure_rubin_stars
from uraniborg.acceptance.survey_accuracy import MAGNITUDE_BINS, FrameAccuracy, judge_catalogue
from uraniborg.acceptance.survey_frame import SurveyFrameConfig
from uraniborg.acceptance.survey_run import (
    FrameRun,
    measure_cold_start,
    measure_crowding,
    measure_dimples,
    measure_noise_rate,
    run_frame,
)
from uraniborg.acceptance.zero_point_accuracy import measure_zero_point
from uraniborg.core.errors import Unprocessable
from uraniborg.tasks.common.astrometric_solution import SourcePositions
from uraniborg.verify.metrics import Measurement, Metric, Value, measure

__all__ = ("CalibratedVisits", "measure_calibrated_visits")

_HSC = "refcat/hsc_visit1180"
_RUBIN_STARS = "images/rubin_des_psf_stars"


class CalibratedVisits:
    """All measurements by the name of their metric; what several of them need is made once.

    Parameters
    ----------
    quick : bool
        A smaller frame and fewer repeats.
    data : pathlib.Path
        Folder of real data.
    """

    def __init__(self, *, quick: bool, data: Path) -> None:
        self._quick, self._data = quick, data

    @cached_property
    def _run(self) -> FrameRun:
        if self._quick:
            return run_frame(SurveyFrameConfig(shape=(1100, 1200), n_detectable=650), repeats=1)
        return run_frame()

    @cached_property
    def _sextractor(self) -> SExtractorRun:
        with tempfile.TemporaryDirectory(prefix="uraniborg-peer-") as folder:
            return run_sextractor(self._run.frame, Path(folder))

    @cached_property
    def _psfex(self) -> PsfexRun:
        with tempfile.TemporaryDirectory(prefix="uraniborg-peer-") as folder:
            return run_psfex(self._run.frame, Path(folder))

    @cached_property
    def _projection(self) -> Value:
        run = self._run
        sources = run.found.sources
        error = np.hypot(sources.x_err, sources.y_err) / math.sqrt(2.0)
        usable = (sources.flags == 0) & (sources.extendedness == 0) & np.isfinite(error)
        return measure_projection(run.frame, SourcePositions(sources.x, sources.y, error, sources.snr, usable))

    @cached_property
    def _psf(self) -> tuple[Any, float]:
        return fit_frame_psf(self._run.frame)

    @cached_property
    def _matching(self) -> Value:
        return (
            measure_pattern_matching(n_fields=6, n_dense=2, n_wrong=20) if self._quick else measure_pattern_matching()
        )

    @cached_property
    def _hsc(self) -> Value:
        folder = self._data / _HSC
        if not folder.is_dir():
            raise Unprocessable(f"there is no {folder}; set URANIBORG_TESTDATA to the folder of real data")
        return measure_hsc_visit(folder)

    def frame_seconds(self) -> Value:
        """Background, detection, deblending, measurement."""
        run, stages = self._run, self._run.profile.stages
        spent = ", ".join(f"{name} {stage.seconds:.2f} s" for name, stage in stages.items())
        note = f"{len(run.found.sources.x)} sources; {spent} (the PSF does not count here)"
        return Value(run.seconds, note, {name: stage.seconds for name, stage in stages.items()})

    def frame_seconds_over_sextractor(self) -> Value:
        """The same over the CPU seconds of SExtractor, run right after."""
        ours, theirs = self._run.seconds, self._sextractor.seconds
        return Value(ours / theirs, f"ours {ours:.2f} CPU s, SExtractor {theirs:.2f} CPU s", {"sextractor": theirs})

    def psf_seconds(self) -> Value:
        """The PSF model of a thousand stars."""
        fit, seconds = self._psf
        try:
            peer = f"PSFEx {self._psfex.seconds:.2f} CPU s"
        except Unprocessable as error:
            peer = str(error)
        return Value(seconds, f"{fit.n_stars} stars, order {fit.order}; {peer}")

    def astrometry_seconds(self) -> Value:
        """Match and fit."""
        return Value(float(self._projection.details["cpu_seconds"]), "SCAMP takes 3.9 CPU s on such a frame")

    def whole_frame_seconds(self) -> Value:
        """Everything from the sky to the projection."""
        total = self._run.profile.total_seconds + float(self._projection.details["cpu_seconds"])
        return Value(total, "SExtractor, PSFEx and SCAMP together: 7.6 CPU s on a machine where SExtractor takes 2.1")

    def peak_memory(self) -> Value:
        """Largest resident memory."""
        return Value(self._run.peak_memory, "of the process, the frame and its truth in memory included")

    def cold_start_seconds(self) -> Value:
        """Compilation."""
        return measure_cold_start()

    def centroid_ratio(self) -> Value:
        """Centroids against the bound of Cramer and Rao."""
        found = self._run.accuracy
        ratios = [rms / ideal for rms, ideal in zip(found.centroid_rms, found.centroid_ideal, strict=True)]
        return Value(max(ratios), f"rms {_list(found.centroid_rms)} mas, bound {_list(found.centroid_ideal)} mas")

    def centroid_pull(self) -> Value:
        """Errors of centroids."""
        return _farthest_from_one(self._run.accuracy.centroid_pull)

    def flux_pull(self) -> Value:
        """Errors of fluxes fainter than the reach of the PSF model's own error."""
        return _farthest_from_one(self._run.accuracy.flux_pull[1:])

    def sky_bias(self) -> Value:
        """Our sky against the true one."""
        try:
            peer = f"SExtractor {self._sextractor.sky_bias:+.4f}"
        except Unprocessable as error:
            peer = str(error)
        return Value(abs(self._run.sky_bias), f"signed {self._run.sky_bias:+.5f}; {peer}")

    def half_completeness(self) -> Value:
        """Magnitude at which half is found."""
        found = self._run.accuracy
        return Value(found.half_completeness, f"S/N 5 at a known place is at {found.ideal_half_completeness:.3f}")

    def half_completeness_snr(self) -> Value:
        """Ideal signal-to-noise ratio of that magnitude."""
        found = self._run.accuracy
        return Value(5.0 * 10.0 ** (0.4 * (found.ideal_half_completeness - found.half_completeness)))

    def false_detections(self) -> Value:
        """Detections of nothing."""
        return Value(self._run.accuracy.false_percent, f"of {self._run.accuracy.n_detections} detections")

    def flux_bias(self) -> Value:
        """PSF fluxes of stars of magnitude 17 to 21.5."""
        found = self._run.accuracy
        return Value(max(abs(bias) for bias in found.flux_bias[:2]), f"bins {_list(found.flux_bias)} mmag")

    def worse_than_sextractor(self) -> Value:
        """Number of measures on which SExtractor or PSFEx is better by more than the noise of the comparison."""
        ours, theirs = self._run.accuracy, judge_catalogue(self._run.frame, self._sextractor.catalogue)
        worse, model, peer = _worse(ours, theirs), self._run.found.psf.model, self._psfex
        sizes = [measure_psf_size(self._run.frame, psf) for psf in (model, peer)]
        if abs(sizes[0].value) > abs(sizes[1].value):
            worse.append(f"PSF size {sizes[0].value:+.1e} against {sizes[1].value:+.1e}")
        if sizes[0].details["rms"] > 1.04 * sizes[1].details["rms"]:
            worse.append(f"scatter of PSF sizes {sizes[0].details['rms']:.1e} against {sizes[1].details['rms']:.1e}")
        details = {"sextractor": _plain(theirs), "psfex": {"mean": sizes[1].value, **sizes[1].details}}
        return Value(float(len(worse)), "; ".join(worse) or "better or equal on all", details)

    def noise_rate(self) -> Value:
        """Detections on pure noise."""
        return measure_noise_rate(megapixels=16.0 if self._quick else 40.0)

    def dimples(self) -> Value:
        """Sky around bright stars."""
        return measure_dimples(size=900, n_side=2) if self._quick else measure_dimples()

    def crowded_completeness(self) -> Value:
        """200,000 sources in a square degree."""
        return measure_crowding(2e5, size=1200 if self._quick else 2000)

    def very_crowded_completeness(self) -> Value:
        """500,000 sources in a square degree; without a warning it does not count."""
        found = measure_crowding(5e5, size=1200 if self._quick else 2000)
        return found if found.details["warnings"] else Value(math.nan, f"no warning; {found.note}", found.details)

    def psf_size(self) -> Value:
        """Mean size residual of the model that the frame was measured with."""
        found = measure_psf_size(self._run.frame, self._run.found.psf.model)
        return Value(abs(found.value), found.note, found.details)

    def psf_size_scatter(self) -> Value:
        """Scatter of the size residuals."""
        return Value(float(measure_psf_size(self._run.frame, self._run.found.psf.model).details["rms"]))

    def projection(self) -> Value:
        """Residuals of the projection."""
        return self._projection

    def matching(self) -> Value:
        """Success of the pattern matcher."""
        return self._matching

    def false_matches(self) -> Value:
        """Matches of fields that do not belong together."""
        return Value(float(self._matching.details["false_matches"]))

    def zero_point(self) -> Value:
        """Contribution of the processing to the photometric error."""
        run = self._run
        good = (run.found.sources.flags == 0) & np.isfinite(run.found.sources.psf_flux)
        sources, scale = run.found.sources, run.found.aperture_correction.value
        fluxes = {"flux": scale * sources.psf_flux[good], "flux_err": scale * sources.psf_flux_err[good]}
        return measure_zero_point(run.frame, sources.x[good], sources.y[good], **fluxes)

    def hsc_residuals(self) -> Value:
        """A real focal plane against Gaia."""
        return self._hsc

    def hsc_matched(self) -> Value:
        """Detectors of it that were matched."""
        return Value(100.0 * float(self._hsc.details["matched_fraction"]))

    def rubin_stars(self) -> Value:
        """PSF fits of real Rubin stars."""
        folder = self._data / _RUBIN_STARS
        if not folder.is_dir():
            raise Unprocessable(f"there is no {folder}; set URANIBORG_TESTDATA to the folder of real data")
        return measure_rubin_stars(folder)


def measure_calibrated_visits(metrics: Sequence[Metric], *, quick: bool, data: Path) -> list[Measurement]:
    """Measure the promises of the suite.

    Parameters
    ----------
    metrics : sequence of Metric
        Promises; each has the name of a method of `CalibratedVisits`.
    quick : bool
        A smaller frame and fewer repeats.
    data : pathlib.Path
        Folder of real data.

    Returns
    -------
    list of Measurement
    """
    source = CalibratedVisits(quick=quick, data=data)
    found = []
    for metric in metrics:
        method: Callable[[], Value] = getattr(source, metric.name)
        with measure(metric) as recorder:
            recorder.value = method()
        found.append(recorder.measurement)
    return found


def _list(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _farthest_from_one(values: Sequence[float]) -> Value:
    return Value(max(values, key=lambda value: abs(value - 1.0)), f"bins {_list(values)}")


def _plain(accuracy: FrameAccuracy) -> dict[str, Any]:
    return {name: getattr(accuracy, name) for name in FrameAccuracy.__slots__}


def _worse(ours: FrameAccuracy, theirs: FrameAccuracy) -> list[str]:
    """Name the measures on which ours is worse; bins of a few hundred stars have scatters good to 4 %."""
    worse = []
    if ours.half_completeness < theirs.half_completeness - 0.01:
        worse.append(f"completeness {ours.half_completeness:.3f} against {theirs.half_completeness:.3f}")
    if ours.false_percent > theirs.false_percent + 0.05:
        worse.append(f"false detections {ours.false_percent:.2f} against {theirs.false_percent:.2f} %")
    for row, (low, high) in enumerate(MAGNITUDE_BINS):
        one, two = ours.flux_bias[row], theirs.flux_bias[row]
        # Twice the error of the difference of two medians.
        noise = 2.5 * math.hypot(ours.flux_scatter[row], theirs.flux_scatter[row]) / math.sqrt(theirs.n_judged[row])
        if abs(one) > abs(two) + noise:
            worse.append(f"flux bias at {low:g} to {high:g} mag: {one:+.2f} against {two:+.2f} mmag")
    for name in ("centroid_rms", "flux_scatter"):
        pairs = list(zip(getattr(ours, name), getattr(theirs, name), strict=True))
        if any(one > 1.04 * two for one, two in pairs):
            worse.append(f"{name}: {pairs}")
    return worse
