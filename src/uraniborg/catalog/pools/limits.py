"""What a query and a user may take, and how large the pools are."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ("Limits", "PoolPlan")


@dataclass(frozen=True, slots=True)
class Limits:
    """What one user may take.

    Parameters
    ----------
    seconds : float, optional [s]
        Longest time that a query runs; waiting does not count.
    rows : int, optional
        Most rows of an answer; more are cut and the answer is marked.
    bytes : int, optional
        Largest answer; a query with a larger one fails.
    running : int
        Queries that run at a time, in each pool.
    waiting : int
        Queries that wait at a time.
    """

    seconds: float | None = 3600.0
    rows: int | None = None
    bytes: int | None = None
    running: int = 4
    waiting: int = 1000


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """The processes that answer queries.

    Parameters
    ----------
    interactive, heavy : int
        Processes for quick and for heavy queries; each answers one query at a time.
    interactive_memory, heavy_memory : str
        Most memory that a query may take before it spills to the disk, e.g. ``"1GB"``.
    interactive_threads, heavy_threads : int
        Threads of a query.
    spill : str
        Most disk that a query may take, e.g. ``"20GB"``.
    interactive_seconds : float [s]
        A query of the interactive pool that runs longer, and gave no rows yet, starts anew in the heavy pool.
    result_memory : int [byte]
        Part of an answer that waits in memory for a slow reader; the rest waits in a file.
    result_disk : int [byte]
        All answers together that wait in files; then the queries wait.
    """

    interactive: int = 2
    heavy: int = 1
    interactive_memory: str = "1GB"
    heavy_memory: str = "3GB"
    interactive_threads: int = 1
    heavy_threads: int = 2
    spill: str = "20GB"
    interactive_seconds: float = 10.0
    result_memory: int = 16 << 20
    result_disk: int = 8 << 30
