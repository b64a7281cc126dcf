"""Tiny PipelineTasks that write tables, and a repository to run them in, for tests of provenance and of commands."""

from __future__ import annotations

from pathlib import Path

import lsst.pipe.base.connectionTypes as cT
import numpy as np
from astropy.table import Table, vstack
from lsst.daf.butler import Butler, DatasetType
from lsst.pex.config import Field
from lsst.pipe.base import PipelineTask, PipelineTaskConfig, PipelineTaskConnections, Struct

from uraniborg.testing.repos import make_repository

__all__ = ("TABLE_PIPELINE", "TinyCatalogueTask", "TinyTableTask", "make_table_repository")

TABLE_PIPELINE = """\
description: A table for each detector, and a catalogue of each exposure.
tasks:
  table:
    class: uraniborg.testing.table_tasks.TinyTableTask
  catalogue:
    class: uraniborg.testing.table_tasks.TinyCatalogueTask
"""
"""Pipeline over `make_table_repository`; per exposure, one quantum for each detector and one more."""

_DETECTOR = ("instrument", "exposure", "detector")
_EXPOSURE = ("instrument", "exposure")


class TinyTableConnections(PipelineTaskConnections, dimensions=_DETECTOR):
    """A number in, a table out."""

    number = cT.Input(name="raw", storageClass="MetricTable", dimensions=_DETECTOR, doc="How many rows to make.")
    table = cT.Output(name="tiny_table", storageClass="SourceTable", dimensions=_DETECTOR, doc="That many rows.")


class TinyTableConfig(PipelineTaskConfig, pipelineConnections=TinyTableConnections):
    """What is in the rows."""

    start = Field[int](default=0, doc="First value.")


class TinyTableTask(PipelineTask):
    """Make a table of a given length."""

    ConfigClass = TinyTableConfig
    _DefaultName = "tinyTable"

    def run(self, number: dict[str, int]) -> Struct:
        """Return a table with as many rows as ``number["n"]``."""
        return Struct(table=Table({"x": np.arange(number["n"]) + self.config.start}))


class TinyCatalogueConnections(PipelineTaskConnections, dimensions=_EXPOSURE):
    """All tables of an exposure in; their rows and the number of rows out."""

    tables = cT.Input(
        name="tiny_table", storageClass="SourceTable", dimensions=_DETECTOR, multiple=True, doc="Tables of detectors."
    )
    catalogue = cT.Output(name="tiny_catalogue", storageClass="SourceTable", dimensions=_EXPOSURE, doc="All rows.")
    count = cT.Output(name="tiny_count", storageClass="MetricTable", dimensions=_EXPOSURE, doc="Number of rows.")


class TinyCatalogueConfig(PipelineTaskConfig, pipelineConnections=TinyCatalogueConnections):
    """Nothing to choose."""


class TinyCatalogueTask(PipelineTask):
    """Put the tables of an exposure together."""

    ConfigClass = TinyCatalogueConfig
    _DefaultName = "tinyCatalogue"

    def run(self, tables: list[Table]) -> Struct:
        """Return all rows and their number."""
        catalogue = vstack(tables)
        return Struct(catalogue=catalogue, count={"n": len(catalogue)})


def make_table_repository(folder: Path) -> Butler:
    """Create a repository with a ``raw`` of every exposure and detector of the camera ``Tiny`` in the run ``Tiny/raw``.

    Parameters
    ----------
    folder : pathlib.Path
        The repository is made in its sub-folder ``repo``; the pipeline is written to ``tables.yaml``.
    """
    (folder / "tables.yaml").write_text(TABLE_PIPELINE)
    butler = make_repository(folder, run="Tiny/raw")
    dataset_type = DatasetType("raw", _DETECTOR, "MetricTable", universe=butler.dimensions)
    butler.registry.registerDatasetType(dataset_type)
    for exposure in (1, 2):
        for detector in (0, 1):
            butler.put({"n": 2 * exposure + detector}, dataset_type, exposure=exposure, detector=detector)
    return butler
