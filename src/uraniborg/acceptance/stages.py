"""CPU seconds and peak memory of named functions while something runs, without touching them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

__all__ = ("Stage", "StageProfile", "peak_memory", "profile_stages", "reset_peak_memory")


@dataclass(slots=True)
class Stage:
    """What one stage took.

    Attributes
    ----------
    seconds : float [s]
        CPU time of the process, in all calls.
    peak_memory : float [MiB]
        Largest resident memory of the process while the stage ran; NaN where the system does not tell.
    calls : int
        Number of calls.
    """

    seconds: float = 0.0
    peak_memory: float = float("nan")
    calls: int = 0


@dataclass(slots=True)
class StageProfile:
    """Stages by name, and the whole.

    Attributes
    ----------
    stages : dict of str to Stage
        In the order in which they were asked for.
    total_seconds : float [s]
        CPU time of the block.
    """

    stages: dict[str, Stage] = field(default_factory=dict)
    total_seconds: float = 0.0


def reset_peak_memory() -> bool:
    """Make the kernel forget the peak of this process' memory; return whether it could."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_memory() -> float:
    """Return the largest resident memory since `reset_peak_memory` [MiB]; NaN where the system does not tell."""
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return float("nan")
    for line in text.splitlines():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) / 1024.0
    return float("nan")


@contextmanager
def profile_stages(stages: Mapping[str, Sequence[Callable[..., Any]]]) -> Iterator[StageProfile]:
    """Measure functions while the block runs.

    A function inside another one that is measured counts for the outer one only. Only this thread is watched.

    Parameters
    ----------
    stages : mapping of str to sequence of callable
        Name of a stage, and the Python functions that make it up.

    Yields
    ------
    StageProfile
        Filled when the block ends.
    """
    names: dict[CodeType, str] = {
        function.__code__: name for name, functions in stages.items() for function in functions
    }
    profile = StageProfile({name: Stage() for name in stages})
    running: list[tuple[CodeType, float]] = []

    def watch(frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        if code not in names:
            return
        if event == "call" and not running:
            reset_peak_memory()
            running.append((code, time.process_time()))
        elif event == "return" and running and running[-1][0] is code:
            _, start = running.pop()
            stage = profile.stages[names[code]]
            stage.seconds += time.process_time() - start
            stage.calls += 1
            peak = peak_memory()
            stage.peak_memory = peak if stage.calls == 1 else max(stage.peak_memory, peak)

    start = time.process_time()
    sys.setprofile(watch)
    try:
        yield profile
    finally:
        sys.setprofile(None)
        profile.total_seconds = time.process_time() - start
