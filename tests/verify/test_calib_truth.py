from __future__ import annotations

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.model.calibrations import (
    AmplifierGains,
    BrighterFatterModel,
    ChargeTransfer,
    ChargeTransferModel,
    CrosstalkModel,
    Defect,
    DefectList,
    Linearity,
    LinearityModel,
    PhotonTransfer,
    PhotonTransferCurve,
)
from uraniborg.verify import calib_truth

AMPLIFIERS = Table(
    {
        "gain": [1.6, 1.5],
        "readNoise": [7.0, 6.0],
        "fullWell": [130000.0, 130000.0],
        "nonlinearity": [0.01, 0.02],
        "serialCti": [1e-6, 1e-6],
        "parallelCti": [3e-7, 3e-7],
    }
)


def test_gain_and_noise_have_deviation_and_pull() -> None:
    gains = AmplifierGains(
        amplifiers=("a", "b"), gain=(1.6016, 1.5), gain_error=(0.0008, 0.001), read_noise=(7.0, 6.06)
    )
    found = calib_truth.measure_gain_truth(gains, AMPLIFIERS)
    assert found.worst == pytest.approx(1e-3)
    assert found.mean == pytest.approx(5e-4)
    assert found.pulls == pytest.approx([2.0, 0.0])
    noise = calib_truth.measure_noise_truth(gains, AMPLIFIERS)
    assert noise.worst == pytest.approx(0.01)
    assert noise.pulls.size == 0


def test_turnoff_and_transfer() -> None:
    values = {"gain": 1.6, "gain_error": 0.1, "read_noise": 7.0, "read_noise_error": 0.1}
    curve = PhotonTransferCurve(
        amplifiers=tuple(
            PhotonTransfer(amplifier=n, turnoff=t, **values) for n, t in (("a", 128700.0), ("b", 130000.0))
        )
    )
    assert calib_truth.measure_turnoff_truth(curve, AMPLIFIERS).worst == pytest.approx(0.01)
    cti = ChargeTransferModel(
        amplifiers=tuple(
            ChargeTransfer(amplifier=n, serial=1.1e-6, parallel=3e-7, serial_error=1e-7, parallel_error=1e-8)
            for n in "ab"
        )
    )
    assert calib_truth.measure_cti_truth(cti, AMPLIFIERS).pulls == pytest.approx([1.0, 1.0])
    assert calib_truth.measure_cti_truth(cti, AMPLIFIERS, axis="parallel").worst == pytest.approx(0.0)


def test_a_perfect_correction_is_linear_and_none_is_not() -> None:
    items = []
    for k, name in enumerate("ab"):
        full = 130000.0 / AMPLIFIERS["gain"][k]
        true = np.linspace(0.0, full, 160)
        measured = true * (1.0 - AMPLIFIERS["nonlinearity"][k] * true / full)
        spline = {"nodes": tuple(measured.tolist()), "corrections": tuple((true - measured).tolist())}
        items.append(Linearity(amplifier=name, kind="spline", **spline))
    assert calib_truth.measure_linearity_truth(LinearityModel(amplifiers=tuple(items)), AMPLIFIERS).worst < 2e-5
    bent = LinearityModel(amplifiers=tuple(Linearity(amplifier=n, kind="quadratic") for n in "ab"))
    assert calib_truth.measure_linearity_truth(bent, AMPLIFIERS).worst == pytest.approx(0.018)


def test_crosstalk_kernel_and_defects() -> None:
    model = CrosstalkModel(
        amplifiers=("a", "b"), coefficients=((0.0, 2.2e-4), (1e-4, 0.0)), errors=((0.0, 1e-5), (1e-5, 0.0))
    )
    truth = Table({"victim": [0, 0, 1, 1], "source": [0, 1, 0, 1], "coefficient": [0.0, 2e-4, 1e-4, 0.0]})
    assert calib_truth.measure_crosstalk_truth(model, truth).pulls == pytest.approx([2.0, 0.0])
    kernel = BrighterFatterModel(kernel=((1e-6,),), errors=((1e-7,),))
    grid = Table({"dx": [0, 1], "dy": [0, 0], "kernel": [9e-7, 3e-7]})
    assert calib_truth.measure_kernel_truth(kernel, grid).worst == pytest.approx(1.0 / 9.0)
    defects = DefectList(defects=(Defect(x=1, y=1), Defect(x=5, y=5)))
    table = Table({"x": [1, 2, 3], "y": [1, 2, 3], "kind": ["hot", "hot", "dead"], "darkCurrent": [5.0, 0.1, 0.0]})
    found, false = calib_truth.measure_defect_truth(defects, table, shape=(10, 10), strong=1.0)
    assert found == 0.5
    assert false == pytest.approx(1.0 / 97.0)
