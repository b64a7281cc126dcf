"""A `QuantumGraphExecutor` that feeds a pool of persistent workers and registers what they write in batches."""

from __future__ import annotations

import logging
import signal
import threading
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from types import FrameType

from lsst.daf.butler import Butler, Quantum
from lsst.pipe.base import QuantumGraph
from lsst.pipe.base.quantum_graph import PredictedQuantumGraph
from lsst.pipe.base.quantum_graph_executor import QuantumGraphExecutor

from uraniborg.core.errors import UserError
from uraniborg.core.progress import Progress, progress
from uraniborg.execution.pool import Death, WorkerPool
from uraniborg.execution.registrar import Registrar, registry_quanta
from uraniborg.execution.report import FailedQuantum, RunReport
from uraniborg.execution.run_files import Recovery, RunFiles
from uraniborg.execution.scheduler import QuantumQueue
from uraniborg.execution.worker import Fault, Order, Outcome

__all__ = ("PoolGraphExecutor", "PoolOptions")

_LOG = logging.getLogger(__name__)
_TICK = 0.5
"""Longest time between two looks at the clock and at signals. [s]"""


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """How to execute a graph; none of these changes a result."""

    jobs: int = 1
    """Number of worker processes."""
    retries: int = 0
    """How often a quantum is tried again after its worker was killed."""
    timeout: float | None = None
    """Longest time for one quantum before its worker is killed. [s]"""
    recycle_after: int | None = None
    """Quanta after which a worker is replaced by a fresh one."""
    fail_fast: bool = False
    """Stop at the first failure."""


@dataclass(slots=True)
class _Tally:
    succeeded: Counter[str] = field(default_factory=Counter)
    without_work: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    cpu_seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    failures: list[FailedQuantum] = field(default_factory=list)
    deaths: Counter[uuid.UUID] = field(default_factory=Counter)
    interrupted: bool = False


