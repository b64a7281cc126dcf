"""Associate the difference sources of all visits of a tract with objects."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import lsst.pipe.base.connectionTypes as cT
import numpy as np
from astropy.table import Table
from astropy.time import Time
from lsst.pex.config import RangeField
from lsst.pipe.base import (
    InputQuantizedConnection,
    NoWorkFound,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from uraniborg.model.skymap import SkyMap
from uraniborg.tasks.common.dia_objects import associate_tables, object_rows, stack_tables

__all__ = ("AssociateDiaSourcesConfig", "AssociateDiaSourcesConnections", "AssociateDiaSourcesTask")

_LOG = logging.getLogger(__name__)


class AssociateDiaSourcesConnections(PipelineTaskConnections, dimensions=("skymap", "tract")):
    """Sources of detectors in, associated sources and objects out."""

    sky_map = cT.PrerequisiteInput(
        doc="Geometry of tracts and patches.", name="skyMap", storageClass="TractSkyMap", dimensions=("skymap",)
    )
    dia_source_detectors = cT.Input(
        doc="Sources of the detectors that overlap the tract.",
        name="dia_source_detector",
        storageClass="SourceTable",
        dimensions=("instrument", "visit", "detector"),
        multiple=True,
        deferLoad=True,
    )
    dia_object = cT.Output(
        doc="Objects that were first seen inside the tract.",
        name="dia_object",
        storageClass="SourceTable",
        dimensions=("skymap", "tract"),
    )
    dia_source = cT.Output(
        doc="All sources of these objects.",
        name="dia_source",
        storageClass="SourceTable",
        dimensions=("skymap", "tract"),
    )


class AssociateDiaSourcesConfig(PipelineTaskConfig, pipelineConnections=AssociateDiaSourcesConnections):
    """Configuration of `AssociateDiaSourcesTask`."""

    max_separation = RangeField[float](
        doc="Largest distance of a source from its object [arcsec]", default=1.0, min=0.05, max=10.0
    )
    systematic_error = RangeField[float](
        doc="Error of positions from visit to visit, for each axis [arcsec]", default=0.05, min=0.0, max=1.0
    )


class AssociateDiaSourcesTask(PipelineTask):
    """Link sources to objects; each object belongs to the tract in which its first source lies."""

    ConfigClass = AssociateDiaSourcesConfig
    _DefaultName = "associateDiaSources"

    def runQuantum(
        self, butlerQC: QuantumContext, inputRefs: InputQuantizedConnection, outputRefs: OutputQuantizedConnection
    ) -> None:
        """Read the tables in the order of visit and detector."""
        start = time.monotonic()
        handles = sorted(
            butlerQC.get(inputRefs.dia_source_detectors),
            key=lambda handle: (handle.dataId["visit"], handle.dataId["detector"]),
        )
        outputs = self.run(
            [handle.get() for handle in handles],
            sky_map=butlerQC.get(inputRefs.sky_map),
            tract=butlerQC.quantum.dataId["tract"],
            processed=Time.now().tai.mjd,
        )
        butlerQC.put(outputs, outputRefs)
        _LOG.info(
            "%d sources of %d detectors in %d objects in %.1f s",
            len(outputs.dia_source),
            len(handles),
            len(outputs.dia_object),
            time.monotonic() - start,
        )

    def run(self, tables: Sequence[Table], *, sky_map: SkyMap, tract: int, processed: float) -> Struct:
        """Associate.

        Parameters
        ----------
        tables : sequence of astropy.table.Table
            Rows of ``DiaSource`` of each detector.
        sky_map : SkyMap
            Says which tract a position belongs to.
        tract : int
            The tract wanted.
        processed : float
            When this is done [MJD TAI].

        Returns
        -------
        lsst.pipe.base.Struct
            ``dia_source`` and ``dia_object``: `astropy.table.Table`.

        Raises
        ------
        lsst.pipe.base.NoWorkFound
            If there is no source at all.
        """
        sources = stack_tables(tables, "DiaSource")
        if not len(sources):
            raise NoWorkFound(f"no difference source in tract {tract}")
        linked = associate_tables(
            sources, max_separation=self.config.max_separation, systematic_error=self.config.systematic_error
        )
        # Sources are ordered by object and time, so that the first row of an object is its founder.
        owners, founders = np.unique(np.asarray(linked["diaObjectId"]), return_index=True)
        inside = sky_map.find_tract(np.asarray(linked["ra"])[founders], np.asarray(linked["dec"])[founders]) == tract
        linked = linked[np.isin(np.asarray(linked["diaObjectId"]), owners[inside])]
        return Struct(dia_source=linked, dia_object=object_rows(linked, processed=processed))
