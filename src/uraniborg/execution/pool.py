"""A pool of persistent worker processes, seen from the process that owns it; it survives the death of any of them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import send_handle

from uraniborg.core.errors import StoreError
from uraniborg.execution.worker import Order, Outcome

__all__ = ("Death", "WorkerPool")

_GRACE = 10.0
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Death:
    """A worker died while it was executing an order."""

    order: Order
    reason: str
    seconds: float


@dataclass(slots=True)
class _Worker:
    number: int
    connection: Connection
    pid: int | None = None
    order: Order | None = None
    since: float = 0.0
    executed: int = 0
    retired: bool = False
    deaf: bool = False
    """Its connection broke; its death is on the way."""
    sentence: str | None = None
    """Why this pool killed the worker, if it did."""


@dataclass(slots=True)
class _State:
    workers: dict[int, _Worker] = field(default_factory=dict)
    next_number: int = 1
    fruitless_deaths: int = 0
    """Deaths since a quantum was last finished."""


class WorkerPool:
    """Worker processes forked from one `nursery`.

    Parameters
    ----------
    jobs : int
        Number of workers.
    graph_file : str
        Local ``.qg`` file with the quanta to execute.
    repository : str
        Path or URI of the Butler repository.
    recycle_after : int, optional
        Replace a worker by a fresh one after this many quanta (against tasks that leak memory).
    timeout : float, optional
        Kill a worker whose quantum takes longer. [s]
    inherit : sequence of int, optional
        File descriptors that the pool's processes keep open as long as any of them lives.
    """

    def __init__(
        self,
        *,
        jobs: int,
        graph_file: str,
        repository: str,
        recycle_after: int | None = None,
        timeout: float | None = None,
        inherit: Sequence[int] = (),
    ) -> None:
        self._jobs = jobs
        self._load = ("load", graph_file, repository)
        self._recycle_after = recycle_after
        self._timeout = timeout
        self._inherit = tuple(inherit)
        self._state = _State()
        self._start_nursery()

    def _start_nursery(self) -> None:
        ours, theirs = socket.socketpair()
        code = f"from uraniborg.execution.nursery import main; main({theirs.fileno()}, {os.getpid()})"
        environment = os.environ | dict.fromkeys(_THREAD_VARIABLES, "1")
        environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=(theirs.fileno(), *self._inherit),
            stdin=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        theirs.close()
        self._control = Connection(ours.detach())
        self._control.send(self._load)
        self._fill()

    def _fill(self) -> None:
        """Ask for as many workers as are missing."""
        while len(self._state.workers) < self._jobs:
            number = self._state.next_number
            self._state.next_number += 1
            ours, theirs = socket.socketpair()
            with theirs:
                self._control.send(("fork", number))
                send_handle(self._control, theirs.fileno(), self._process.pid)
            self._state.workers[number] = _Worker(number, Connection(ours.detach()))

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers that have been born."""
        return [worker.pid for worker in self._state.workers.values() if worker.pid is not None]

    @property
    def n_idle(self) -> int:
        """Number of workers that could take an order now."""
        return sum(worker.order is None and not worker.retired for worker in self._state.workers.values())

    @property
    def running(self) -> list[Order]:
        """Orders that are being executed."""
        return [worker.order for worker in self._state.workers.values() if worker.order is not None]

    def submit(self, order: Order) -> None:
        """Give an order to an idle worker.

        Raises
        ------
        LookupError
            If no worker is idle.
        """
        for worker in self._state.workers.values():
            if worker.order is None and not worker.retired:
                worker.order, worker.since = order, time.monotonic()
                # A worker that has just died is noticed by `collect`, which then reports this order as well.
                with contextlib.suppress(OSError):
                    worker.connection.send(order)
                return
        raise LookupError("no worker is idle")

    def collect(self, timeout: float) -> list[Outcome | Death]:
        """Wait until something happens, and return what did.

        Parameters
        ----------
        timeout : float
            Longest time to wait. [s]

        Raises
        ------
        StoreError
            If workers keep dying, or the graph cannot be read.
        """
        connections = {worker.connection: worker for worker in self._state.workers.values()}
        events: list[Outcome | Death] = []
        ready = wait(
            [self._control, *(c for c, w in connections.items() if w.order is not None and not w.deaf)], timeout
        )
        for connection in ready:
            if connection is not self._control:
                events += self._receive(connections[connection])  # type: ignore[index]
        if self._control in ready:
            events += self._hear_nursery()
        self._enforce_timeout()
        return events

    def _receive(self, worker: _Worker) -> list[Outcome | Death]:
        try:
            if not worker.connection.poll(0):
                return []
            outcome: Outcome = worker.connection.recv()
        except (EOFError, OSError):
            worker.deaf = True
            self._kill(worker)
            return []
        worker.order = None
        worker.executed += 1
        self._state.fruitless_deaths = 0
        if self._recycle_after is not None and worker.executed >= self._recycle_after:
            worker.retired = True
            with contextlib.suppress(OSError):
                worker.connection.send(None)
        return [outcome]

    def _hear_nursery(self) -> list[Outcome | Death]:
        try:
            match self._control.recv():
                case ("born", number, pid):
                    worker = self._state.workers[number]
                    worker.pid, worker.since = pid, time.monotonic()  # an order given earlier begins only now
                case ("died", pid, status):
                    return self._bury(pid, status)
                case ("broken", reason):
                    raise StoreError(f"worker processes could not be started:\n{reason}")
        except (EOFError, OSError):
            return self._restart()
        return []

    def _bury(self, pid: int, status: int) -> list[Outcome | Death]:
        worker = next(worker for worker in self._state.workers.values() if worker.pid == pid)
        events = self._receive(worker) if worker.order is not None else []
        if worker.order is not None:
            reason = worker.sentence or _reason(pid, status)
            events.append(Death(worker.order, reason, time.monotonic() - worker.since))
        if not worker.retired:
            self._count_death(_reason(pid, status))
        worker.connection.close()
        del self._state.workers[worker.number]
        self._fill()
        return events

    def _restart(self) -> list[Outcome | Death]:
        """Start over with a new nursery after the old one was killed, and its workers with it."""
        self._shut()
        status = self._process.returncode
        events: list[Outcome | Death] = []
        for worker in self._state.workers.values():
            if worker.order is not None:
                events += self._receive(worker)
            if worker.order is not None:
                reason = f"the parent of the worker processes died: {_reason(self._process.pid, status)}"
                events.append(Death(worker.order, reason, time.monotonic() - worker.since))
            worker.connection.close()
        self._state.workers.clear()
        self._count_death(f"the parent of the worker processes died with status {status}")
        self._start_nursery()
        return events

    def _count_death(self, reason: str) -> None:
        self._state.fruitless_deaths += 1
        limit = 4 + 4 * self._jobs
        if self._state.fruitless_deaths > limit:
            raise StoreError(
                f"{limit + 1} worker processes died in a row without finishing anything; the last one: {reason}. "
                "Look at the machine (memory, disk), then resume."
            )

    def _enforce_timeout(self) -> None:
        if self._timeout is None:
            return
        now = time.monotonic()
        for worker in self._state.workers.values():
            overdue = worker.order is not None and now - worker.since > self._timeout
            if overdue and worker.pid is not None and worker.sentence is None:
                worker.sentence = f"it took longer than {self._timeout:g} s and was killed"
                self._kill(worker)

    def _kill(self, worker: _Worker) -> None:
        if worker.pid is not None:
            with contextlib.suppress(OSError):
                self._control.send(("kill", worker.pid))

    def drain(self) -> list[Outcome]:
        """Return outcomes that have arrived but were not collected; to be called before `close`."""
        outcomes: list[Outcome] = []
        for worker in self._state.workers.values():
            if worker.order is not None:
                outcomes += [event for event in self._receive(worker) if isinstance(event, Outcome)]
        return outcomes

    def close(self) -> None:
        """End all processes of the pool at once; orders being executed are abandoned."""
        self._shut()
        for worker in self._state.workers.values():
            worker.connection.close()
        self._state.workers.clear()

    def _shut(self) -> None:
        """End the nursery, which ends its workers; then whatever tasks have left behind."""
        self._control.close()
        patience = time.monotonic() + _GRACE
        while time.monotonic() < patience:
            # Its process id stays reserved until it is waited for below, so the signal reaches no stranger.
            if os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                break
            time.sleep(0.005)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _reason(pid: int, status: int) -> str:
    if status >= 0:
        return f"worker process {pid} exited with status {status}"
    name = signal.Signals(-status).name if -status in signal.valid_signals() else f"signal {-status}"
    hint = " (killed by the system for lack of memory, or by hand)" if -status == signal.SIGKILL else ""
    return f"worker process {pid} was killed by {name}{hint}"
