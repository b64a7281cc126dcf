"""Run a pipeline from its YAML to registered outputs; what ``uraniborg run`` calls."""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lsst.ctrl.mpexec.cli.butler_factory import ButlerFactory
from lsst.daf.butler import Butler, CollectionType, MissingCollectionError
from lsst.pipe.base import Pipeline
from lsst.pipe.base.all_dimensions_quantum_graph_builder import AllDimensionsQuantumGraphBuilder
from lsst.pipe.base.quantum_graph import PredictedQuantumGraph, PredictedQuantumGraphComponents
from lsst.pipe.base.separable_pipeline_executor import SeparablePipelineExecutor

from uraniborg.core.errors import UserError, report_faults
from uraniborg.execution.executor import PoolGraphExecutor, PoolOptions
from uraniborg.execution.graph_store import find_graph, local_graph_file, save_graph
from uraniborg.execution.report import RunReport
from uraniborg.execution.zipfile_guard import mend_zipfile

__all__ = ("RunChanged", "RunInterrupted", "load_pipeline", "run_pipeline")

_LOG = logging.getLogger(__name__)
_LOCK_PATIENCE = 20.0
"""How long to wait for the processes of a killed run to end. [s]"""


class RunChanged(UserError):
    """A run cannot be continued, because its tasks, their configuration or the query are others now."""


class RunInterrupted(KeyboardInterrupt):
    """A run was stopped by Ctrl-C or a signal; what had finished is registered."""

    def __init__(self, report: RunReport) -> None:
        super().__init__(f"{report.run} was interrupted; resume to continue")
        self.report = report


def load_pipeline(pipeline: str | Path | Pipeline, config_overrides: Sequence[str] = ()) -> Pipeline:
    """Read a pipeline and change its configuration.

    Parameters
    ----------
    pipeline : str, Path or Pipeline
        Path or URI of the YAML, which may end in ``#label,label`` to take only these tasks or subsets; or a pipeline.
    config_overrides : sequence of str, optional
        ``label:field=value``, like the ``-c`` of `pipetask`.

    Raises
    ------
    UserError
        If the pipeline cannot be read or an override does not apply.
    """
    faults = [
        f"config override {text!r} is not of the form label:field=value"
        for text in config_overrides
        if not (text.partition(":")[2].partition("=")[1] and text.partition(":")[0])
    ]
    report_faults("configuration", faults)
    try:
        result = pipeline if isinstance(pipeline, Pipeline) else Pipeline.from_uri(str(pipeline))
        for text in config_overrides:
            label, _, assignment = text.partition(":")
            field, _, value = assignment.partition("=")
            result.addConfigOverride(label, field, value)
        result.to_graph()
    except (AttributeError, FileNotFoundError, ImportError, LookupError, TypeError, ValueError) as error:
        raise UserError(f"pipeline {pipeline} cannot be used: {type(error).__name__}: {error}") from error
    return result


