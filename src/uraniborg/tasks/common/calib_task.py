"""What all tasks of calibration products share: raw exposures are read one at a time, and results carry a label."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from typing import Any

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

__all__ = ("CalibrationTask",)

_LOG = logging.getLogger(__name__)


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
