from __future__ import annotations

import numpy as np
import pytest

from uraniborg.core.errors import AlgorithmError
from uraniborg.tasks.cp_kernel import CpKernelTask


def test_the_kernel_is_made_of_the_covariances(calibration_set, calibrations) -> None:
    model = calibrations["kernel"]
    kernel, truth = model.array, calibration_set.truth.kernel
    assert kernel.shape == truth.shape
    middle = kernel.shape[0] // 2
    error = np.array(model.errors)[middle, middle]
    assert abs(kernel[middle, middle] - truth[middle, middle]) < 4.0 * error
    assert kernel[middle, middle] == kernel.max()


def test_uncertain_covariances_are_refused(calibrations) -> None:
    task = CpKernelTask(config=CpKernelTask.ConfigClass(highest_error=1e-12))
    with pytest.raises(AlgorithmError, match="too uncertain"):
        task.run(label=None, ptc=calibrations["ptc"])
