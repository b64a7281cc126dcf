"""The suite ``catalogue-tap``: a catalogue of 20 million rows, a real server on it, and everything through HTTP."""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from uraniborg.acceptance import tap_checks, tap_engine, tap_speed
from uraniborg.acceptance.tap_server import make_catalogue, serving
from uraniborg.core.errors import UraniborgError
from uraniborg.verify.metrics import Measurement, Metric, Value, measure

__all__ = ("Size", "measure_catalogue_tap", "suite_size")

_LOG = logging.getLogger(__name__)
_DISK_A_ROW = 400  # byte, input and catalogue together


@dataclass(frozen=True, slots=True)
class Size:
    """How much is measured.

    Attributes
    ----------
    rows : int
        Rows of the catalogue; the bars are for 20 million.
    requests : int
        Cones of each number of clients.
    result_rows, fifty_rows : int
        Rows of the large answer, and of each of the fifty.
    jobs : int
        Jobs that one user sends at once.
    """

    rows: int
    requests: int
    result_rows: int
    fifty_rows: int
    jobs: int


def suite_size(*, quick: bool, folder: Path) -> Size:
    """Return the size of the suite, smaller where the disk is: fifty answers are of 0.1 GB where memory allows."""
    if quick:
        return Size(200_000, 100, 200_000, 20_000, 25)
    rows = int(os.environ.get("URANIBORG_CATALOGUE_ROWS", "20000000"))
    fits = shutil.disk_usage(folder).free // (2 * _DISK_A_ROW)
    rows = max(1_000_000, min(rows, fits))
    return Size(rows, 600, 1_000_000, 1_000_000, 1000)


def measure_catalogue_tap(metrics: list[Metric], folder: Path, *, quick: bool, jobs: int) -> list[Measurement]:
    """Measure the promises of the suite.

    Parameters
    ----------
    metrics : list of Metric
        Which.
    folder : Path
        Where catalogues and states go.
    quick : bool
        A small catalogue.
    jobs : int
        Threads of the load.
    """
    size = suite_size(quick=quick, folder=folder)
    catalogue = make_catalogue(folder, size.rows, threads=jobs)
    values: dict[str, Value] = {
        "load_seconds": Value(
            min(catalogue.load_seconds, catalogue.load_cpu),
            f"{size.rows} rows, {catalogue.load_seconds:.1f} s of wall clock",
        )
    }
    notes: dict[str, str] = {}
    wanted = {metric.name for metric in metrics}
    alone: dict[tuple[str, ...], Callable[[], dict[str, Value]]] = {
        ("reference_queries",): lambda: {"reference_queries": tap_engine.measure_reference()},
        ("by_id", "polygon", "scan"): lambda: tap_engine.measure_queries(catalogue),
        ("near", "self_join"): lambda: tap_engine.measure_joins(catalogue, exact=quick),
    }
    for names, step in alone.items():
        if wanted & set(names):
            _take(names, step, values, notes)
    with serving(catalogue.folder, folder / "state") as server:
        steps: dict[tuple[str, ...], Callable[[], dict[str, Value]]] = {
            ("cone_median", "cone_p95"): lambda: tap_speed.measure_cones(catalogue, server),
            ("cones_rate", "cones_p50"): lambda: tap_speed.measure_clients(catalogue, server, each=size.requests),
            ("result_votable", "result_parquet", "result_memory"): lambda: tap_speed.measure_result(
                server, rows=size.result_rows
            ),
            ("connections",): lambda: {"connections": tap_speed.measure_connections(catalogue, server)},
            ("beside_scan",): lambda: {"beside_scan": tap_speed.measure_beside_scan(catalogue, server)},
            ("fifty_complete", "fifty_fair", "fifty_memory"): lambda: tap_speed.measure_fifty(
                server, rows=size.fifty_rows
            ),
            ("taplint_errors", "taplint_warnings", "taplint_failures"): lambda: tap_checks.measure_taplint(server),
            ("clients_pass",): lambda: {"clients_pass": tap_checks.measure_clients_pass(catalogue, server, folder)},
            ("hostile",): lambda: {"hostile": tap_checks.measure_hostile(server, jobs=size.jobs)},
        }
        for names, step in steps.items():
            if wanted & set(names):
                _take(names, step, values, notes)
    if "kept_jobs" in wanted:
        kept = size.jobs // 25
        _take(
            ("kept_jobs",),
            lambda: {"kept_jobs": tap_checks.measure_kept_jobs(catalogue, folder / "killed", jobs=kept)},
            values,
            notes,
        )
    return [_measurement(metric, values, notes) for metric in metrics]


def _take(
    names: tuple[str, ...], step: Callable[[], dict[str, Value]], values: dict[str, Value], notes: dict[str, str]
) -> None:
    """Take the values of one step; what fails is told where its values would be."""
    start = time.perf_counter()
    try:
        values.update(step())
    except (UraniborgError, OSError, ValueError, RuntimeError) as error:
        notes.update(dict.fromkeys(names, f"{type(error).__name__}: {str(error)[:200]}"))
    told = ", ".join(f"{name} {values[name].value:.4g}" if name in values else f"{name} failed" for name in names)
    _LOG.info("%s (%.1f s)", told, time.perf_counter() - start)


def _measurement(metric: Metric, values: dict[str, Value], notes: dict[str, str]) -> Measurement:
    if metric.name not in values:
        return Measurement(metric, float("nan"), f"not measured: {notes.get(metric.name, 'no step measures it')}")
    with measure(metric) as recorder:
        recorder.value = values[metric.name]
    return recorder.measurement
