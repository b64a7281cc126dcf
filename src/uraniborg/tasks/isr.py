"""Remove the signature of the instrument from raw frames: from segments in adu to one image in electrons."""

from __future__ import annotations

import logging
import time
from typing import Any

import lsst.pipe.base.connectionTypes as cT
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

from uraniborg.algorithms.isr.pipeline import STEPS, IsrSettings, remove_signature
from uraniborg.instruments.base import SurveyInstrument
from uraniborg.instruments.raw_geometry import raw_geometry
from uraniborg.model.frames import RawFrame
from uraniborg.model.masks import select_pixels
from uraniborg.tasks.common.isr_calibrations import isr_calibrations
from uraniborg.tasks.common.isr_image import isr_numbers, isr_visit_image, pixel_scale

__all__ = ("IsrConfig", "IsrConnections", "IsrTask")

_LOG = logging.getLogger(__name__)
_EXPOSURE = ("instrument", "exposure", "detector")
_DETECTOR = ("instrument", "detector")
_FILTER = ("instrument", "detector", "physical_filter")


def _calibration(name: str, storage_class: str, doc: str, dimensions: tuple[str, ...] = _DETECTOR) -> Any:
    return cT.PrerequisiteInput(
        doc=doc, name=name, storageClass=storage_class, dimensions=dimensions, isCalibration=True
    )


class IsrConnections(PipelineTaskConnections, dimensions=_EXPOSURE):
    """A raw frame and its calibrations in, one image out; calibrations of steps that are left out are not asked for."""

    raw = cT.Input(doc="Segments.", name="raw", storageClass="RawFrame", dimensions=_EXPOSURE)
    gain = _calibration("gain", "AmplifierGains", "Gain and read noise.")
    bias = _calibration("bias", "MaskedImageV2", "Mean bias [adu].")
    dark = _calibration("dark", "MaskedImageV2", "Dark current [electron/s].")
    flat = _calibration("flat", "MaskedImageV2", "Response.", _FILTER)
    illumination = _calibration("illumination", "MaskedImageV2", "Correction of the flat.", _FILTER)
    fringe = _calibration("fringe", "MaskedImageV2", "Pattern of fringes.", _FILTER)
    defects = _calibration("defects", "DefectList", "Bad pixels.")
    linearizer = _calibration("linearizer", "LinearityModel", "Non-linearity.")
    crosstalk = _calibration("crosstalk", "CrosstalkModel", "Crosstalk.")
    cti = _calibration("cti", "ChargeTransferModel", "Charge transfer.")
    bfKernel = _calibration("bfKernel", "BrighterFatterModel", "Brighter-fatter kernel.")
    output = cT.Output(
        doc="Image in electron with variance, mask, first-guess PSF and the projection of the header.",
        name="post_isr_image",
        storageClass="VisitImage",
        dimensions=_EXPOSURE,
    )

    def __init__(self, *, config: IsrConfig) -> None:
        super().__init__(config=config)
        names = {"linearizer": "linearity", "cti": "chargeTransfer", "bfKernel": "brighterFatter"}
        for name in sorted(self.prerequisiteInputs - {"gain"}):
            if names.get(name, name) not in config.steps:
                self.prerequisiteInputs.discard(name)


class IsrConfig(PipelineTaskConfig, pipelineConnections=IsrConnections):
    """Configuration of `IsrTask`."""

    steps = ListField[str](
        doc="Steps to do, in any order; the fringe and illumination steps need calibrations that few filters have.",
        default=[step for step in STEPS if step not in ("illumination", "fringe")],
        itemCheck=lambda step: step in STEPS,
    )
    overscan = ChoiceField[str](
        doc="How the electronic level is found.",
        allowed={"row": "each row", "spline": "a smooth curve along the rows", "constant": "one level"},
        default="row",
    )
    overscan_skip = RangeField[int](doc="First columns of the overscan to leave out, in pixels.", default=5, min=0)
    saturation = RangeField[float](
        doc="Share of the header's saturation level at which pixels count as full []", default=0.98, min=0.0
    )
    suspect = RangeField[float](
        doc="Share of the header's saturation level at which pixels are suspect []", default=0.9, min=0.0
    )
    seeing = RangeField[float](doc="Width of the first-guess PSF [arcsec]", default=0.8, min=0.0)
    sharpest = RangeField[float](
        doc="Best seeing there is: what is sharper can be no star, but a cosmic ray [arcsec]", default=0.55, min=0.0
    )
    ray_threshold = RangeField[float](
        doc="How far a cosmic ray stands above its neighbours [standard errors]", default=5.0, min=0.0
    )
    max_unusable = RangeField[float](
        doc="Largest share of unusable pixels; there is nothing to do for a frame with more []",
        default=0.95,
        min=0.0,
        max=1.0,
    )


class IsrTask(PipelineTask):
    """Segments in, image out; the work is in `uraniborg.algorithms.isr`."""

    ConfigClass = IsrConfig
    _DefaultName = "isr"
    config: IsrConfig

    def runQuantum(
        self, butlerQC: QuantumContext, inputRefs: InputQuantizedConnection, outputRefs: OutputQuantizedConnection
    ) -> None:
        """Find the instrument by its record and run."""
        start, data_id = time.monotonic(), butlerQC.quantum.dataId
        inputs = butlerQC.get(inputRefs)
        outputs = self.run(raw=inputs.pop("raw"), instrument=SurveyInstrument.from_record(data_id), products=inputs)
        butlerQC.put(outputs, outputRefs)
        rays, seconds = outputs.result.rays, time.monotonic() - start
        place = (data_id["exposure"], data_id["detector"], 100.0 * outputs.unusable)
        _LOG.info("exposure %d detector %d: %.2f %% unusable, %d ray pixels, %.2f s", *place, rays, seconds)

    def run(self, *, raw: RawFrame, instrument: SurveyInstrument, products: dict[str, Any]) -> Struct:
        """Return ``output`` (VisitImage), ``result`` (IsrResult), ``unusable`` (share of pixels); or NoWorkFound."""
        geometry = raw_geometry(raw)
        known = isr_calibrations(raw, geometry, products)
        config, scale = self.config, pixel_scale(raw, geometry)
        settings = IsrSettings(
            frozenset(config.steps), config.overscan, config.overscan_skip, config.saturation, config.suspect,
            max(config.sharpest / scale, 1.0), config.ray_threshold,
        )  # fmt: skip
        header, segments = raw.primary, [segment.array for segment in raw.segments]
        seconds = float(header.get("DARKTIME", header.get("EXPTIME", 0.0)))
        result = remove_signature(segments, geometry, known, settings=settings, dark_time=seconds)
        fwhm = config.seeing / scale
        output = isr_visit_image(raw, geometry, result, known, instrument=instrument, fwhm=fwhm)
        unusable = float(select_pixels(output.mask).mean())
        self.metadata["isr"] = dict(isr_numbers(geometry, result))
        if unusable > config.max_unusable:
            raise NoWorkFound(f"{unusable:.1%} of the pixels are unusable, more than {config.max_unusable:.1%}")
        return Struct(output=output, result=result, unusable=unusable)