def run_pipeline(
    pipeline: str | Path | Pipeline,
    *,
    repo: str | Path,
    inputs: str | Sequence[str],
    output: str | None,
    query: str = "",
    output_run: str | None = None,
    jobs: int = 1,
    resume: bool = False,
    config_overrides: Sequence[str] = (),
    options: PoolOptions | None = None,
) -> RunReport:
    """Execute a pipeline on persistent worker processes.

    Parameters
    ----------
    pipeline : str, Path or Pipeline
        Pipeline YAML, which may end in ``#label``.
    repo : str or Path
        Butler repository.
    inputs : str or sequence of str
        Input collections; a string may hold several, separated by commas.
    output : str or None
        CHAINED collection to make or to extend; the outputs go to a RUN named after it with a time stamp.
    query : str, optional
        Data-id expression that selects what to process.
    output_run : str, optional
        Name of the RUN itself.
    jobs : int, optional
        Number of worker processes; results do not depend on it.
    resume : bool, optional
        Continue the newest RUN of ``output`` (or ``output_run``); starts anew where there is none.
    config_overrides : sequence of str, optional
        ``label:field=value``.
    options : PoolOptions, optional
        Finer settings of the pool; its ``jobs`` is replaced by ``jobs``.

    Returns
    -------
    RunReport
        What succeeded and what failed; failing quanta raise nothing here.

    Raises
    ------
    UserError
        If something given is wrong, nothing matches the query, or the run belongs to another process.
    RunChanged
        If the run to be resumed was begun with other tasks, another configuration or another query.
    StoreError
        If workers cannot be kept alive or results cannot be registered.
    RunInterrupted
        After Ctrl-C or a termination signal.
    """
    if jobs < 1:
        raise UserError(f"the number of jobs must be at least 1, not {jobs}")
    if output is None and output_run is None:
        raise UserError("give an output collection or an output run")
    mend_zipfile()
    given = options or PoolOptions()
    choices = PoolOptions(jobs, given.retries, given.timeout, given.recycle_after, given.fail_fast)
    names = [part for text in ([inputs] if isinstance(inputs, str) else inputs) for part in text.split(",") if part]
    definition = load_pipeline(pipeline, config_overrides)
    run = _last_run(str(repo), output, output_run) if resume else None
    if run is None:
        return _start(definition, str(repo), query, choices, output=output, inputs=names, output_run=output_run)
    return _continue(definition, str(repo), query, choices, output=output, inputs=names, run=run)


def _start(
    pipeline: Pipeline,
    repo: str,
    query: str,
    options: PoolOptions,
    *,
    output: str | None,
    inputs: list[str],
    output_run: str | None,
    extend_run: bool = False,
) -> RunReport:
    """Build the graph, make the output collections, and execute."""
    names = {"output": output, "output_run": output_run, "inputs": inputs, "extend_run": extend_run}
    components = _build(pipeline, repo, query, names)
    run = components.header.output_run
    names["output_run"] = run
    with _run_lock(repo, run) as lock, _write_butler(repo, components, names) as butler:
        ref = find_graph(butler, run) or save_graph(butler, components, run)
        with local_graph_file(butler, ref) as graph_file:
            return _execute(butler, repo, components.assemble(), graph_file, options, resume=extend_run, lock=lock)


def _continue(
    pipeline: Pipeline,
    repo: str,
    query: str,
    options: PoolOptions,
    *,
    run: str,
    output: str | None,
    inputs: list[str],
) -> RunReport:
    """Execute what is left of the graph that was saved with a run."""
    with _registry(repo) as reader:
        ref = find_graph(reader, run)
    if ref is None:
        # Killed before the graph was saved: nothing has been executed, but the RUN exists.
        return _start(pipeline, repo, query, options, output=output, inputs=inputs, output_run=run, extend_run=True)
    names = {"output": output, "output_run": run, "inputs": inputs, "extend_run": True}
    with _run_lock(repo, run) as lock, Butler.from_config(repo) as reader, local_graph_file(reader, ref) as graph_file:
        graph = PredictedQuantumGraph.read_execution_quanta(graph_file)
        _check_unchanged(graph, pipeline, query)
        with _write_butler(repo, graph, names) as butler:
            return _execute(butler, repo, graph, graph_file, options, resume=True, lock=lock)


def _execute(
    butler: Butler,
    repo: str,
    graph: PredictedQuantumGraph,
    graph_file: str,
    options: PoolOptions,
    *,
    resume: bool,
    lock: int,
) -> RunReport:
    run = graph.header.output_run
    stock = SeparablePipelineExecutor(butler, skip_existing_in=[run] if resume else None)
    stock.pre_execute_qgraph(graph, register_dataset_types=True)
    executor = PoolGraphExecutor(butler, repo, graph_file, options=options, resume=resume, inherit=[lock])
    stock.run_pipeline(graph, graph_executor=executor)
    if executor.report.interrupted:
        raise RunInterrupted(executor.report)
    return executor.report


