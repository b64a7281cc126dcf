"""Progress on long work: a bar on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ("Progress", "progress")

_LOG = logging.getLogger(__name__)


class Progress:
    """Counts finished steps of one piece of long work; made by `progress`."""

    def __init__(self, description: str, total: int | None) -> None:
        self.description = description
        self.total = total
        self.done = 0
        self._last = time.monotonic()

    def advance(self, n: int = 1, note: str = "") -> None:
        """Count ``n`` more steps as done; ``note`` says what was just finished."""
        self.done += n
        self._show(note)

    def _show(self, note: str) -> None:
        now = time.monotonic()
        if self.done == self.total or now - self._last >= 10.0:
            self._last = now
            of = "" if self.total is None else f" of {self.total}"
            _LOG.info("%s: %d%s %s", self.description, self.done, of, note)


class _Bar(Progress):
    """`Progress` drawn by rich on a terminal."""

    def __init__(self, description: str, total: int | None) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as RichProgress

        super().__init__(description, total)
        self.rich = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[note]}"),
        )
        self._task = self.rich.add_task(description, total=total, note="")

    def _show(self, note: str) -> None:
        self.rich.update(self._task, completed=self.done, note=note)


@contextmanager
def progress(description: str, total: int | None = None) -> Iterator[Progress]:
    """Show the progress of long work.

    Parameters
    ----------
    description : str
        What is being done, in a few words.
    total : int, optional
        Number of steps, if known.

    Yields
    ------
    Progress
        Call its ``advance`` after each step.
    """
    if sys.stderr.isatty():
        bar = _Bar(description, total)
        with bar.rich:
            yield bar
    else:
        yield Progress(description, total)
