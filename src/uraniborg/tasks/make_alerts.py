"""Pack an alert for every difference source of a detector."""

from __future__ import annotations

import logging
import time

import lsst.pipe.base.connectionTypes as cT
import numpy as np
from astropy.table import Table
from astropy.time import Time
from lsst.images import DifferenceImage, VisitImage
from lsst.pex.config import RangeField
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantaAdjuster,
    QuantumContext,
    Struct,
)

from uraniborg.alerts import VisitContext, encode_packets, write_encoded
from uraniborg.tasks.common.alert_cutouts import make_cutouts
from uraniborg.tasks.common.dia_objects import object_rows, stack_tables
from uraniborg.tasks.common.earlier_visits import add_earlier_visits
from uraniborg.tasks.common.reference_stars import midpoint_mjd

__all__ = ("MakeAlertsConfig", "MakeAlertsConnections", "MakeAlertsTask")

_LOG = logging.getLogger(__name__)
_DETECTOR = ("instrument", "visit", "detector")


def _image(name: str, storage_class: str) -> cT.Input:
    return cT.Input(doc=f"The {name} to cut stamps from.", name=name, storageClass=storage_class, dimensions=_DETECTOR)


class MakeAlertsConnections(PipelineTaskConnections, dimensions=_DETECTOR):
    """Sources with their history and three images in, packets out.

    The graph builder finds the forced photometry of the detector itself; `adjust_all_quanta` adds that of all detectors
    that share a tract with it and were exposed no later.
    """

    difference_image = _image("difference_image", "DifferenceImage")
    visit_image = _image("visit_image", "VisitImage")
    template_detector = _image("template_detector", "DifferenceImage")
    dia_sources = cT.Input(
        doc="Associated sources of the tracts.",
        name="dia_source",
        storageClass="SourceTable",
        dimensions=("skymap", "tract"),
        multiple=True,
    )
    dia_forced_sources = cT.Input(
        doc="Forced photometry on this and on earlier difference images.",
        name="dia_forced_source",
        storageClass="SourceTable",
        dimensions=(*_DETECTOR, "skymap"),
        multiple=True,
        minimum=0,
    )
    alert_packets = cT.Output(
        doc="Avro object container file of alert packets.",
        name="alert_packets",
        storageClass="AlertPackets",
        dimensions=_DETECTOR,
    )

    def adjust_all_quanta(self, adjuster: QuantaAdjuster) -> None:
        """Add the forced photometry of earlier visits."""
        add_earlier_visits(adjuster, "dia_forced_sources", shared="dia_sources")


class MakeAlertsConfig(PipelineTaskConfig, pipelineConnections=MakeAlertsConnections):
    """Configuration of `MakeAlertsTask`."""

    min_reliability = RangeField[float](
        doc="Least reliability of a source that is sent []", default=0.1, min=0.0, max=1.0, inclusiveMax=True
    )
    stamp_size = RangeField[int](doc="Width of the stamps [pixel]", default=30, min=30, max=200)
    psf_size = RangeField[int](doc="Width of the images of the PSF, odd [pixel]", default=25, min=5, max=101)


class MakeAlertsTask(PipelineTask):
    """Alert packets in the newest schema, with the history up to the visit and with stamps."""

    ConfigClass = MakeAlertsConfig
    _DefaultName = "makeAlerts"

    def runQuantum(
        self, butlerQC: QuantumContext, inputRefs: InputQuantizedConnection, outputRefs: OutputQuantizedConnection
    ) -> None:
        """Read, run, write."""
        start = time.monotonic()
        inputs = butlerQC.get(inputRefs)
        images = tuple(inputs[name] for name in ("difference_image", "visit_image", "template_detector"))
        sources = stack_tables(inputs["dia_sources"], "DiaSource")
        forced = stack_tables(inputs["dia_forced_sources"], "DiaForcedSource")
        outputs = self.run(images, sources, forced, processed=Time.now().tai.mjd)
        butlerQC.put(outputs, outputRefs)
        size = len(outputs.alert_packets) / 1024
        _LOG.info("%d alerts, %.0f KiB, in %.1f s", outputs.n_alerts, size, time.monotonic() - start)

    def run(
        self,
        images: tuple[DifferenceImage, VisitImage, DifferenceImage],
        dia_sources: Table,
        dia_forced_sources: Table,
        *,
        processed: float,
    ) -> Struct:
        """Pack.

        Parameters
        ----------
        images : tuple
            Difference, visit image, template.
        dia_sources, dia_forced_sources : astropy.table.Table
            Associated sources, and forced photometry; those later than the visit are ignored.
        processed : float
            When this is done [MJD TAI].

        Returns
        -------
        lsst.pipe.base.Struct
            ``alert_packets``: bytes; ``n_alerts``: int.
        """
        now, frame = midpoint_mjd(images[1]), images[1].sky_projection.pixel_frame
        known = dia_sources[np.asarray(dia_sources["midpointMjdTai"]) <= now]
        forced = dia_forced_sources[np.asarray(dia_forced_sources["midpointMjdTai"]) <= now]
        here = (np.asarray(known["visit"]) == frame.visit) & (np.asarray(known["detector"]) == frame.detector)
        sent = known[here & (np.asarray(known["reliability"]) >= self.config.min_reliability)]
        related = known[np.isin(np.asarray(known["diaObjectId"]), np.asarray(sent["diaObjectId"]))]
        packets = encode_packets(
            sent,
            object_rows(related, processed=processed, forced=forced),
            history=related[np.asarray(related["midpointMjdTai"]) < now],
            forced=forced[np.isin(np.asarray(forced["diaObjectId"]), np.asarray(sent["diaObjectId"]))],
            context=VisitContext(
                observation_reason=images[1].obs_info.observation_reason,
                target_name=images[1].obs_info.object,
                cutouts=make_cutouts(sent, images, size=self.config.stamp_size, psf_size=self.config.psf_size),
            ),
        )
        return Struct(alert_packets=write_encoded(packets), n_alerts=len(packets))
