"""What all tasks of calibration products share: raw exposures are read one at a time, and results carry a label."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from typing import Any

import lsst.pipe.base.connectionTypes as cT
from lsst.pipe.base import (
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTask,
    QuantumContext,
    Struct,
)

from uraniborg.core.errors import DataError
from uraniborg.tasks.common.calib_frames import Label, lazy_frames

__all__ = ("CalibrationTask", "known_calibration")

_LOG = logging.getLogger(__name__)


def known_calibration(
    name: str, storage_class: str, doc: str, *, needed: bool = True, by_filter: bool = False
) -> cT.PrerequisiteInput:
    """Return the connection of a calibration that another one leans on.

    Parameters
    ----------
    name : str
        Dataset type.
    storage_class : str
        Its storage class.
    doc : str
        What it is.
    needed : bool
        Whether the task cannot do without.
    by_filter : bool
        Whether each filter has its own.
    """
    dimensions = ("instrument", "detector", "physical_filter") if by_filter else ("instrument", "detector")
    return cT.PrerequisiteInput(
        doc=doc,
        name=name,
        storageClass=storage_class,
        dimensions=dimensions,
        isCalibration=True,
        minimum=int(needed),
    )


class CalibrationTask(PipelineTask):
    """Base of tasks whose inputs may have ``raws``; subclasses give ``run``."""

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Give the raws as frames that are read when needed, and run."""
        start = time.monotonic()
        inputs = butlerQC.get(inputRefs)
        data_id = butlerQC.quantum.dataId
        if "raws" in inputs:
            inputs["frames"] = lazy_frames(inputs.pop("raws"))
        label = Label(str(data_id["instrument"]), int(data_id["detector"]))
        try:
            outputs = self.run(label=label, **inputs)
        except DataError as error:
            raise NoWorkFound(str(error)) from error
        butlerQC.put(outputs, outputRefs)
        _LOG.info(
            "%s of %s detector %d from %d exposures, %.1f s",
            *(self.getName(), label.instrument, label.detector, len(inputs.get("frames", ()))),
            time.monotonic() - start,
        )

    @abstractmethod
    def run(self, **inputs: Any) -> Struct:
        """Make the calibration."""
