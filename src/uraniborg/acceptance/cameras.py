"""Measures how real raw frames and headers of other cameras are read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from uraniborg.core.errors import Unprocessable
from uraniborg.verify import cameras
from uraniborg.verify.metrics import Measurement, Metric, Value, measure

__all__ = ("CAMERA_MEASURES", "measure_camera_metrics")

_RUBIN: Final = Path("raw") / "lsst_raw_structure"
_SINISTRO: Final = Path("raw") / "lco_sinistro_mef" / "mef_raw_test_frame.fits"
_STE3: Final = Path("raw") / "saao_1m" / "a8280271.fits"

CAMERA_MEASURES: dict[str, Callable[[Path], Value]] = {
    "headers_translated": lambda data: cameras.measure_headers(
        [*cameras.header_files(data / _RUBIN), data / _SINISTRO, data / _STE3]
    ),
    "geometry_round_trip": lambda data: cameras.measure_geometry(
        [*cameras.header_files(data / _RUBIN), data / _SINISTRO, data / _STE3]
    ),
    "amplifier_step": lambda data: cameras.measure_amplifier_steps(data / _SINISTRO),
    "amplifier_step_header_gains": lambda data: cameras.measure_amplifier_steps(data / _SINISTRO, header_gains=True),
    "overscan_left": lambda data: cameras.measure_overscan_left(data / _STE3),
}
"""Metric of the suite ``isr-calib`` to the function that measures it in the folder of real data."""


def measure_camera_metrics(metrics: list[Metric], data: Path) -> list[Measurement]:
    """Measure those metrics that are in `CAMERA_MEASURES`.

    Parameters
    ----------
    metrics : list of Metric
        Metrics of the suite.
    data : pathlib.Path
        Folder of real data; what is absent there counts as not measured.
    """
    found = []
    for metric in metrics:
        if metric.name in CAMERA_MEASURES:
            with measure(metric) as recorder:
                absent = [data / path for path in (_RUBIN, _SINISTRO, _STE3) if not (data / path).exists()]
                if absent:
                    raise Unprocessable(f"there is no {absent[0]}; set URANIBORG_TESTDATA to the folder of real data")
                recorder.value = CAMERA_MEASURES[metric.name](data)
            found.append(recorder.measurement)
    return found
