from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.model.calibrations import (
    BrighterFatterModel,
    CrosstalkModel,
    Linearity,
    LinearityModel,
    PhotonTransfer,
    PhotonTransferCurve,
)
from uraniborg.verify import calib_plots
from uraniborg.verify.plots import to_svg

LEVELS = (1e3, 1e4, 5e4, 9e4)
CURVE = PhotonTransferCurve(
    amplifiers=(
        PhotonTransfer(
            amplifier="C00",
            gain=1.6,
            gain_error=0.01,
            read_noise=7.0,
            read_noise_error=0.1,
            turnoff=1e5,
            mean=LEVELS,
            variance=tuple(level / 1.6 for level in LEVELS),
            used=(True, True, True, False),
        ),
    )
)
LINEAR = LinearityModel(
    amplifiers=(Linearity(amplifier="C00", kind="spline", nodes=(0.0, 1e4, 5e4), corrections=(0.0, 10.0, 300.0)),),
    metadata={"curves": {"time": [1.0, 2.0, 3.0], "level": [[10.0, 20.0, 29.0]]}},
)
KERNEL = BrighterFatterModel(kernel=((0.0, 1e-7, 0.0), (1e-7, 8e-7, 1e-7), (0.0, 1e-7, 0.0)))
CROSSTALK = CrosstalkModel(amplifiers=("a", "b"), coefficients=((0.0, 1e-4), (1e-4, 0.0)))
TRANSMISSION = Table({"amplifier": ["a"] * 3, "wavelength": [500.0, 600.0, 700.0], "throughput": [0.0, 1.0, 0.1]})


@pytest.mark.parametrize(
    ("figure", "words"),
    [
        (calib_plots.ptc_figure(CURVE), "photon transfer"),
        (calib_plots.linearity_figure(LINEAR), "levels before correction"),
        (calib_plots.kernel_figure(KERNEL), "covariances a"),
        (calib_plots.crosstalk_figure(CROSSTALK), "victim"),
        (calib_plots.transmission_figure(TRANSMISSION), "wavelength"),
        (calib_plots.mosaic_figure(np.arange(600.0 * 300).reshape(600, 300), label="electron"), "electron"),
    ],
)
def test_figures_are_svg_with_their_labels(figure: object, words: str) -> None:
    text = to_svg(figure)
    assert ET.fromstring(text).tag.endswith("svg")
    assert words in text


def test_unused_levels_are_shown_apart() -> None:
    axis = calib_plots.ptc_figure(CURVE).axes[1]
    used, left_out = (line.get_xdata() for line in axis.get_lines())
    assert len(used) == 3
    assert left_out.tolist() == [9e4 * 1.6]
