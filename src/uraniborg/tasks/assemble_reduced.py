"""Make one image of a reduced exposure's pixels, weights and data quality."""

from __future__ import annotations

import logging
import time

import lsst.pipe.base.connectionTypes as cT
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

from uraniborg.core.errors import Unprocessable
from uraniborg.instruments.base import SurveyInstrument
from uraniborg.model.frames import ReducedFrame
from uraniborg.model.masks import select_pixels

__all__ = ("AssembleReducedConfig", "AssembleReducedConnections", "AssembleReducedTask")

_LOG = logging.getLogger(__name__)
_DIMENSIONS = ("instrument", "exposure", "detector")


class AssembleReducedConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Three frames in, one image out."""

    image = cT.Input(doc="Pixels.", name="reduced_image", storageClass="ReducedFrame", dimensions=_DIMENSIONS)
    weight = cT.Input(
        doc="Inverse variance of the pixels.",
        name="reduced_weight",
        storageClass="ReducedFrame",
        dimensions=_DIMENSIONS,
    )
    dq = cT.Input(
        doc="Data quality of the pixels.", name="reduced_dq", storageClass="ReducedFrame", dimensions=_DIMENSIONS
    )
    output = cT.Output(
        doc="Image in electron with variance, mask, first-guess PSF and the projection of the header.",
        name="post_isr_image",
        storageClass="VisitImage",
        dimensions=_DIMENSIONS,
    )


class AssembleReducedConfig(PipelineTaskConfig, pipelineConnections=AssembleReducedConnections):
    """Configuration of `AssembleReducedTask`."""

    max_unusable = RangeField[float](
        doc="Largest share of unusable pixels; there is nothing to do for a frame with more []",
        default=0.95,
        min=0.0,
        max=1.0,
    )


class AssembleReducedTask(PipelineTask):
    """Frames of another pipeline in, image of ours out; what a frame means is known by its instrument."""

    ConfigClass = AssembleReducedConfig
    _DefaultName = "assembleReduced"
    config: AssembleReducedConfig

    def runQuantum(
        self,
        butlerQC: QuantumContext,
        inputRefs: InputQuantizedConnection,
        outputRefs: OutputQuantizedConnection,
    ) -> None:
        """Find the instrument by its record and run."""
        start = time.monotonic()
        data_id = butlerQC.quantum.dataId
        outputs = self.run(**butlerQC.get(inputRefs), instrument=SurveyInstrument.from_record(data_id))
        butlerQC.put(outputs, outputRefs)
        box = outputs.output.bbox
        counts = (data_id["exposure"], data_id["detector"], box.x.size, box.y.size, outputs.unusable)
        _LOG.info(
            "exposure %d detector %d: %d x %d pixels, %.2f %% unusable, %.2f s",
            *(*counts[:4], 100.0 * counts[4], time.monotonic() - start),
        )

    def run(
        self, *, image: ReducedFrame, weight: ReducedFrame, dq: ReducedFrame, instrument: SurveyInstrument
    ) -> Struct:
        """Make the image.

        Parameters
        ----------
        image, weight, dq : ReducedFrame
            Pixels, inverse variance, data quality.
        instrument : SurveyInstrument
            Camera that the frames are of.

        Returns
        -------
        lsst.pipe.base.Struct
            ``output`` (`lsst.images.VisitImage`, electron) and ``unusable`` (float, share of the pixels).

        Raises
        ------
        lsst.pipe.base.NoWorkFound
            If too many pixels are unusable.
        """
        try:
            output = instrument.build_visit_image(image, weight, dq)
        except Unprocessable as error:
            raise NoWorkFound(str(error)) from error
        unusable = float(select_pixels(output.mask).mean())
        if unusable > self.config.max_unusable:
            raise NoWorkFound(f"{unusable:.1%} of the pixels are unusable, more than {self.config.max_unusable:.1%}")
        return Struct(output=output, unusable=unusable)
