"""What is promised and what was measured: metrics with their bars, and measurements held against them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any, Literal, get_args

import yaml

from uraniborg.core.errors import DataError, UserError, report_faults

__all__ = ("Comparison", "Measurement", "Metric", "Value", "list_suites", "load_suite", "measure", "summarise")

Comparison = Literal["<=", ">=", "within", "report"]
"""At most the bar; at least the bar; between both bars; no bar: the number only has to be there."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One promise.

    Attributes
    ----------
    name : str
        Short name, unique in its suite.
    description : str
        What is measured, one line.
    unit : str
        Unit of the value, "" for a pure number.
    comparison : {"<=", ">=", "within", "report"}
        How the value is held against the bar.
    bar : tuple of float
        One number; two for "within"; none for "report".
    requirement : str
        Row of the requirements that it belongs to.
    method : str
        How it is measured.
    field : str
        What it is measured on: "real", "simulated", "both" or "machine".
    quick : bool
        Whether the quick form of the suite measures it.
    """

    name: str
    description: str
    unit: str
    comparison: Comparison
    bar: tuple[float, ...]
    requirement: str
    method: str
    field: str
    quick: bool = True

    def __post_init__(self) -> None:
        wanted = {"<=": 1, ">=": 1, "within": 2, "report": 0}.get(self.comparison, -1)
        faults = []
        if wanted < 0:
            faults.append(f"comparison is {self.comparison!r}, must be one of {get_args(Comparison)}")
        elif len(self.bar) != wanted:
            faults.append(f"bar is {self.bar}, comparison {self.comparison!r} needs {wanted} number(s)")
        if self.field not in ("real", "simulated", "both", "machine"):
            faults.append(f"field is {self.field!r}, must be real, simulated, both or machine")
        report_faults(f"metric {self.name}", faults)

    def holds(self, value: float) -> bool:
        """Return whether a value keeps the promise; NaN never does."""
        if not math.isfinite(value):
            return False
        match self.comparison:
            case "<=":
                return value <= self.bar[0]
            case ">=":
                return value >= self.bar[0]
            case "within":
                return self.bar[0] <= value <= self.bar[1]
            case "report":
                return True

    @property
    def bar_text(self) -> str:
        """The bar in words, e.g. ``<= 40 mas``."""
        unit = f" {self.unit}" if self.unit else ""
        if self.comparison == "report":
            return "reported"
        if self.comparison == "within":
            return f"{self.bar[0]:g} to {self.bar[1]:g}{unit}"
        return f"{self.comparison} {self.bar[0]:g}{unit}"


@dataclass(frozen=True, slots=True)
class Value:
    """A number with what a reader should know about it; what the computations of this room return.

    Attributes
    ----------
    value : float
        The number, in the metric's unit.
    note : str
        What it was made from.
    details : mapping
        Further numbers, for the record.
    """

    value: float
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measurement:
    """A metric and what was measured of it.

    Attributes
    ----------
    metric : Metric
        The promise.
    value : float
        NaN if it could not be measured.
    note : str
        What the value was made from, or why there is none.
    seconds : float [s]
        Time that measuring took, without making the products.
    details : mapping
        Further numbers.
    """

    metric: Metric
    value: float
    note: str = ""
    seconds: float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def measured(self) -> bool:
        """Whether there is a value."""
        return math.isfinite(self.value)

    @property
    def holds(self) -> bool:
        """Whether the promise is kept; what was not measured is not kept."""
        return self.metric.holds(self.value)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it in types that JSON has."""
        return {
            "name": self.metric.name,
            "description": self.metric.description,
            "value": self.value if self.measured else None,
            "unit": self.metric.unit,
            "comparison": self.metric.comparison,
            "bar": list(self.metric.bar),
            "holds": self.holds,
            "seconds": round(self.seconds, 3),
            "note": self.note,
            "requirement": self.metric.requirement,
            "field": self.metric.field,
            "details": dict(self.details),
        }


class _Recorder:
    """Takes the value that a ``with measure(...)`` block found."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.value = Value(math.nan, "nothing was measured")
        self.seconds = 0.0

    @property
    def measurement(self) -> Measurement:
        found = self.value
        return Measurement(self.metric, float(found.value), found.note, self.seconds, found.details)


@contextmanager
def measure(metric: Metric) -> Iterator[_Recorder]:
    """Time a measurement; data that cannot give the answer become a note and not an exception.

    Parameters
    ----------
    metric : Metric
        The promise.

    Yields
    ------
    recorder
        Set its ``value``; read ``measurement`` after the block.
    """
    import time

    recorder = _Recorder(metric)
    start = time.perf_counter()
    try:
        yield recorder
    except DataError as error:
        recorder.value = Value(math.nan, f"not measured: {error}")
    finally:
        recorder.seconds = time.perf_counter() - start


def _suite_folder() -> Any:
    return files("uraniborg").joinpath("acceptance").joinpath("suites")


def list_suites() -> dict[str, str]:
    """Return name and title of every suite that exists."""
    found = {}
    for entry in sorted(_suite_folder().iterdir(), key=lambda item: str(item.name)):
        if entry.name.endswith(".yaml"):
            found[entry.name.removesuffix(".yaml")] = str(yaml.safe_load(entry.read_text("utf8"))["title"])
    return found


def load_suite(name: str) -> tuple[Metric, ...]:
    """Return the metrics of a suite, in the order of its file.

    Parameters
    ----------
    name : str
        Name of a file in ``uraniborg/acceptance/suites``, without extension.

    Raises
    ------
    UserError
        If there is no such suite, or if its file is wrong.
    """
    if name not in list_suites():
        raise UserError(f"no suite {name!r}; there are {sorted(list_suites())}")
    content = yaml.safe_load(_suite_folder().joinpath(f"{name}.yaml").read_text("utf8"))
    metrics = []
    for entry in content["metrics"]:
        bar = entry.pop("bar", ())
        metrics.append(Metric(bar=tuple(float(b) for b in (bar if isinstance(bar, list | tuple) else [bar])), **entry))
    names = [metric.name for metric in metrics]
    report_faults(f"suite {name}", [f"metric {n} is defined twice" for n in set(names) if names.count(n) > 1])
    return tuple(metrics)


def summarise(measurements: Sequence[Measurement], **facts: Any) -> dict[str, Any]:
    """Return measurements as one object for JSON, with how many hold.

    Parameters
    ----------
    measurements : sequence of Measurement
        In the order in which they are to be shown.
    **facts
        Further entries: name of the suite, of the repository...

    Returns
    -------
    dict
    """
    return {
        **facts,
        "n_metrics": len(measurements),
        "n_measured": sum(m.measured for m in measurements),
        "n_held": sum(m.holds for m in measurements),
        "all_hold": bool(measurements) and all(m.holds for m in measurements),
        "metrics": [m.to_dict() for m in measurements],
    }
