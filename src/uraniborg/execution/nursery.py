"""The process that worker processes are forked from: it imports everything and reads the graph once, then waits.

Started by `pool.WorkerPool` as ``python -c "...nursery.main(fd)"``. Workers share its imports and the graph, so that a
new one costs milliseconds instead of seconds. It has no threads (forking is safe), holds no connection to a registry,
and dies with the process that started it, as its workers die with it.

Messages in: ``("load", graph_file, repository)``, ``("fork", number)`` followed by a descriptor, ``("kill", pid)``.
Messages out: ``("ready", seconds)``, ``("broken", traceback)``, ``("born", number, pid)``, ``("died", pid, status)``.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import recv_handle
from typing import Any

__all__ = ("main",)

_PR_SET_PDEATHSIG = 1


def main(descriptor: int, parent: int) -> None:
    """Serve as the nursery until the control connection closes.

    Parameters
    ----------
    descriptor : int
        File descriptor of the control connection, inherited from the starting process.
    parent : int
        Process id of the starting process.
    """
    os.set_inheritable(descriptor, False)
    _die_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    control = Connection(descriptor)
    start = time.monotonic()
    try:
        _, graph_file, repository = control.recv()
        graph = _load(graph_file)
    except BaseException:
        with contextlib.suppress(OSError):
            control.send(("broken", traceback.format_exc()))
        return
    gc.collect()
    gc.freeze()
    control.send(("ready", time.monotonic() - start))
    _Nursery(control, graph, repository).serve()


def _load(graph_file: str) -> Any:
    """Import what quanta need, set up logging as `pipetask` does, and read the graph."""
    from lsst.daf.butler.cli.cliLog import CliLog
    from lsst.pipe.base.quantum_graph import PredictedQuantumGraph
    from lsst.utils.threads import disable_implicit_threading

    import uraniborg.execution.worker  # noqa: F401  (so that workers need not import it)
    from uraniborg.execution.zipfile_guard import mend_zipfile

    mend_zipfile()
    disable_implicit_threading()
    CliLog.initLog(longlog=False, log_tty=False)
    graph = PredictedQuantumGraph.read_execution_quanta(graph_file)
    graph.build_execution_quanta()
    # Tasks log under the name of their package, of which `pipetask` knows "lsst" only.
    packages = {node.task_class.__module__.partition(".")[0] for node in graph.pipeline_graph.tasks.values()}
    CliLog.setLogLevels(dict.fromkeys(sorted(packages), "INFO"))
    return graph


class _Nursery:
    """Forks workers and tells when they die."""

    def __init__(self, control: Connection, graph: Any, repository: str) -> None:
        self._control = control
        self._graph = graph
        self._repository = repository
        self._children: set[int] = set()

    def serve(self) -> None:
        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        wakeup = Connection(reader, writable=False)
        try:
            while True:
                ready = wait([self._control, wakeup])
                if wakeup in ready:
                    with contextlib.suppress(BlockingIOError):
                        os.read(reader, 4096)
                    self._reap()
                if self._control in ready:
                    self._obey()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            pass  # whoever started this process is gone or done
        finally:
            for pid in self._children:
                os.kill(pid, signal.SIGKILL)
            for pid in self._children:
                os.waitpid(pid, 0)

    def _obey(self) -> None:
        match self._control.recv():
            case ("fork", number):
                self._fork(number, recv_handle(self._control))
            case ("kill", pid) if pid in self._children:
                os.kill(pid, signal.SIGKILL)

    def _reap(self) -> None:
        for pid in list(self._children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                self._children.discard(pid)
                self._control.send(("died", pid, os.waitstatus_to_exitcode(status)))

    def _fork(self, number: int, descriptor: int) -> None:
        nursery = os.getpid()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                signal.set_wakeup_fd(-1)
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _die_with(nursery)
                os.close(self._control.fileno())
                self._work(number, Connection(descriptor))
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        os.close(descriptor)
        self._children.add(pid)
        self._control.send(("born", number, pid))

    def _work(self, number: int, connection: Connection) -> None:
        """Body of a worker: execute orders until told to stop or nobody listens any more."""
        from uraniborg.execution.worker import QuantumWorker

        multiprocessing.current_process().name = f"worker-{number}"
        worker = QuantumWorker(self._graph, self._repository)
        with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
            while (order := connection.recv()) is not None:
                connection.send(worker.execute(order))


def _die_with(parent: int) -> None:
    """Arrange for this process to be killed when ``parent`` dies, however it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    else:
        threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    if os.getppid() != parent:
        os._exit(1)


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
