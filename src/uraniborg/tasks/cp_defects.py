"""List bad pixels."""

from __future__ import annotations

from collections.abc import Sequence

import lsst.pipe.base.connectionTypes as cT
from lsst.images import MaskedImage
from lsst.pex.config import RangeField
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections, Struct

from uraniborg.tasks.common.calib_defects import list_defects
from uraniborg.tasks.common.calib_frames import Label
from uraniborg.tasks.common.calib_task import CalibrationTask

__all__ = ("CpDefectsConfig", "CpDefectsConnections", "CpDefectsTask")

_DIMENSIONS = ("instrument", "detector")


class CpDefectsConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Dark and flats in, bad pixels out."""

    dark = cT.Input(
        doc="Dark current [electron/s].",
        name="dark",
        storageClass="MaskedImageV2",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
    flats = cT.Input(
        doc="Flats of all filters.",
        name="flat",
        storageClass="MaskedImageV2",
        dimensions=("instrument", "detector", "physical_filter"),
        isCalibration=True,
        multiple=True,
    )
    defects = cT.Output(
        doc="Bad pixels.",
        name="defects",
        storageClass="DefectList",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )


class CpDefectsConfig(PipelineTaskConfig, pipelineConnections=CpDefectsConnections):
    """Configuration of `CpDefectsTask`."""

    n_sigma = RangeField[float](doc="Significance above which a pixel is bad [sigma]", default=6.0, min=3.0)
    hot_floor = RangeField[float](doc="Excess of dark current that is harmless [electron/s]", default=0.02, min=0.0)
    dark_floor = RangeField[float](doc="Loss of light that a flat corrects well enough []", default=0.05, min=0.0)


class CpDefectsTask(CalibrationTask):
    """Hot pixels from the dark; dead and dark pixels and columns from the flats."""

    ConfigClass = CpDefectsConfig
    _DefaultName = "cpDefects"
    config: CpDefectsConfig

    def run(  # type: ignore[override]
        self,
        *,
        label: Label,
        dark: MaskedImage,
        flats: Sequence[MaskedImage],
    ) -> Struct:
        """List bad pixels.

        Parameters
        ----------
        label : Label
            Whose calibration it is.
        dark : lsst.images.MaskedImage
            Dark.
        flats : sequence of lsst.images.MaskedImage
            Flats.

        Returns
        -------
        lsst.pipe.base.Struct
            ``defects`` (`DefectList`).
        """
        config = self.config
        found = list_defects(
            dark,
            flats,
            label,
            n_sigma=config.n_sigma,
            hot_floor=config.hot_floor,
            dark_floor=config.dark_floor,
        )
        return Struct(defects=found)
