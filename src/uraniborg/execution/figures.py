"""Measure what executing a quantum costs, ours and the stock executor's, on quanta that do nothing.

Whole commands are measured, from the start of the interpreter to the last dataset in the registry, with all their
child processes; so a small number of quanta carries the fixed cost of a run (imports, building the graph).
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from uraniborg.core.errors import StoreError, UserError
from uraniborg.execution.tiny_repo import make_tiny_repo, write_tiny_pipeline

__all__ = ("QUANTA_PER_EXPOSURE", "ExecutorFigures", "measure_ours", "measure_stock", "quantum_cost")

_DETECTORS = 2
QUANTA_PER_EXPOSURE = 2 * _DETECTORS + 1
"""Two quanta for each detector, and the fan-in."""


@dataclass(frozen=True, slots=True)
class ExecutorFigures:
    """Cost of one command that executed ``n_quanta`` quanta."""

    n_quanta: int
    jobs: int
    cpu_seconds: float
    """User and system time of the command and all its descendants. [s]"""
    wall_seconds: float

    @property
    def cpu_ms_per_quantum(self) -> float:
        """CPU time over number of quanta, the fixed cost of the run included [ms]."""
        return 1e3 * self.cpu_seconds / self.n_quanta


def quantum_cost(small: ExecutorFigures, large: ExecutorFigures) -> float:
    """Return the CPU time that each further quantum costs, from two runs of different size [ms]."""
    return 1e3 * (large.cpu_seconds - small.cpu_seconds) / (large.n_quanta - small.n_quanta)


def measure_ours(folder: Path, *, n_quanta: int = 1000, jobs: int = 2) -> ExecutorFigures:
    """Run ``uraniborg run`` on a repository made for it.

    Parameters
    ----------
    folder : pathlib.Path
        Empty or absent folder for the repository.
    n_quanta : int, optional
        Number of quanta, a multiple of `QUANTA_PER_EXPOSURE`.
    jobs : int, optional
        Number of worker processes.
    """
    return _measure(folder, [sys.executable, "-m", "uraniborg.cli.main", "run"], [], n_quanta, jobs)


def measure_stock(folder: Path, *, n_quanta: int = 10, jobs: int = 2) -> ExecutorFigures:
    """Run ``pipetask run`` on a repository made for it; parameters as for `measure_ours`."""
    # As a module's function, so that it works where the scripts of the environment are not on the path.
    code = "import sys; sys.argv[0] = 'pipetask'; from lsst.ctrl.mpexec.cli.pipetask import main; sys.exit(main())"
    return _measure(folder, [sys.executable, "-c", code, "run"], ["--register-dataset-types"], n_quanta, jobs)


def _measure(folder: Path, head: Sequence[str], tail: Sequence[str], n_quanta: int, jobs: int) -> ExecutorFigures:
    n_exposures, rest = divmod(n_quanta, QUANTA_PER_EXPOSURE)
    if rest or n_exposures < 1:
        raise UserError(f"the number of quanta must be a multiple of {QUANTA_PER_EXPOSURE}, not {n_quanta}")
    folder.mkdir(parents=True, exist_ok=True)
    repo = make_tiny_repo(folder / "repo", n_exposures=n_exposures, n_detectors=_DETECTORS)
    pipeline = write_tiny_pipeline(folder / "tiny.yaml")
    file_option = [pipeline] if "uraniborg.cli.main" in head else ["-p", pipeline]
    selection = ["-b", repo, "-i", "tiny/raw", "-o", "u/figures", "-d", "instrument='Tiny'", "-j", str(jobs)]
    before, start = _children_cpu_seconds(), time.monotonic()
    done = subprocess.run(
        [*head, *file_option, *selection, *tail],
        check=False,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    wall, cpu = time.monotonic() - start, _children_cpu_seconds() - before
    if done.returncode:
        raise StoreError(f"the measured command failed with status {done.returncode}:\n{done.stderr[-2000:]}")
    return ExecutorFigures(n_quanta, jobs, cpu, wall)


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
