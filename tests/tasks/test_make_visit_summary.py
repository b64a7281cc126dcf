from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.core.errors import AlgorithmError
from uraniborg.model.tables import declared_columns, empty_table
from uraniborg.tasks.make_visit_summary import MakeVisitSummaryConfig, MakeVisitSummaryTask


def _details(detector: int, depth: float) -> Table:
    table = empty_table("VisitDetectorSummary")
    row = {name: np.zeros(1, column.dtype)[0] for name, column in declared_columns("VisitDetectorSummary").items()}
    row |= {"visitId": 12, "detector": detector, "band": "r", "magLim": depth, "psfIxx": 3.0, "psfIyy": 3.0}
    row |= {"pixelScale": 0.2, "skyBg": 1000.0, "zeroPoint": 32.0}
    table.add_row(row)
    return table


def _task(**options: object) -> MakeVisitSummaryTask:
    config = MakeVisitSummaryConfig()
    config.update(**options)
    return MakeVisitSummaryTask(config=config)


def test_detectors_are_gathered_and_effective_times_follow_the_fiducial_depths() -> None:
    table = _task().run(details=[_details(3, 24.7), _details(1, 24.2)]).visit_summary
    assert table["detector"].tolist() == [1, 3]
    assert np.asarray(table["effTime"]) == pytest.approx([30.0 * 10.0**-0.4, 30.0])
    assert np.asarray(table["skyBrightness"]) == pytest.approx(32.0 - 2.5 * np.log10(1000.0 / 0.04))
    deeper = _task(fiducial_depth={"r": 25.0}).run(details=[_details(3, 24.7)]).visit_summary
    assert deeper["effTime"][0] == pytest.approx(30.0 * 10.0**-0.24)


def test_a_visit_without_detectors_is_an_error() -> None:
    with pytest.raises(AlgorithmError, match="no detector"):
        _task().run(details=[])
