from __future__ import annotations

import pytest

from uraniborg.core.errors import UserError
from uraniborg.sim.camera.config import CalibrationConfig
from uraniborg.sim.camera.sequence import plan_calibrations, sky_calibration_config
from uraniborg.sim.config import SimConfig
from uraniborg.sim.observing import plan_visits

PLAN = CalibrationConfig(biases=2, darks=1, dark_time=60.0, flat_levels=(1000.0, 4000.0), flat_flux=500.0)
CONFIG = SimConfig(calibration=PLAN)


def test_sequence_holds_what_was_asked_for_in_order_of_time() -> None:
    exposures = plan_calibrations(CONFIG)
    kinds = [item.header.observation_type for item in exposures]
    assert kinds == ["bias"] * 2 + ["dark"] + ["flat"] * 4
    assert [item.header.exposure_time for item in exposures] == [0, 0, 60, 2, 2, 8, 8]
    assert [item.light for item in exposures] == [0, 0, 0, 1000, 1000, 4000, 4000]
    begins = [item.header.mjd_begin for item in exposures]
    for k in range(len(exposures) - 1):
        assert begins[k + 1] > begins[k] + exposures[k].header.exposure_time / 86400


def test_numbers_are_those_of_no_visit() -> None:
    numbers = [item.header.exposure for item in plan_calibrations(CONFIG)]
    assert len(set(numbers)) == len(numbers)
    assert not set(numbers) & {visit.visit for visit in plan_visits(CONFIG)}


def test_impossible_sequences_are_refused() -> None:
    with pytest.raises(UserError, match="more than a night has numbers"):
        plan_calibrations(SimConfig(calibration=CalibrationConfig(biases=1000)))
    with pytest.raises(UserError, match="runs over the end of its night"):
        plan_calibrations(SimConfig(calibration=CalibrationConfig(darks=20, dark_time=7200.0)))


def test_every_kind_can_be_asked_for() -> None:
    plan = CalibrationConfig(
        biases=1, darks=0, flat_levels=(), flats=2, sky_bands=("z", "y"), skies=3, wavelengths=(500.0, 950.0),
        spot_levels=(3e4,),
    )  # fmt: skip
    config = SimConfig(calibration=plan)
    exposures = plan_calibrations(config)
    kinds = [item.header.observation_type for item in exposures]
    assert kinds == ["sky"] * 6 + ["bias"] + ["flat"] * 4 + ["monoflat"] * 2 + ["crosstalk"] * 16
    assert [item.header.band for item in exposures[7:11]] == ["g", "g", "r", "r"]
    assert [item.header.wavelength for item in exposures if item.header.observation_type == "monoflat"] == [500.0, 950.0]
    assert [item.amplifier for item in exposures[-16:]] == list(range(16))
    begins = [item.header.mjd_begin for item in exposures]
    assert begins == sorted(begins)
    assert len({item.header.exposure for item in exposures}) == len(exposures)
    skies = exposures[:6]
    assert {item.header.band for item in skies} == {"z", "y"}
    assert all(item.header.on_sky and item.visit.visit == item.header.exposure for item in skies)
    apart = (sky_calibration_config(config).sky.ra - config.sky.ra) % 360.0
    assert apart == 20.0
    assert all(abs(item.header.ra - config.sky.ra - apart) < 0.1 for item in skies)
