"""Measures calibration products: the real driver on simulated exposures, against the truth of the simulation."""

from __future__ import annotations

import itertools
import resource
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import astropy.units as u
import numpy as np
import pyarrow.parquet as pq
from astropy.table import Table
from astropy.time import Time
from lsst.daf.butler import DatasetType, Timespan
from lsst.daf.butler.time_utils import TimeConverter

from uraniborg.algorithms.calib.projector import Beam, ProjectorGeometry, aim, trace
from uraniborg.archive.certify import certify_calibration, read_timeline
from uraniborg.archive.formatters.tables import table_from_arrow
from uraniborg.archive.ingest import ingest_raws
from uraniborg.archive.repository import create_repository, open_repository
from uraniborg.core.errors import UserError
from uraniborg.core.random import random_stream
from uraniborg.instruments.simcam import SimCam
from uraniborg.productions.calib import BuildOptions, CalibrationBuild, build_calibrations
from uraniborg.sim.config import SimConfig, load_config
from uraniborg.sim.writer import simulate_calibrations
from uraniborg.verify import calib_truth as truth_of
from uraniborg.verify.metrics import Measurement, Metric, Value, measure

__all__ = ("CALIBRATION_MEASURES", "BuiltSet", "build_set", "measure_calibration_metrics", "measure_rendezvous")

_QUESTIONS = 10_000
_ASKED_OF_REGISTRY = 200


@dataclass(frozen=True, slots=True)
class BuiltSet:
    """A simulated set, what was made of it, and what it cost.

    Attributes
    ----------
    config : SimConfig
        The survey.
    truth : dict of str to astropy.table.Table
        Truth tables.
    products : dict of str to object
        Certified products of the detector, by dataset type.
    build : CalibrationBuild
        What became of each.
    cpu_seconds : float [s]
        CPU time of the build, its worker processes included.
    """

    config: SimConfig
    truth: dict[str, Table]
    products: dict[str, Any]
    build: CalibrationBuild
    cpu_seconds: float


def build_set(config: SimConfig, folder: Path, *, options: BuildOptions | None = None, jobs: int = 1) -> BuiltSet:
    """Simulate a calibration set, build its calibrations, and read what was certified.

    Parameters
    ----------
    config : SimConfig
        The survey.
    folder : pathlib.Path
        Where exposures and repository go.
    options : BuildOptions, optional
        How to build.
    jobs : int
        Processes of the simulation.
    """
    simulate_calibrations(config, folder / "set", jobs=jobs)
    camera = SimCam()
    with create_repository(folder / "repo") as butler:
        ingest_raws(butler, [folder / "set" / "raw"], instrument=camera, transfer="symlink")
        records = butler.query_dimension_records("exposure", instrument=camera.getName(), limit=None)
        nights = sorted({int(record.day_obs) for record in records})
    start = _cpu_seconds()
    build = build_calibrations(folder / "repo", nights, instrument=camera, options=options)
    spent = _cpu_seconds() - start
    products = {}
    with open_repository(folder / "repo") as butler:
        for dataset in ("gain", "ptc", "linearizer", "crosstalk", "cti", "bfKernel", "dark", "defects"):
            refs = butler.query_datasets(dataset, collections=build.runs, explain=False) if build.runs else []
            for ref in refs:
                products[dataset] = butler.get(ref)
    names, tables = ("amplifiers", "crosstalk", "brighter_fatter", "defects"), folder / "set" / "truth"
    truth = {name: table_from_arrow(pq.read_table(tables / f"{name}.parquet")) for name in names}
    return BuiltSet(config, truth, products, build, spent)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(item.ru_utime + item.ru_stime for item in used)


def _worst(found: truth_of.Comparison, *, scale: float = 100.0) -> Value:
    pulls = f"; pulls {found.pulls.mean():+.2f} +- {found.pulls.std():.2f}" if found.pulls.size else ""
    return Value(scale * found.worst, f"mean {scale * found.mean:+.4f}{pulls}")


def _gain(made: BuiltSet) -> Value:
    return _worst(truth_of.measure_gain_truth(made.products["gain"], made.truth["amplifiers"]))


def _noise(made: BuiltSet) -> Value:
    return _worst(truth_of.measure_noise_truth(made.products["gain"], made.truth["amplifiers"]))


