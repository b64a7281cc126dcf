from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest
from lsst.pipe.base import NoWorkFound, PipelineTaskConfig, Struct

from uraniborg.core.errors import Unprocessable
from uraniborg.tasks.common.calib_task import CalibrationTask, known_calibration


class _Failing(CalibrationTask):
    ConfigClass = PipelineTaskConfig
    _DefaultName = "failing"

    def run(self, **inputs: Any) -> Struct:
        assert inputs["label"].detector == 3
        raise Unprocessable("too dark")


def test_data_that_cannot_give_an_answer_are_no_work() -> None:
    context = Mock()
    context.get.return_value = {}
    context.quantum.dataId = {"instrument": "SimCam", "detector": 3}
    with pytest.raises(NoWorkFound, match="too dark"):
        CalibrationTask.runQuantum(_Failing.__new__(_Failing), context, Mock(), Mock())
    context.put.assert_not_called()


def test_what_a_calibration_leans_on_may_be_missing_where_it_says_so() -> None:
    dark = known_calibration("dark", "MaskedImageV2", "Dark.", needed=False)
    assert (dark.minimum, dark.isCalibration, tuple(dark.dimensions)) == (0, True, ("instrument", "detector"))
    flat = known_calibration("flat", "MaskedImageV2", "Flat.", by_filter=True)
    assert flat.minimum == 1
    assert "physical_filter" in flat.dimensions
