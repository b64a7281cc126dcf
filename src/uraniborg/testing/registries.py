"""Registries in the state in which a killed process leaves them."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

__all__ = ("leave_half_written",)

_SCRIPT = """
import os, signal, sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("PRAGMA cache_size = 1")  # so that pages are written before the commit
connection.execute("BEGIN IMMEDIATE")
connection.execute("CREATE TABLE half_written (a TEXT)")
connection.executemany("INSERT INTO half_written VALUES (?)", [("x" * 4000,)] * 200)
os.kill(os.getpid(), signal.SIGKILL)
"""


def leave_half_written(database: Path) -> None:
    """Write half a transaction to an SQLite file from a process that is then killed.

    Parameters
    ----------
    database : pathlib.Path
        Its journal is beside it afterwards, so that the next one who may write undoes the half.

    Raises
    ------
    RuntimeError
        If the process ended otherwise or left no journal.
    """
    killed = subprocess.run([sys.executable, "-c", _SCRIPT, database], check=False)
    journal = database.with_name(database.name + "-journal")
    if killed.returncode != -signal.SIGKILL or not journal.is_file() or not journal.stat().st_size:
        raise RuntimeError(f"{database} was not left half written (exit status {killed.returncode})")
