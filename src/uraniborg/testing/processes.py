"""What the contract of a repository runs in processes of their own; imports little, because each starts anew."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from astropy.table import Table
from lsst.daf.butler.registry import ConflictingDefinitionError

from uraniborg.archive.repository import open_repository

__all__ = ("die_while_writing", "put_numbers")


def put_numbers(root: str, exposures: list[int], outcome: Any) -> None:
    """Put one dictionary for each exposure in another process; report how many were accepted."""
    accepted = 0
    with open_repository(root, run="race", instrument="Tiny") as butler:
        for exposure in exposures:
            try:
                butler.put({"pid": os.getpid()}, "number", exposure=exposure, detector=0)
                accepted += 1
            except ConflictingDefinitionError:
                continue
    outcome.put(accepted)


def die_while_writing(root: str) -> None:
    """Kill this process when half of the bytes of a table are on disk."""

    def write_half(arrow: Any, path: str, **options: Any) -> None:
        write_whole(arrow, path, **options)
        os.truncate(path, Path(path).stat().st_size // 2)
        os.kill(os.getpid(), signal.SIGKILL)

    write_whole, pq.write_table = pq.write_table, write_half
    with open_repository(root, run="tests", instrument="Tiny") as butler:
        butler.put(Table({"x": np.arange(1000.0)}), "table", exposure=1, detector=0)
