"""Small helpers of everything that writes a survey: tables, work spread over processes."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from astropy.table import Table

from uraniborg.archive.formatters.tables import table_from_arrow, table_to_arrow
from uraniborg.core.errors import UserError

__all__ = ("read_table", "remembered_table", "run_all", "write_table")


def run_all[T](function: Callable[..., T], work: Sequence[tuple[Any, ...]], *, jobs: int) -> Iterator[T]:
    """Yield what a function returns for each set of arguments, in their order whatever the number of processes.

    Parameters
    ----------
    function : callable
        Function of a module.
    work : sequence of tuple
        Positional arguments of each call.
    jobs : int
        Number of processes; with 1, this one.
    """
    if jobs <= 1 or len(work) <= 1:
        for arguments in work:
            yield function(*arguments)
        return
    context = multiprocessing.get_context("spawn")
    number = min(jobs, len(work))
    with ProcessPoolExecutor(number, mp_context=context, initializer=_end_with, initargs=(os.getpid(),)) as pool:
        futures = [pool.submit(function, *arguments) for arguments in work]
        for future in futures:
            yield future.result()


def _end_with(parent: int) -> None:
    """Let this process end when its parent has died, however that happened."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def write_table(path: Path, table: Table) -> None:
    """Write a table as Parquet; equal tables give equal files."""
    pq.write_table(table_to_arrow(table), path, compression="zstd")


def read_table(path: Path) -> Table:
    """Return a table that `write_table` wrote.

    Raises
    ------
    UserError
        If there is no such file.
    """
    if not path.is_file():
        raise UserError(f"no table {path.name} in {path.parent}; was the simulation finished?")
    return table_from_arrow(pq.read_table(path))


@lru_cache(maxsize=2)
def remembered_table(path: Path) -> Table:
    """Return `read_table`, read once in each process; not to be changed by whoever gets it."""
    return read_table(path)
