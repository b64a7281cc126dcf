"""Make the brighter-fatter kernel."""

from __future__ import annotations

import lsst.pipe.base.connectionTypes as cT
import numpy as np
from lsst.pex.config import RangeField
from lsst.pipe.base import PipelineTaskConfig, PipelineTaskConnections, Struct

from uraniborg.algorithms.calib.kernel import kernel_from_covariances
from uraniborg.core.errors import AlgorithmError
from uraniborg.model.calibrations import BrighterFatterModel, PhotonTransferCurve
from uraniborg.tasks.common.calib_frames import Label
from uraniborg.tasks.common.calib_task import CalibrationTask

__all__ = ("CpKernelConfig", "CpKernelConnections", "CpKernelTask")

_DIMENSIONS = ("instrument", "detector")


class CpKernelConnections(PipelineTaskConnections, dimensions=_DIMENSIONS):
    """Photon transfer curves in, kernel out."""

    ptc = cT.Input(
        doc="Photon transfer curves.",
        name="ptc",
        storageClass="PhotonTransferModel",
        dimensions=("instrument", "detector"),
        isCalibration=True,
    )
    kernel = cT.Output(
        doc="Brighter-fatter kernel.",
        name="bfKernel",
        storageClass="BrighterFatterModel",
        dimensions=_DIMENSIONS,
        isCalibration=True,
    )


class CpKernelConfig(PipelineTaskConfig, pipelineConnections=CpKernelConnections):
    """Configuration of `CpKernelTask`."""

    highest_error = RangeField[float](
        doc="Coefficients with larger errors are an error of the fit [1/electron]", default=1e-05, min=0.0
    )


class CpKernelTask(CalibrationTask):
    """The scalar kernel whose Laplacian the covariances of flats are (Coulton et al. 2018)."""

    ConfigClass = CpKernelConfig
    _DefaultName = "cpKernel"
    config: CpKernelConfig

    def run(  # type: ignore[override]
        self,
        *,
        label: Label,
        ptc: PhotonTransferCurve,
    ) -> Struct:
        """Make the kernel.

        Parameters
        ----------
        label : Label
            Whose calibration it is.
        ptc : PhotonTransferCurve
            Photon transfer curves of a detector.

        Returns
        -------
        lsst.pipe.base.Struct
            ``kernel`` (`BrighterFatterModel`).
        """
        a, error = np.array(ptc.metadata["a"]), np.array(ptc.metadata["a_error"])
        if float(error.max()) > self.config.highest_error:
            raise AlgorithmError("the covariances of flats are too uncertain for a kernel", error=float(error.max()))
        fit = kernel_from_covariances(a, error)
        model = BrighterFatterModel(
            instrument=label.instrument,
            detector=label.detector,
            exposures=ptc.exposures,
            metadata={"surplus": fit.surplus, "surplus_error": fit.surplus_error},
            kernel=tuple(map(tuple, fit.kernel.tolist())),
            errors=tuple(map(tuple, fit.error.tolist())),
        )
        return Struct(kernel=model)