def _turnoff(made: BuiltSet) -> Value:
    return _worst(truth_of.measure_turnoff_truth(made.products["ptc"], made.truth["amplifiers"]))


def _linearity(made: BuiltSet) -> Value:
    return _worst(truth_of.measure_linearity_truth(made.products["linearizer"], made.truth["amplifiers"]))


def _crosstalk(made: BuiltSet) -> Value:
    return _worst(truth_of.measure_crosstalk_truth(made.products["crosstalk"], made.truth["crosstalk"]), scale=1.0)


def _cti(made: BuiltSet) -> Value:
    both = [
        truth_of.measure_cti_truth(made.products["cti"], made.truth["amplifiers"], axis=axis)
        for axis in ("serial", "parallel")
    ]
    return _worst(max(both, key=lambda item: item.worst))


def _kernel(made: BuiltSet) -> Value:
    return _worst(truth_of.measure_kernel_truth(made.products["bfKernel"], made.truth["brighter_fatter"]))


def _defects(made: BuiltSet) -> tuple[float, float]:
    dark = made.products["dark"]
    strong = made.config.sensor.dark_current + 10.0 * float(np.sqrt(np.median(dark.variance.array)))
    found, false = truth_of.measure_defect_truth(
        made.products["defects"], made.truth["defects"], shape=dark.image.array.shape, strong=strong
    )
    return 100.0 * found, 100.0 * false


def _refused(made: BuiltSet) -> Value:
    note = "; ".join(f"{item.product}: {item.reason}" for item in made.build.refused)
    return Value(float(len(made.build.refused)), note or f"{len(made.build.outcomes)} products")


