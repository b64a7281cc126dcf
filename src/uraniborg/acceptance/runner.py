"""Runs an acceptance suite: the real productions first, then the measurements of what they made."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from uraniborg.acceptance.calib_build import measure_calibration_metrics
from uraniborg.acceptance.calibrated_visits import measure_calibrated_visits
from uraniborg.acceptance.cameras import measure_camera_metrics
from uraniborg.acceptance.catalogue_tap import measure_catalogue_tap
from uraniborg.acceptance.isr_calib import measure_isr_metrics
from uraniborg.acceptance.simulation import measure_simulation
from uraniborg.acceptance.simulation_report import write_simulation_report
from uraniborg.acceptance.single_frame import measure_single_frame
from uraniborg.core.errors import UserError
from uraniborg.productions.first_light import Field, process_field, read_field, simulated_field
from uraniborg.productions.first_light_report import measure_run
from uraniborg.verify.metrics import Measurement, Metric, list_suites, load_suite, measure

__all__ = ("SuiteResult", "combine", "default_data", "run_suite")

REAL_FIELD = "images/decam_field_187p03_25p56"


@dataclass(frozen=True, slots=True)
class SuiteResult:
    """What a suite found.

    Attributes
    ----------
    name : str
        Suite.
    quick : bool
        Whether it was the quick form.
    measurements : tuple of Measurement
        In the order of the suite.
    seconds : float [s]
        Wall-clock time, productions included.
    """

    name: str
    quick: bool
    measurements: tuple[Measurement, ...]
    seconds: float

    @property
    def all_hold(self) -> bool:
        """Whether every promise is kept."""
        return bool(self.measurements) and all(m.holds for m in self.measurements)


def default_data() -> Path:
    """Return the folder of real data: ``URANIBORG_TESTDATA``, else ``shared/data`` beside the checkout."""
    beside = Path(__file__).parents[4] / "shared" / "data"
    return Path(os.environ.get("URANIBORG_TESTDATA", beside))


def run_suite(
    name: str, *, quick: bool = False, data: Path | None = None, work: Path | None = None, jobs: int = 1
) -> SuiteResult:
    """Measure a suite by running the real productions.

    Parameters
    ----------
    name : str
        One of `uraniborg.verify.metrics.list_suites`.
    quick : bool
        A smaller simulated field, and without the promises that are marked as not quick.
    data : pathlib.Path, optional
        Folder of real data; `default_data` if not given. What needs it is not measured where it is absent.
    work : pathlib.Path, optional
        Folder for repositories and reports, kept; a temporary one, removed in the end, if not given.
    jobs : int
        Worker processes.

    Returns
    -------
    SuiteResult

    Raises
    ------
    UserError
        If there is no such suite.
    """
    metrics = [metric for metric in load_suite(name) if metric.quick or not quick]
    if name not in _RUNNERS:
        raise UserError(f"suite {name!r} has no runner; there are {sorted(list_suites())}")
    start = time.perf_counter()
    with _folder(work) as folder:
        how = _How(quick, data or default_data(), jobs, kept=work is not None)
        found = _RUNNERS[name](metrics, folder, how)
    return SuiteResult(name, quick, tuple(found), time.perf_counter() - start)


def combine(metric: Metric, parts: dict[str, Measurement]) -> Measurement:
    """Return the worse of what was measured of one promise on several fields.

    Parameters
    ----------
    metric : Metric
        The promise.
    parts : dict of str to Measurement
        Kind of the field ("simulated", "real") to what was measured there; one that was not measured counts as worst.

    Returns
    -------
    Measurement
    """

    def rank(found: Measurement) -> tuple[bool, bool, float]:
        larger_is_worse = -1.0 if metric.comparison == ">=" else 1.0
        return not found.measured, not found.holds, larger_is_worse * (found.value if found.measured else 0.0)

    worst = max(parts.values(), key=rank)
    note = "; ".join(f"{kind}: {found.note}" for kind, found in parts.items())
    details = {
        kind: {"value": found.value if found.measured else None, **found.details} for kind, found in parts.items()
    }
    return Measurement(metric, worst.value, note, sum(found.seconds for found in parts.values()), details)


@contextmanager
def _folder(work: Path | None) -> Iterator[Path]:
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        yield work
    else:
        with tempfile.TemporaryDirectory(prefix="uraniborg-accept-") as folder:
            yield Path(folder)


@dataclass(frozen=True, slots=True)
class _How:
    """How a suite is measured; what the arguments of `run_suite` say, and whether the folder is kept."""

    quick: bool
    data: Path
    jobs: int
    kept: bool


def _first_light(metrics: list[Metric], folder: Path, how: _How) -> list[Measurement]:
    fields: dict[str, dict[str, Measurement]] = {
        "simulated": _measure_field(
            simulated_field("mini" if how.quick else "tiny", folder / "simulated"), folder, jobs=how.jobs
        )
    }
    real = how.data / REAL_FIELD
    if real.is_dir():
        fields["real"] = _measure_field(read_field(real), folder, jobs=how.jobs)
    absent = f"not measured: there is no {real}; set URANIBORG_TESTDATA to the folder of real data"
    found = []
    for metric in metrics:
        parts = {kind: measured[metric.name] for kind, measured in fields.items() if metric.name in measured}
        if metric.field == "machine":
            with measure(metric) as recorder:
                recorder.value = measure_single_frame()
            found.append(recorder.measurement)
        elif len(parts) == 1:
            found.append(next(iter(parts.values())))
        elif parts:
            found.append(combine(metric, parts))
        else:
            found.append(Measurement(metric, float("nan"), absent))
    return found


def _measure_field(field: Field, folder: Path, *, jobs: int) -> dict[str, Measurement]:
    """Run first light on a field and measure it; a run that fails is told in the notes."""
    result = process_field(field, folder / f"repo_{'real' if field.truth is None else 'simulated'}", jobs=jobs)
    return {found.metric.name: found for found in measure_run(result)}


def _simulation(metrics: list[Metric], folder: Path, how: _How) -> list[Measurement]:
    found, measures = measure_simulation(metrics, folder, quick=how.quick, data=how.data)
    if how.kept:
        write_simulation_report(folder, found, measures)
    return found


def _catalogue_tap(metrics: list[Metric], folder: Path, how: _How) -> list[Measurement]:
    return measure_catalogue_tap(metrics, folder, quick=how.quick, jobs=how.jobs)


def _calibrated_visits(metrics: list[Metric], folder: Path, how: _How) -> list[Measurement]:
    return measure_calibrated_visits(metrics, quick=how.quick, data=how.data)


def _isr_calib(metrics: list[Metric], folder: Path, how: _How) -> list[Measurement]:
    found = measure_isr_metrics(metrics, quick=how.quick)
    found += measure_calibration_metrics(metrics, folder, jobs=how.jobs)
    return found + measure_camera_metrics(metrics, how.data)


_RUNNERS: dict[str, Callable[[list[Metric], Path, _How], list[Measurement]]] = {
    "calibrated-visits": _calibrated_visits,
    "catalogue-tap": _catalogue_tap,
    "isr-calib": _isr_calib,
    "first-light": _first_light,
    "simulation": _simulation,
}
