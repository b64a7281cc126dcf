from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from uraniborg.core.errors import UserError
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
from uraniborg.verify import calib

CRITERIA = calib.read_criteria()
SIGMA = 4.4


def _frame(rng: np.random.Generator, *, mean: float = 0.0, sigma: float = SIGMA) -> dict[str, float]:
    residual = rng.normal(mean, sigma, (300, 200)) + rng.normal(0.0, sigma / np.sqrt(27.0), (300, 1))
    return calib.frame_numbers(
        "bias", [residual, residual], expected=[SIGMA] * 2, level_pixels=27, added=[SIGMA**2 / 20.0] * 2
    )


def test_a_good_bias_passes_and_bad_ones_do_not() -> None:
    rng = np.random.default_rng(1)
    good = calib.check_numbers(_frame(rng, sigma=SIGMA * np.sqrt(1.05)), CRITERIA)
    assert all(check.passed for check in good)
    assert {check.name for check in good} == {"bias.mean", "bias.scatter", "bias.growth", "bias.clean_scatter"}
    shifted = calib.check_numbers(_frame(rng, mean=1.0), CRITERIA)
    assert [check.name for check in shifted if not check.passed] == ["bias.mean"]
    noisy = calib.check_numbers(_frame(rng, sigma=1.2 * SIGMA), CRITERIA)
    assert "bias.scatter" in [check.name for check in noisy if not check.passed]


def test_the_growth_of_twenty_frames_passes_and_of_ten_does_not() -> None:
    rng = np.random.default_rng(2)
    numbers = _frame(rng)
    assert numbers["bias.growth"] == pytest.approx(np.sqrt(1.05) - 1.0)
    few = numbers | {"bias.growth": float(np.sqrt(1.1) - 1.0)}
    assert not all(check.passed for check in calib.check_numbers(few, CRITERIA))


def test_a_flat_with_a_wrong_amplifier_is_refused() -> None:
    rng = np.random.default_rng(3)
    sigma = np.full((200, 200), 0.01)
    ratios = [1.0 + sigma * rng.standard_normal(sigma.shape) for _ in range(3)]
    ok = calib.flat_numbers(ratios, [sigma] * 3, gain_error=[1e-4] * 3)
    assert ok["flat.median"] < 4.0
    assert ok["flat.scatter"] < 0.02
    ratios[1] = ratios[1] * 1.002
    assert calib.flat_numbers(ratios, [sigma] * 3, gain_error=[1e-4] * 3)["flat.median"] > 5.0


def _transfer(**changes: object) -> PhotonTransfer:
    values = {
        "amplifier": "C00",
        "gain": 1.6,
        "gain_error": 0.001,
        "read_noise": 7.0,
        "read_noise_error": 0.05,
        "turnoff": 130000.0,
        "a": ((-2.5e-6, 1e-7), (1e-7, 0.0)),
        "chi2": 100.0,
        "dof": 98.0,
    }
    return PhotonTransfer(**(values | changes))


def test_photon_transfer_numbers() -> None:
    gains = AmplifierGains(amplifiers=("C00",), gain=(1.6,), read_noise=(7.1,))
    curve = PhotonTransferCurve(amplifiers=(_transfer(),), metadata={"turned_over": [True]})
    assert all(check.passed for check in calib.check_numbers(calib.ptc_numbers(curve, gains), CRITERIA))
    early = PhotonTransferCurve(amplifiers=(_transfer(turnoff=60000.0),), metadata={"turned_over": [True]})
    failed = [c.name for c in calib.check_numbers(calib.ptc_numbers(early, gains), CRITERIA) if not c.passed]
    assert failed == ["ptc.turnoff"]
    ramp_too_short = PhotonTransferCurve(amplifiers=(_transfer(turnoff=60000.0),), metadata={"turned_over": [False]})
    assert "ptc.turnoff" not in calib.ptc_numbers(ramp_too_short, gains)
    changed = AmplifierGains(amplifiers=("C00",), gain=(1.7,), read_noise=(7.1,))
    assert calib.gain_numbers(changed, gains)["gain.change"] == pytest.approx(0.0625)
    assert calib.gain_numbers(changed, None) == {}


def test_numbers_of_models() -> None:
    linear = LinearityModel(
        amplifiers=(Linearity(amplifier="C00", kind="quadratic", coefficient=1e-7),),
        metadata={"largest_residual": [3e-4], "coefficient": [-1e-7]},
    )
    assert calib.linearity_numbers(linear) == {"linearity.residual": 3e-4, "linearity.coefficient": 1e-7}
    crosstalk = CrosstalkModel(
        amplifiers=("a", "b"),
        coefficients=((0.0, -2e-4), (1e-4, 0.0)),
        errors=((0.0, 1e-6), (1e-6, 0.0)),
        metadata={"unmeasured": 0},
    )
    assert calib.crosstalk_numbers(crosstalk)["crosstalk.largest"] == 2e-4
    cti = ChargeTransferModel(amplifiers=(ChargeTransfer(amplifier="a", serial=2e-6, parallel=1e-6),))
    assert calib.cti_numbers(cti) == {"cti.serial": 2e-6, "cti.parallel": 1e-6}
    kernel = BrighterFatterModel(kernel=((2e-7,),), metadata={"surplus": -2e-8, "surplus_error": 1e-8})
    assert calib.kernel_numbers(kernel) == {"kernel.surplus": 2.0, "kernel.centre": 2e-7}
    defects = DefectList(defects=(Defect(x=1, y=2, height=10),))
    assert calib.defect_numbers(defects, (20, 50))["defects.fraction"] == 0.01
    assert calib.transmission_numbers(Table({"throughputErr": [0.1, 0.2]})) == {"transmission.error": 0.2}


def test_numbers_of_the_sky() -> None:
    rng = np.random.default_rng(4)
    x = np.mgrid[:256, :256][1]
    pattern = np.cos(2.0 * np.pi * x / 40.0).astype(np.float32)
    image = rng.poisson(1000.0 * (1.0 + 0.02 * pattern)).astype(float)
    numbers = calib.fringe_numbers(image, pattern, np.zeros(image.shape, dtype=bool))
    assert numbers["fringe.significance"] > 50.0
    assert numbers["fringe.residual"] < 0.1
    tilted = 1.0 + 0.1 * (x / 255.0 - 0.5)
    flat = rng.poisson(1e4 * tilted).astype(float)
    bad = np.zeros(flat.shape, dtype=bool)
    assert calib.illumination_numbers(flat, tilted, bad)["illumination.residual"] < 0.002
    assert calib.illumination_numbers(flat, np.ones_like(tilted), bad)["illumination.residual"] > 0.02


def test_what_is_not_finite_fails_and_an_unknown_number_is_refused() -> None:
    assert not calib.check_numbers({"bias.mean": float("nan")}, CRITERIA)[0].passed
    with pytest.raises(UserError, match="no criterion"):
        calib.check_numbers({"bias.colour": 1.0}, CRITERIA)


def test_bars_can_be_replaced_but_not_invented(tmp_path: Path) -> None:
    file = tmp_path / "bars.yaml"
    file.write_text("bias.growth: {max: 0.06}\n")
    changed = calib.read_criteria(file)
    assert changed["bias.growth"]["max"] == 0.06
    assert changed["bias.growth"]["text"] == CRITERIA["bias.growth"]["text"]
    file.write_text("bias.colour: {max: 0.06}\n")
    with pytest.raises(UserError, match="no numbers"):
        calib.read_criteria(file)
    with pytest.raises(UserError, match="cannot be read"):
        calib.read_criteria(tmp_path / "none.yaml")