class PoolGraphExecutor(QuantumGraphExecutor):
    """Executes a quantum graph on persistent worker processes.

    Parameters
    ----------
    butler : Butler
        Writeable butler of the repository; the output RUN and all dataset types must be registered.
    repository : str
        Path or URI of the same repository, from which workers make their own butlers.
    graph_file : str
        Local ``.qg`` file of the graph that will be executed.
    options : PoolOptions, optional
        How to execute.
    resume : bool, optional
        Whether outputs of an earlier execution may exist.
    inherit : sequence of int, optional
        File descriptors that worker processes keep open.
    """

    def __init__(
        self,
        butler: Butler,
        repository: str,
        graph_file: str,
        *,
        options: PoolOptions | None = None,
        resume: bool = False,
        inherit: Sequence[int] = (),
    ) -> None:
        self._butler = butler
        self._repository = repository
        self._graph_file = graph_file
        self._options = options or PoolOptions()
        self._resume = resume
        self._inherit = inherit
        self._report: RunReport | None = None
        self._stop = False

    @property
    def report(self) -> RunReport:
        """What became of the last call of `execute`."""
        if self._report is None:
            raise RuntimeError("nothing has been executed yet")
        return self._report

    def execute(self, graph: QuantumGraph | PredictedQuantumGraph, *, provenance_graph_file: str | None = None) -> None:
        """Execute the graph; failures of quanta are told by `report`, not raised.

        Raises
        ------
        UserError
            If a task cannot run in another process, or a provenance file is asked for.
        StoreError
            If workers cannot be kept alive or results cannot be registered.
        """
        if provenance_graph_file is not None:
            raise UserError("this executor writes no provenance graph file; the run_graph dataset has the lineage")
        if isinstance(graph, QuantumGraph):
            graph = PredictedQuantumGraph.from_old_quantum_graph(graph)
        _check_tasks(graph)
        start = time.monotonic()
        self._graph = graph
        self._nodes = graph.quantum_only_xgraph.nodes
        self._tally = _Tally()
        self._queue = QuantumQueue(graph)
        quanta = registry_quanta(graph.pipeline_graph, graph.build_execution_quanta())
        self._files = RunFiles(self._repository, graph, quanta)
        with closing(self._files):
            recovery = self._files.recover(self._butler) if self._resume else _NOTHING
            if recovery.n_registered:
                _LOG.info("Registered %d quanta that an earlier execution had finished.", recovery.n_registered)
            for quantum_id in recovery.done:
                self._queue.finish(quantum_id)
                self._tally.skipped[self._label(quantum_id)] += 1
            if len(recovery.done) < len(graph):
                self._run(quanta, recovery.again)
        self._report = self._summarise(time.monotonic() - start)

    def _run(self, quanta: dict[uuid.UUID, Quantum], again: Collection[uuid.UUID]) -> None:
        todo = len(self._graph) - self._tally.skipped.total()
        registrar = Registrar(self._butler, quanta)
        try:
            with self._listen_to_signals(), progress("Quanta", todo) as bar:
                pool = WorkerPool(
                    jobs=min(self._options.jobs, todo),
                    graph_file=self._graph_file,
                    repository=self._repository,
                    recycle_after=self._options.recycle_after,
                    timeout=self._options.timeout,
                    inherit=self._inherit,
                )
                try:
                    self._feed(pool, registrar, bar, again)
                finally:
                    late = pool.drain()
                    abandoned = [order.quantum_id for order in pool.running]
                    pool.close()
                    for outcome in late:
                        self._take(outcome, registrar, bar)
                    self._files.discard(abandoned)
        finally:
            registrar.close()

    def _feed(self, pool: WorkerPool, registrar: Registrar, bar: Progress, again: Collection[uuid.UUID]) -> None:
        """Keep all workers busy until nothing is left, or a signal says stop."""
        while not self._stop:
            while pool.n_idle and (quantum_id := self._queue.pop()) is not None:
                pool.submit(Order(quantum_id, again=quantum_id in again))
            if pool.n_idle and not pool.running:
                return  # nothing is ready and nothing is under way that could make it so
            for event in pool.collect(_TICK):
                if isinstance(event, Outcome):
                    self._take(event, registrar, bar)
                else:
                    self._mourn(event, registrar, bar)
        self._tally.interrupted = True

    def _take(self, outcome: Outcome, registrar: Registrar, bar: Progress) -> None:
        """Register what a quantum wrote, and unblock or block what waits for it."""
        label = self._label(outcome.quantum_id)
        self._tally.seconds[label] += outcome.seconds
        self._tally.cpu_seconds[label] += outcome.cpu_seconds
        if outcome.provenance is not None and outcome.provenance.actual_outputs:
            registrar.add(outcome.quantum_id, outcome.provenance)
        if outcome.fault is None:
            self._tally.succeeded[label] += 1
            self._tally.without_work[label] += outcome.n_outputs == 0
            self._queue.finish(outcome.quantum_id)
            bar.advance(1, label)
        else:
            self._fail(outcome.quantum_id, outcome.fault, bar)

    def _mourn(self, death: Death, registrar: Registrar, bar: Progress) -> None:
        """Try a quantum again whose worker died, or count it as failed."""
        quantum_id = death.order.quantum_id
        self._files.discard([quantum_id])
        self._tally.deaths[quantum_id] += 1
        if self._tally.deaths[quantum_id] <= self._options.retries:
            _LOG.warning("%s: %s; trying again.", self._label(quantum_id), death.reason)
            self._queue.push_back(quantum_id)
            return
        self._tally.seconds[self._label(quantum_id)] += death.seconds
        provenance = self._files.write_obituary(quantum_id, death.reason)
        if provenance is not None:
            registrar.add(quantum_id, provenance)
        self._fail(quantum_id, Fault("WorkerDeath", death.reason), bar)

    def _fail(self, quantum_id: uuid.UUID, fault: Fault, bar: Progress) -> None:
        info = self._nodes[quantum_id]
        blocked = self._queue.fail(quantum_id)
        self._tally.failures.append(
            FailedQuantum(
                quantum_id=quantum_id,
                task=info["task_label"],
                data_id=dict(info["data_id"].required),
                type_name=fault.type_name,
                message=fault.message,
                traceback=fault.traceback,
                blocked=tuple(blocked),
                blocked_tasks=dict(Counter(self._label(blocked_id) for blocked_id in blocked)),
            )
        )
        _LOG.error("%s %s failed: %s: %s", info["task_label"], info["data_id"], fault.type_name, fault.message)
        bar.advance(1 + len(blocked), f"{info['task_label']} failed")
        if self._options.fail_fast:
            self._stop = True

    def _label(self, quantum_id: uuid.UUID) -> str:
        label: str = self._nodes[quantum_id]["task_label"]
        return label

    def _summarise(self, seconds: float) -> RunReport:
        tally, header = self._tally, self._graph.header
        failures = sorted(tally.failures, key=lambda failure: (failure.task, tuple(failure.data_id.values())))
        reached = tally.succeeded.total() + tally.skipped.total() + sum(1 + len(f.blocked) for f in failures)
        return RunReport(
            run=header.output_run,
            output=header.output,
            n_quanta=len(self._graph),
            succeeded=dict(tally.succeeded),
            without_work={label: n for label, n in tally.without_work.items() if n},
            skipped=dict(tally.skipped),
            failures=tuple(failures),
            not_reached=len(self._graph) - reached,
            interrupted=tally.interrupted and not (self._options.fail_fast and failures),
            jobs=self._options.jobs,
            wall_seconds=seconds,
            quantum_seconds=dict(tally.seconds),
            quantum_cpu_seconds=dict(tally.cpu_seconds),
        )

    @contextmanager
    def _listen_to_signals(self) -> Iterator[None]:
        """Turn Ctrl-C and termination into a flag, so that nothing is cut in the middle.

        Outside the main thread Python delivers no signals, and nothing is changed.
        """
        self._stop = False
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, frame: FrameType | None) -> None:
            self._stop = True

        old = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)


_NOTHING = Recovery(frozenset(), frozenset(), 0)


def _check_tasks(graph: PredictedQuantumGraph) -> None:
    for label, node in graph.pipeline_graph.tasks.items():
        if not node.task_class.canMultiprocess:
            raise UserError(f"task {label!r} cannot run in a worker process (canMultiprocess is false); use pipetask")
