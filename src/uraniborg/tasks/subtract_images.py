"""Subtract the template of a visit from its calibrated detectors."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

import lsst.pipe.base.connectionTypes as cT
from lsst.daf.butler import DatasetRef
from lsst.images import VisitImage
from lsst.images.cells import CellCoadd
from lsst.pex.config import Field, ListField, RangeField
from lsst.pipe.base import (
    InputQuantizedConnection,
    OutputQuantizedConnection,
    PipelineTask,
    PipelineTaskConfig,
    PipelineTaskConnections,
    QuantumContext,
    Struct,
)

from uraniborg.algorithms.diffim import MatchingOptions
from uraniborg.tasks.common.differences import (
    make_difference_image,
    make_template_image,
    match_and_subtract,
    template_on_detector,
)

__all__ = ("SubtractImagesConfig", "SubtractImagesConnections", "SubtractImagesTask")

_LOG = logging.getLogger(__name__)


class SubtractImagesConnections(PipelineTaskConnections, dimensions=("instrument", "visit", "detector")):
    """Visit image and templates in, difference out."""

    visit_image = cT.Input(
        doc="Calibrated detector.",
        name="visit_image",
        storageClass="VisitImage",
        dimensions=("instrument", "visit", "detector"),
    )
    template_coadds = cT.Input(
        doc="Coadds of the other visits of the band that overlap the detector.",
        name="template_coadd",
        storageClass="CellCoadd",
        dimensions=("skymap", "tract", "patch", "instrument", "visit"),
        multiple=True,
        deferLoad=True,
    )
    template_detector = cT.Output(
        doc="Template on the pixels of the detector, not matched.",
        name="template_detector",
        storageClass="DifferenceImage",
        dimensions=("instrument", "visit", "detector"),
    )
    difference_image = cT.Output(
        doc="Visit image minus matched template, with white noise.",
        name="difference_image",
        storageClass="DifferenceImage",
        dimensions=("instrument", "visit", "detector"),
    )


class SubtractImagesConfig(PipelineTaskConfig, pipelineConnections=SubtractImagesConnections):
    """Configuration of `SubtractImagesTask`."""

    kernel_degrees = ListField[int](doc="Polynomial degree of each Gaussian of the basis.", default=[6, 4, 2])
    kernel_order = Field[int](
        doc="Degree of the change of the kernel over the detector; chosen by the number of stars if not set.",
        default=None,
        optional=True,
    )
    background_order = RangeField[int](doc="Degree of the differential background.", default=1, min=0, max=6)
    stamp_half_size = RangeField[int](doc="Half the side of the stamps fitted [pixel]", default=15, min=8, max=50)
    model_error = RangeField[float](doc="Error of the model relative to the brightness []", default=0.003, min=0.0)
    psf_size = RangeField[int](doc="Side of the stamps of the template's PSF, odd [pixel]", default=41, min=11, max=151)
    margin = RangeField[int](doc="Width of template used round the detector [pixel]", default=20, min=0, max=100)


class SubtractImagesTask(PipelineTask):
    """Match the template to a detector, or the detector to the template, and subtract."""

    ConfigClass = SubtractImagesConfig
    _DefaultName = "subtractImages"

    def runQuantum(
        self, butlerQC: QuantumContext, inputRefs: InputQuantizedConnection, outputRefs: OutputQuantizedConnection
    ) -> None:
        """Read the coadds one at a time, in the order of tract and patch."""
        start = time.monotonic()
        handles = sorted(
            butlerQC.get(inputRefs.template_coadds), key=lambda handle: (handle.dataId["tract"], handle.dataId["patch"])
        )
        coadds = ((handle.get(), handle.ref) for handle in handles)
        outputs = self.run(butlerQC.get(inputRefs.visit_image), coadds)
        butlerQC.put(outputs, outputRefs)
        facts = outputs.difference_image.metadata
        _LOG.info(
            "%s convolved, kernel sum %.4f of order %d on %d stamps, residual rms %.3f, in %.1f s",
            facts["convolved"],
            facts["kernel_sum"],
            facts["kernel_order"],
            facts["kernel_stamps"],
            facts["residual_rms"],
            time.monotonic() - start,
        )

    def run(self, visit_image: VisitImage, coadds: Iterable[tuple[CellCoadd, DatasetRef | None]]) -> Struct:
        """Subtract.

        Parameters
        ----------
        visit_image : lsst.images.VisitImage
            Calibrated detector.
        coadds : iterable of (lsst.images.cells.CellCoadd, DatasetRef or None)
            Templates, and their references for the record.

        Returns
        -------
        lsst.pipe.base.Struct
            ``difference_image`` and ``template_detector``, both `lsst.images.DifferenceImage`.

        Raises
        ------
        lsst.pipe.base.NoWorkFound
            If no template has data on the detector.
        """
        config = self.config
        template = template_on_detector(coadds, visit_image, margin=config.margin, psf_size=config.psf_size)
        options = MatchingOptions(
            degrees=tuple(config.kernel_degrees),
            stamp_half_size=config.stamp_half_size,
            order=config.kernel_order,
            background_order=config.background_order,
            model_error=config.model_error,
        )
        result = match_and_subtract(visit_image, template, options)
        return Struct(
            difference_image=make_difference_image(visit_image, template, result),
            template_detector=make_template_image(visit_image, template),
        )
