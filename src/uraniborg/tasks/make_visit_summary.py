"""Put the facts of all detectors of a visit into one table: what observers get back."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import lsst.pipe.base.connectionTypes as cT
import numpy as np
from astropy.table import Table
from lsst.pex.config import DictField
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from uraniborg.core.errors import AlgorithmError
from uraniborg.tasks.common.visit_summary import visit_summary_table

__all__ = ("MakeVisitSummaryConfig", "MakeVisitSummaryConnections", "MakeVisitSummaryTask")

_LOG = logging.getLogger(__name__)
_FIDUCIAL = {"u": 23.9, "g": 25.0, "r": 24.7, "i": 24.0, "z": 23.3, "y": 22.1}
"""Design depths of single visits of 30 s, LSST Science Requirements Document (LPM-17), table 6."""


class MakeVisitSummaryConnections(PipelineTaskConnections, dimensions=("instrument", "visit")):
    """The facts of each detector in, one table out."""

    details = cT.Input(
        doc="One row of facts of each detector.",
        name="visit_detector_summary",
        storageClass="SourceTable",
        dimensions=("instrument", "visit", "detector"),
        multiple=True,
    )
    visit_summary = cT.Output(
        doc="One row for each detector.",
        name="visit_summary",
        storageClass="SourceTable",
        dimensions=("instrument", "visit"),
    )


class MakeVisitSummaryConfig(PipelineTaskConfig, pipelineConnections=MakeVisitSummaryConnections):
    """Configuration of `MakeVisitSummaryTask`."""

    fiducial_depth = DictField[str, float](
        doc="Magnitude of a point source at five times the noise in 30 s under fiducial conditions, by band [mag]",
        default=_FIDUCIAL,
    )


class MakeVisitSummaryTask(PipelineTask):
    """Gather image quality, depth and calibration of a visit."""

    ConfigClass = MakeVisitSummaryConfig
    _DefaultName = "makeVisitSummary"
    config: MakeVisitSummaryConfig

    def runQuantum(
        self, butlerQC: QuantumContext, inputRefs: InputQuantizedConnection, outputRefs: OutputQuantizedConnection
    ) -> None:
        """Run, and say in one line how the visit is."""
        outputs = self.run(**butlerQC.get(inputRefs))
        butlerQC.put(outputs, outputRefs)
        table = outputs.visit_summary
        middle = {name: float(np.nanmedian(table[name])) for name in ("seeing", "magLim", "zeroPoint", "effTime")}
        _LOG.info(
            "visit %d: %d detectors; seeing %.2f arcsec, depth %.2f mag, zero point %.3f mag, effective time %.0f s",
            *(table["visitId"][0], len(table), *middle.values()),
        )

    def run(self, *, details: Sequence[Table]) -> Struct:
        """Gather.

        Parameters
        ----------
        details : sequence of astropy.table.Table
            Rows of ``VisitDetectorSummary``.

        Returns
        -------
        lsst.pipe.base.Struct
            ``visit_summary`` (`astropy.table.Table`, ``VisitSummary``).

        Raises
        ------
        AlgorithmError
            If there is no detector.
        """
        if not details:
            raise AlgorithmError("no detector of this visit was calibrated; see the reports of calibrateImage")
        return Struct(visit_summary=visit_summary_table(details, fiducial_depth=self.config.fiducial_depth))
