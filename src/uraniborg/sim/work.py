"""Work that survives being killed: every unit leaves its files whole, and its rows of the truth when it is done.

A folder in the making holds ``unfinished.yaml``, the configuration, and ``truth/parts``, one folder for each unit that is
done. Files get their names when they are complete. The same command, run again, does what is missing.
"""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astropy.table import Table, vstack

from uraniborg.core.errors import UserError
from uraniborg.core.progress import progress
from uraniborg.sim.config import SimConfig, load_config
from uraniborg.sim.files import read_table, run_all, write_table

__all__ = ("SURVEY", "UNFINISHED", "Unit", "begin", "do_units", "finish", "whole_file")

SURVEY = "survey.yaml"
"""Name of the file that says that a survey is complete, and what it was made from."""

UNFINISHED = "unfinished.yaml"
"""Name of the file that says what a survey in the making is made from."""

_PARTIAL = ".part"


@dataclass(frozen=True, slots=True)
class Unit:
    """One piece of work.

    Attributes
    ----------
    name : str
        Unique name, good for a file.
    function : callable
        Function of a module; returns the rows of the truth by the name of their table, and writes its files with
        `whole_file`.
    arguments : tuple
        Its positional arguments.
    order : tuple of int
        Where its rows belong in the tables.
    """

    name: str
    function: Callable[..., Mapping[str, Table]]
    arguments: tuple[Any, ...]
    order: tuple[int, ...]


def begin(root: Path, config: SimConfig, *, what: str) -> bool:
    """Prepare a new folder, or one in the making: what was not finished there is removed.

    Parameters
    ----------
    root : pathlib.Path
        Folder; made if absent.
    config : SimConfig
        What is to be made in it.
    what : str
        What is made from it, one word.

    Returns
    -------
    bool
        Whether there is anything to do; False if all of it is there.

    Raises
    ------
    UserError
        If the folder holds anything else than this survey, complete or in the making.
    """
    found = None
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        found = next((name for name in (SURVEY, UNFINISHED) if (root / name).is_file()), None)
        if found is None:
            raise UserError(f"{root} is not an empty folder; choose another one for the simulated survey")
        _check_same(root / found, config, what)
    for path in [path for path in root.rglob(f"*{_PARTIAL}") if path.exists()]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if found == SURVEY:
        shutil.rmtree(_parts(root), ignore_errors=True)
        (root / UNFINISHED).unlink(missing_ok=True)
        return False
    _parts(root).mkdir(parents=True, exist_ok=True)
    if found is None:
        with whole_file(root / UNFINISHED) as path:
            path.write_text(_text(config, what), "utf8")
    return True


def do_units(root: Path, units: Sequence[Unit], *, jobs: int, description: str) -> None:
    """Do what is not done yet.

    Parameters
    ----------
    root : pathlib.Path
        Folder, prepared by `begin`.
    units : sequence of Unit
        The work, in the order in which it is begun.
    jobs : int
        Number of processes.
    description : str
        For the bar of progress.

    Raises
    ------
    UserError
        If a worker process was killed.
    """
    parts = _parts(root)
    missing = [unit for unit in units if not (parts / unit.name).is_dir()]
    with progress(description, total=len(units)) as bar:
        if len(missing) < len(units):
            bar.advance(len(units) - len(missing), note="done before")
        work = [(parts / unit.name, unit.function, unit.arguments) for unit in missing]
        try:
            for _ in run_all(_do_one, work, jobs=jobs):
                bar.advance()
        except BrokenProcessPool as error:
            raise UserError(
                f"a worker process was killed after {bar.done} of {len(units)} units, perhaps for want of memory; "
                f"run the same command again to go on, with fewer --jobs than {jobs} if memory is short"
            ) from error


def finish(root: Path, units: Sequence[Unit], config: SimConfig, *, what: str) -> None:
    """Join the rows of all units to the tables of the truth, and declare the survey complete."""
    parts = _parts(root)
    tables: dict[str, list[Table]] = defaultdict(list)
    for unit in sorted(units, key=lambda unit: unit.order):
        for path in sorted((parts / unit.name).glob("*.parquet")):
            tables[path.stem].append(read_table(path))
    for name, several in tables.items():
        filled = [table for table in several if len(table)] or several[:1]
        with whole_file(root / "truth" / f"{name}.parquet") as path:
            write_table(path, vstack(filled))
    with whole_file(root / SURVEY) as path:
        path.write_text(_text(config, what), "utf8")
    shutil.rmtree(parts)
    (root / UNFINISHED).unlink()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give the name to write a file under; it gets its own name when the block ends well."""
    partial = path.with_name(f"{path.name}.{os.getpid()}{_PARTIAL}")
    yield partial
    os.replace(partial, path)


def _parts(root: Path) -> Path:
    return root / "truth" / "parts"


def _text(config: SimConfig, what: str) -> str:
    return f"# {what}\n{config.to_yaml()}"


def _check_same(path: Path, config: SimConfig, what: str) -> None:
    made = path.read_text("utf8").partition("\n")[0].removeprefix("#").strip()
    if made != what or load_config(path) != config:
        raise UserError(
            f"{path.parent} is not an empty folder: by {path.name} it holds something else than the {what} of this "
            "configuration; remove it or choose another folder"
        )


def _do_one(folder: Path, function: Callable[..., Mapping[str, Table]], arguments: tuple[Any, ...]) -> None:
    partial = folder.with_name(f"{folder.name}.{os.getpid()}{_PARTIAL}")
    tables = function(*arguments)
    partial.mkdir()
    for name, table in tables.items():
        write_table(partial / f"{name}.parquet", table)
    os.rename(partial, folder)
