"""Tiny PipelineTasks that test and measure executors: steps, a fan-in, failure, death and delay on request."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import lsst.pipe.base.connectionTypes as cT
from lsst.pex.config import Field, ListField
from lsst.pipe.base import NoWorkFound, PipelineTask, PipelineTaskConfig, PipelineTaskConnections, Struct

__all__ = (
    "TinyGatherConfig",
    "TinyGatherConnections",
    "TinyGatherTask",
    "TinyStepConfig",
    "TinyStepConnections",
    "TinyStepTask",
    "TroubleConfig",
    "TroubleTask",
)

_DETECTOR = ("instrument", "exposure", "detector")


class TinyStepConnections(
    PipelineTaskConnections,
    dimensions=_DETECTOR,
    defaultTemplates={"before": "raw", "after": "a"},
):
    """One small dictionary in, one out."""

    value = cT.Input(
        name="tiny_{before}", storageClass="StructuredDataDict", dimensions=_DETECTOR, doc="Value before the step."
    )
    result = cT.Output(
        name="tiny_{after}", storageClass="StructuredDataDict", dimensions=_DETECTOR, doc="Value after the step."
    )


class TinyStepConfig(PipelineTaskConfig, pipelineConnections=TinyStepConnections):
    """What a step adds, and how long it takes."""

    increment = Field[int](default=1, doc="Number added to the value.")
    delay = Field[float](default=0.0, doc="Time to sleep before answering. [s]")


class TinyStepTask(PipelineTask):
    """Add a number to a value."""

    ConfigClass = TinyStepConfig
    _DefaultName = "tinyStep"

    def run(self, value: dict[str, int]) -> Struct:
        """Return ``value`` with the increment added."""
        if self.config.delay:
            time.sleep(self.config.delay)
        self.log.info("Adding %d to %d.", self.config.increment, value["n"])
        return Struct(result={"n": value["n"] + self.config.increment})


class TroubleConfig(TinyStepConfig):
    """On which detectors trouble starts, and which."""

    kind = Field[str](default="raise", doc="What goes wrong: raise, kill, no_work or hang.")
    detectors = ListField[int](default=[], doc="Detectors on which it goes wrong.")
    cure = Field[str](default="", doc="Path of a file; where it exists nothing goes wrong any more.")
    once = Field[str](default="", doc="Path of a file that is made when trouble strikes; it then acts as a cure.")


class TroubleTask(TinyStepTask):
    """A step that fails, kills its own process, finds no work or hangs where it is told to."""

    ConfigClass = TroubleConfig
    _DefaultName = "trouble"

    def runQuantum(self, butlerQC: Any, inputRefs: Any, outputRefs: Any) -> None:
        """Start trouble if this detector is on the list; else do the step."""
        inputs = butlerQC.get(inputRefs)
        cured = any(path and Path(path).exists() for path in (self.config.cure, self.config.once))
        if butlerQC.quantum.dataId["detector"] in self.config.detectors and not cured:
            if self.config.once:
                Path(self.config.once).touch()
            self._start_trouble(inputs["value"]["n"])
        butlerQC.put(self.run(**inputs), outputRefs)

    def _start_trouble(self, n: int) -> None:
        match self.config.kind:
            case "raise":
                raise ValueError(f"trouble was asked for at n={n}")
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "no_work":
                raise NoWorkFound("nothing to add here")
            case "hang":
                time.sleep(3600.0)
            case other:
                raise ValueError(f"unknown kind of trouble {other!r}")


class TinyGatherConnections(
    PipelineTaskConnections,
    dimensions=("instrument", "exposure"),
    defaultTemplates={"before": "b"},
):
    """All detectors of an exposure in, their sum out."""

    values = cT.Input(
        name="tiny_{before}",
        storageClass="StructuredDataDict",
        dimensions=_DETECTOR,
        multiple=True,
        doc="Values of all detectors.",
    )
    total = cT.Output(
        name="tiny_sum",
        storageClass="StructuredDataDict",
        dimensions=("instrument", "exposure"),
        doc="Sum over detectors.",
    )


class TinyGatherConfig(PipelineTaskConfig, pipelineConnections=TinyGatherConnections):
    """Nothing to choose."""


class TinyGatherTask(PipelineTask):
    """Add the values of all detectors of an exposure."""

    ConfigClass = TinyGatherConfig
    _DefaultName = "tinyGather"

    def run(self, values: list[dict[str, int]]) -> Struct:
        """Return the sum and the number of terms."""
        return Struct(total={"n": sum(value["n"] for value in values), "terms": len(values)})