def measure_rendezvous(folder: Path, *, questions: int = _QUESTIONS) -> Value:
    """Return the share [%] of random questions after a calibration that are answered as brute force answers them.

    Parameters
    ----------
    folder : pathlib.Path
        Where a repository is made, of four detectors with gaps and boundaries in the validity of their calibrations.
    questions : int
        Random detectors and times; a tenth exactly on boundaries, and 200 of them asked of the registry as well.
    """
    rng = random_stream(1572, "acceptance.rendezvous")
    start = Time("2026-01-01", scale="tai")
    with create_repository(folder / "rendezvous") as butler:
        SimCam().register(butler.registry)
        kind = DatasetType(
            "mark", ("instrument", "detector"), "StructuredDataDict", universe=butler.dimensions, isCalibration=True
        )
        butler.registry.registerDatasetType(kind)
        ranges: list[tuple[int, float, float, str]] = []
        days = np.sort(rng.choice(1000, 9, replace=False)).astype(float)
        for detector, (k, (first, last)) in itertools.product(range(4), enumerate(itertools.pairwise(days))):
            if rng.random() < 0.2:
                continue
            run = f"marks/{detector}/{k}"
            butler.collections.register(run)
            butler.put({}, "mark", instrument="SimCam", detector=detector, run=run)
            begin, end = start + first * u.day, start + last * u.day
            certify_calibration(butler, "mark", run, "marks", begin=begin, end=end)
            ranges.append((detector, first, last, run))
        overlap = _overlap_is_refused(butler, ranges[0], start)
        timeline, converter, right = read_timeline(butler, "mark", "marks"), TimeConverter(), 0
        for n in range(questions):
            detector = int(rng.integers(0, 4))
            day = float(rng.choice(days)) if n % 10 == 0 else float(rng.uniform(-5.0, 1005.0))
            moment = start + day * u.day
            expected = [run for d, first, last, run in ranges if d == detector and first <= day < last]
            found = timeline.find({"instrument": "SimCam", "detector": detector}, converter.astropy_to_nsec(moment))
            same = ([found.run] if found else []) == expected
            if n % max(1, questions // _ASKED_OF_REGISTRY) == 0:
                span = Timespan(begin=moment, end=moment + 1e-3 * u.s)
                same &= found == butler.find_dataset(
                    "mark", instrument="SimCam", detector=detector, collections="marks", timespan=span
                )
            right += same
    return Value(100.0 * right / questions if overlap else 0.0, f"{questions} questions, overlap refused: {overlap}")


def _overlap_is_refused(butler: Any, taken: tuple[int, float, float, str], start: Time) -> bool:
    detector, first, last, run = taken
    other = f"{run}/other"
    butler.collections.register(other)
    butler.put({}, "mark", instrument="SimCam", detector=detector, run=other)
    middle = start + 0.5 * (first + last) * u.day
    try:
        certify_calibration(butler, "mark", other, "marks", begin=middle, end=middle + 1.0 * u.s)
    except UserError as error:
        return run in str(error)
    return False


def _projector() -> Value:
    """Return the largest round trip [pixel] over a grid of places over a focal plane as large as Rubin's."""
    geometry = ProjectorGeometry(position=(-5.5, 9.3, 2.1), focal_length=10310.0, distortion=(0.02, -0.1))
    grid = np.linspace(-310.0, 310.0, 121)
    x, y = (part.ravel() for part in np.meshgrid(grid, grid))
    inside = np.hypot(x, y) < 320.0
    x, y = x[inside], y[inside]
    angle = 2.4 * np.arange(x.size)
    wanted = Beam(x, y, 3.0 * np.cos(angle), 3.0 * np.sin(angle))
    mask = {"mask_x": 10.0 * np.sin(angle), "mask_y": 10.0 * np.cos(2.0 * angle)}
    found = trace(aim(wanted, geometry, rotator=angle % 90.0, **mask), geometry, **mask)
    miss = float(np.hypot(found.x - x, found.y - y).max()) / 0.01
    return Value(miss, f"{x.size} places 5.2 mm apart; an amplifier is 5 x 20 mm")


CALIBRATION_MEASURES: dict[str, Callable[[BuiltSet], Value]] = {
    "calibrations_refused": _refused,
    "gain_deviation": _gain,
    "read_noise_deviation": _noise,
    "turnoff_deviation": _turnoff,
    "linearity_deviation": _linearity,
    "crosstalk_deviation": _crosstalk,
    "charge_transfer_deviation": _cti,
    "kernel_deviation": _kernel,
    "defects_found": lambda made: Value(_defects(made)[0], "above 10 sigma of the dark, and dead"),
    "defects_false": lambda made: Value(_defects(made)[1], "of good pixels"),
}
"""Metric of the suite ``isr-calib`` to the function that measures it on a built set."""


def measure_calibration_metrics(metrics: list[Metric], folder: Path, *, jobs: int = 1) -> list[Measurement]:
    """Measure those metrics of the suite that are of calibration products.

    Parameters
    ----------
    metrics : list of Metric
        Metrics of the suite; nothing is built if none of them needs it.
    folder : pathlib.Path
        Where exposures and repositories go.
    jobs : int
        Processes of the simulation.
    """
    made: BuiltSet | None = None
    found = []
    for metric in metrics:
        if metric.name not in {*CALIBRATION_MEASURES, "rendezvous", "projector_round_trip", "calibration_seconds"}:
            continue
        with measure(metric) as recorder:
            if metric.name == "rendezvous":
                recorder.value = measure_rendezvous(folder)
            elif metric.name == "projector_round_trip":
                recorder.value = _projector()
            elif metric.name == "calibration_seconds":
                recorder.value = _seconds(folder / "daily", jobs)
            else:
                made = made or build_set(load_config("calib-set"), folder / "products", jobs=jobs)
                recorder.value = CALIBRATION_MEASURES[metric.name](made)
        found.append(recorder.measurement)
    return found


def _seconds(folder: Path, jobs: int) -> Value:
    """Return the CPU seconds of 25 exposures of a detector of 4096 x 4096 pixels."""
    base = load_config("calib-set")
    levels = (2e3, 1e4, 2e4, 3.5e4, 5e4, 6.5e4, 8e4, 9.5e4)
    plan = {"biases": 5, "darks": 4, "flat_levels": levels, "flats": 0, "sky_bands": (), "wavelengths": ()}
    config = base.model_copy(
        update={
            "camera": base.camera.model_copy(update={"width": 4096, "height": 4096}),
            "electronics": base.electronics.model_copy(update={"columns": 8}),
            "calibration": base.calibration.model_copy(update={**plan, "spot_levels": ()}),
        }
    )
    folder.mkdir(parents=True, exist_ok=True)
    bars = folder / "bars.yaml"
    bars.write_text("bias.growth: {max: 0.12}\n")  # five biases
    made = build_set(config, folder, options=BuildOptions(criteria=bars), jobs=jobs)
    spent = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in made.build.seconds.items() if seconds > 0.5)
    return Value(made.cpu_seconds, f"wall: {spent}; {len(made.build.refused)} refused")
