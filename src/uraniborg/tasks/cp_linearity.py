"""Measure linearity."""

from __future__ import annotations

from collections.abc import Sequence

import lsst.pipe.base.connectionTypes as cT
from lsst.images import MaskedImage
from lsst.pex.config import ChoiceField, RangeField
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections, Struct

from uraniborg.model.calibrations import CrosstalkModel
from uraniborg.tasks.common.calib_amplifiers import measure_linearity
from uraniborg.tasks.common.calib_frames import Label, LazyFrame
from uraniborg.tasks.common.calib_task import CalibrationTask, known_calibration

__all__ = ("CpLinearityConfig", "CpLinearityConnections", "CpLinearityTask")

_DIMENSIONS = ("instrument", "detector")


class CpLinearityConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Pairs of flats in, linearity out."""

    raws = cT.Input(
        doc="Flat exposures of a steady lamp, in pairs.",
        name="raw",
        storageClass="RawFrame",
        dimensions=("instrument", "exposure", "detector"),
        multiple=True,
        deferLoad=True,
    )
    bias = known_calibration("bias", "MaskedImageV2", "Bias [adu].")
    crosstalk = known_calibration(
        "crosstalk", "CrosstalkModel", "Crosstalk; not corrected where there is none.", needed=False
    )
    linearizer = cT.Output(
        doc="Linearity.",
        name="linearizer",
        storageClass="LinearityModel",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )


class CpLinearityConfig(PipelineTaskConfig, pipelineConnections=CpLinearityConnections):
    """Configuration of `CpLinearityTask`."""

    kind = ChoiceField[str](
        doc="Kind of correction.",
        default="spline",
        allowed={"spline": "Cubic spline.", "quadratic": "One coefficient."},
    )
    knots = RangeField[int](doc="Intervals of the spline.", default=6, min=1)


class CpLinearityTask(CalibrationTask):
    """Linearity of amplifiers from levels of flats against their exposure times."""

    ConfigClass = CpLinearityConfig
    _DefaultName = "cpLinearity"
    config: CpLinearityConfig

    def run(  # type: ignore[override]
        self,
        *,
        label: Label,
        frames: Sequence[LazyFrame],
        bias: MaskedImage,
        crosstalk: CrosstalkModel | None = None,
    ) -> Struct:
        """Measure linearity.

        Parameters
        ----------
        label : Label
            Whose calibration it is.
        frames : sequence of LazyFrame
            Pairs of flats.
        bias : lsst.images.MaskedImage
            Bias.
        crosstalk : CrosstalkModel, optional
            Crosstalk.

        Returns
        -------
        lsst.pipe.base.Struct
            ``linearizer`` (`LinearityModel`).
        """
        config = self.config
        model = measure_linearity(
            frames, label, bias=bias, crosstalk=crosstalk, kind=str(config.kind), knots=config.knots
        )
        return Struct(linearizer=model)
