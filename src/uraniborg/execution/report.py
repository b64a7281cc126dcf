"""What became of a run: counts, what failed, why, and what that blocked; as a table and as JSON."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

__all__ = ("FailedQuantum", "RunReport", "print_report")

_MESSAGE_LENGTH = 400


@dataclass(frozen=True, slots=True)
class FailedQuantum:
    """One quantum that failed, and those that could not be executed for it."""

    quantum_id: uuid.UUID
    task: str
    data_id: dict[str, int | str]
    type_name: str
    """Full name of the exception's type; ``WorkerDeath`` where the process died."""
    message: str
    traceback: str
    blocked: tuple[uuid.UUID, ...]
    blocked_tasks: dict[str, int]
    """Number of blocked quanta for each task."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """Summary of one execution of a quantum graph."""

    run: str
    """RUN collection that holds the outputs."""
    output: str | None
    """CHAINED collection that holds the run, if any."""
    n_quanta: int
    succeeded: dict[str, int] = field(default_factory=dict)
    """Quanta that succeeded in this execution, by task."""
    without_work: dict[str, int] = field(default_factory=dict)
    """Those of them that found no work and wrote nothing, by task."""
    skipped: dict[str, int] = field(default_factory=dict)
    """Quanta that an earlier execution had finished, by task."""
    failures: tuple[FailedQuantum, ...] = ()
    not_reached: int = 0
    """Quanta not executed because the run was interrupted."""
    interrupted: bool = False
    jobs: int = 1
    wall_seconds: float = 0.0
    quantum_seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock time inside quanta, by task."""
    quantum_cpu_seconds: dict[str, float] = field(default_factory=dict)
    """CPU time inside quanta, by task."""

    @property
    def n_blocked(self) -> int:
        """Number of quanta that failures blocked."""
        return sum(len(failure.blocked) for failure in self.failures)

    @property
    def ok(self) -> bool:
        """Whether every quantum has succeeded, in this execution or an earlier one."""
        return not self.failures and not self.interrupted and not self.not_reached

    @property
    def exit_status(self) -> int:
        """0 if all succeeded, 1 if anything failed, 130 if interrupted."""
        return 130 if self.interrupted else 0 if self.ok else 1

    def to_dict(self) -> dict[str, Any]:
        """Return the report as JSON types."""
        values = asdict(self)
        for failure in values["failures"]:
            failure["quantum_id"] = str(failure["quantum_id"])
            failure["blocked"] = [str(blocked) for blocked in failure["blocked"]]
        values["failures"] = list(values["failures"])
        return values | {"ok": self.ok, "exit_status": self.exit_status, "n_blocked": self.n_blocked}

    def write_json(self, path: Path) -> None:
        """Write the report to a JSON file."""
        path.write_text(json.dumps(self.to_dict(), indent=2) + "\n", encoding="utf8")


def print_report(report: RunReport, console: Console) -> None:
    """Print a report as tables.

    Parameters
    ----------
    report : RunReport
        What to print.
    console : rich.console.Console
        Where to.
    """
    parts: list[Any] = [_task_table(report)]
    if report.failures:
        parts.append(_failure_table(report))
    parts.append(Text(_verdict(report), style="bold green" if report.ok else "bold red"))
    console.print(Group(*parts))


def _verdict(report: RunReport) -> str:
    done = sum(report.succeeded.values()) + sum(report.skipped.values())
    words = [f"{report.run}: {done} of {report.n_quanta} quanta done in {report.wall_seconds:.1f} s"]
    if report.failures:
        words.append(f"{len(report.failures)} failed, {report.n_blocked} blocked")
    if report.interrupted:
        words.append("interrupted")
    if report.not_reached:
        words.append(f"{report.not_reached} not reached")
    hint = "" if report.ok else " (what finished is registered; --resume continues)"
    return "; ".join(words) + hint


def _task_table(report: RunReport) -> Table:
    failed = Counter(failure.task for failure in report.failures)
    blocked: Counter[str] = Counter()
    for failure in report.failures:
        blocked.update(failure.blocked_tasks)
    table = Table(title=f"Tasks of {report.run}")
    table.add_column("task")
    for name in ("done", "no work", "skipped", "failed", "blocked", "s each", "CPU s each"):
        table.add_column(name, justify="right")
    for task in {**report.skipped, **report.succeeded, **failed, **blocked}:
        n = report.succeeded.get(task, 0) + failed[task]
        table.add_row(
            task,
            *(
                str(count) if count else "-"
                for count in (
                    report.succeeded.get(task, 0),
                    report.without_work.get(task, 0),
                    report.skipped.get(task, 0),
                    failed[task],
                    blocked[task],
                )
            ),
            *(
                f"{values.get(task, 0.0) / n:.3f}" if n else "-"
                for values in (report.quantum_seconds, report.quantum_cpu_seconds)
            ),
        )
    return table


def _failure_table(report: RunReport) -> Table:
    table = Table(title="What failed", show_lines=True)
    table.add_column("what", overflow="fold", ratio=2)
    table.add_column("why", overflow="fold", ratio=4)
    table.add_column("blocked", overflow="fold", ratio=1)
    for failure in report.failures:
        message = failure.message
        if len(message) > _MESSAGE_LENGTH:
            message = message[:_MESSAGE_LENGTH] + " ..."
        table.add_row(
            Text(f"{failure.task}: " + ", ".join(f"{key}={value}" for key, value in failure.data_id.items())),
            Text(f"{failure.type_name.rpartition('.')[2]}: {message}"),
            ", ".join(f"{n} {task}" for task, n in failure.blocked_tasks.items()) or "-",
        )
    return table
