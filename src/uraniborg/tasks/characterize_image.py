"""Subtract the sky of an image, model its point-spread function, detect and measure its sources."""

from __future__ import annotations

import logging
import time

import lsst.pipe.base.connectionTypes as cT
from lsst.images import VisitImage
from lsst.pex.config import ChoiceField, ListField, RangeField
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

from uraniborg.algorithms.singleframe import characterize_frame
from uraniborg.core.errors import Unprocessable
from uraniborg.model.masks import pixel_bits
from uraniborg.model.piff_fit import psf_fitter
from uraniborg.tasks.common.characterized_image import characterized_image, first_width, preliminary_source_table

__all__ = ("CharacterizeImageConfig", "CharacterizeImageConnections", "CharacterizeImageTask")

_LOG = logging.getLogger(__name__)
_DIMENSIONS = ("instrument", "visit", "detector")


class CharacterizeImageConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """One image in; the same without sky, and its sources, out."""

    image = cT.Input(
        doc="Image in electron with sky and a first-guess PSF.",
        name="post_isr_image",
        storageClass="VisitImage",
        dimensions=("instrument", "exposure", "detector"),
    )
    output = cT.Output(
        doc="Image without sky, with measured PSF and the DETECTED planes.",
        name="preliminary_visit_image",
        storageClass="VisitImage",
        dimensions=_DIMENSIONS,
    )
    sources = cT.Output(
        doc="Its sources.", name="preliminary_source", storageClass="SourceTable", dimensions=_DIMENSIONS
    )


class CharacterizeImageConfig(PipelineTaskConfig, pipelineConnections=CharacterizeImageConnections):
    """Configuration of `CharacterizeImageTask`."""

    threshold = RangeField[float](doc="Signal-to-noise ratio of the faintest detection []", default=5.0, min=0.0)
    cell_size = RangeField[int](doc="Side of a background cell, in pixels.", default=128, min=16)
    max_order = RangeField[int](doc="Highest order of the PSF's variation over the image.", default=2, min=0, max=3)
    psf_fitter = ChoiceField[str](
        doc="What fits the PSF.",
        default="pixel_grid",
        allowed={"pixel_grid": "Our pixel grid with a prior.", "piff": "Piff's pixel grid; slow."},
    )
    plugins = ListField[str](doc="Measurement plugins of other packages, by entry point.", default=[])
    correction_radius = RangeField[float](
        doc="Radius of the aperture that PSF fluxes are brought to: 3, 6, 9, 12, 17 or 25 [pixel]",
        default=12.0,
        min=3.0,
    )


class CharacterizeImageTask(PipelineTask):
    """Everything that is measured on an image before it is compared with a catalogue."""

    ConfigClass = CharacterizeImageConfig
    _DefaultName = "characterizeImage"
    config: CharacterizeImageConfig

    def runQuantum(
        self, butlerQC: QuantumContext, inputRefs: InputQuantizedConnection, outputRefs: OutputQuantizedConnection
    ) -> None:
        """Run, and say in one line what was found."""
        start = time.monotonic()
        outputs = self.run(**butlerQC.get(inputRefs))
        butlerQC.put(outputs, outputRefs)
        found, data_id = outputs.found, butlerQC.quantum.dataId
        psf = found.psf
        for note in found.notes:
            _LOG.warning("visit %d detector %d: %s", data_id["visit"], data_id["detector"], note)
        _LOG.info(
            "visit %d detector %d: %d sources; PSF of %.2f pixel from %d of %d stars, order %d%s; %.2f s",
            *(data_id["visit"], data_id["detector"], len(outputs.sources), psf.fwhm, psf.n_stars, psf.n_candidates),
            *(psf.order, f" ({psf.reason})" if psf.reason else "", time.monotonic() - start),
        )

    def run(self, *, image: VisitImage) -> Struct:
        """Characterize.

        Parameters
        ----------
        image : lsst.images.VisitImage
            In electron, with sky.

        Returns
        -------
        lsst.pipe.base.Struct
            ``output`` (`lsst.images.VisitImage`), ``sources`` (`astropy.table.Table`, ``PreliminarySource``) and
            ``found`` (`uraniborg.algorithms.singleframe.FrameCharacterization`).

        Raises
        ------
        lsst.pipe.base.NoWorkFound
            If no part of the image has usable sky.
        AlgorithmError
            If there is no star for a point-spread function.
        """
        bits = pixel_bits(image.mask)
        try:
            found = characterize_frame(
                image.image.array,
                image.variance.array,
                pixel_bits=bits,
                fwhm=first_width(image),
                threshold=self.config.threshold,
                cell_size=self.config.cell_size,
                max_order=self.config.max_order,
                correction_radius=self.config.correction_radius,
                psf_fitter=psf_fitter(self.config.psf_fitter),
                plugins=tuple(self.config.plugins),
            )
        except Unprocessable as error:
            raise NoWorkFound(str(error)) from error
        origin = (image.bbox.x.min, image.bbox.y.min)
        frame = image.sky_projection.pixel_frame
        sources = preliminary_source_table(found, visit=frame.visit, detector=frame.detector, origin=origin)
        return Struct(output=characterized_image(image, found), sources=sources, found=found)