def _build(pipeline: Pipeline, repo: str, query: str, names: dict[str, Any]) -> PredictedQuantumGraphComponents:
    try:
        butler, collections, run = ButlerFactory.make_butler_and_collections(repo, replace_run=False, **names)
        with butler:
            builder = AllDimensionsQuantumGraphBuilder(
                pipeline.to_graph(), butler, where=query, input_collections=collections, output_run=run
            )
            metadata = {"butler_argument": repo, "data_query": query}
            components = builder.finish(names["output"], metadata=metadata, attach_datastore_records=True)
    except (ValueError, LookupError, MissingCollectionError, FileNotFoundError) as error:
        raise UserError(f"no quantum graph can be built: {type(error).__name__}: {error}") from error
    if not components.header.n_quanta:
        raise UserError(
            f"the pipeline has nothing to do in {repo}: no data in {names['inputs']} match the query {query!r}; "
            "see what is there with `butler query-data-ids` and `butler query-datasets`"
        )
    return components


def _write_butler(repo: str, graph: Any, names: dict[str, Any]) -> Butler:
    try:
        butler = ButlerFactory.make_write_butler(repo, graph.pipeline_graph, replace_run=False, **names)
    except ValueError as error:
        raise UserError(f"collections do not fit together: {error}") from error
    output, run = names["output"], names["output_run"]
    if output is not None and run not in butler.collections.get_info(output).children:
        butler.collections.prepend_chain(output, run)  # a kill came between making the RUN and the chain
    return butler


def _registry(repo: str) -> Butler:
    """Open a repository to look into it, as somebody who may write.

    What a killed process had half written in an SQLite registry is undone by the next one that may write; a reader is
    refused until then.
    """
    return Butler.from_config(repo, writeable=True)


def _last_run(repo: str, output: str | None, output_run: str | None) -> str | None:
    with _registry(repo) as butler:
        try:
            if output_run is not None:
                return str(butler.collections.get_info(output_run).name)
            for name in butler.collections.get_info(str(output)).children:
                if butler.collections.get_info(name).type is CollectionType.RUN and name.startswith(f"{output}/"):
                    return str(name)
        except MissingCollectionError:
            pass
    return None


def _check_unchanged(graph: PredictedQuantumGraph, pipeline: Pipeline, query: str) -> None:
    """Refuse to continue a run with other tasks, settings or data than it was begun with."""
    new, old = pipeline.to_graph().tasks, graph.pipeline_graph.tasks
    faults = []
    if set(new) != set(old):
        faults.append(f"the tasks are now {sorted(new)}, they were {sorted(old)}")
    for label in sorted(set(new) & set(old)):
        if new[label].task_class_name != old[label].task_class_name:
            faults.append(f"{label} is now {new[label].task_class_name}, it was {old[label].task_class_name}")
        elif not new[label].config.compare(old[label].config, shortcut=False, output=None):
            faults.append(f"the configuration of {label} has changed")
    if (before := graph.header.metadata.get("data_query", "")) != query:
        faults.append(f"the query is now {query!r}, it was {before!r}")
    if faults:
        lines = "\n".join(f"  - {fault}" for fault in faults)
        run = graph.header.output_run
        raise RunChanged(f"run {run} cannot be continued (start a new one without --resume)\n{lines}")


@contextmanager
def _run_lock(repo: str, run: str) -> Iterator[int]:
    """Hold the lock of a run; worker processes inherit it, so that it is free only when all of them are gone.

    Yields
    ------
    int
        File descriptor of the lock.
    """
    place = str(Path(repo).resolve()) if "://" not in repo else repo
    folder = Path(tempfile.gettempdir()) / f"uraniborg-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    name = hashlib.sha256(f"{place}\n{run}".encode()).hexdigest()[:32]
    descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        patience = time.monotonic() + _LOCK_PATIENCE
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > patience:
                    raise UserError(f"run {run} is being executed by another process; wait for it or stop it") from None
                time.sleep(0.1)
        yield descriptor
    finally:
        os.close(descriptor)
