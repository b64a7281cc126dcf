from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.calib.cti import fit_trail, trail_profile, variance_loss
from uraniborg.core.errors import Unprocessable
from uraniborg.sim.camera.effects_charge import transfer

REGISTER, SCAN = 266, 32


def _flat(rng: np.random.Generator, level: float, cti: float, tau: float) -> np.ndarray:
    lines = np.zeros((400, REGISTER + SCAN))
    lines[:, :REGISTER] = rng.poisson(level, (400, REGISTER))
    return transfer(lines, inefficiency=cti, trap_time=tau, register=REGISTER) / 1.6


@pytest.mark.parametrize(("cti", "tau"), [(1e-6, 0.7), (3e-6, 2.0), (2e-5, 1.2)])
def test_share_and_time_constant_against_truth(cti: float, tau: float) -> None:
    rng = np.random.default_rng(1)
    settling = 3.0 * np.exp(-np.arange(SCAN) / 4.0)
    profiles = []
    for level in (5e3, 2e4, 4e4, 8e4):
        frame = _flat(rng, level, cti, tau)
        frame += 4.4 * rng.standard_normal(frame.shape) + rng.normal(1000.0, 2.0, (400, 1))
        frame[:, REGISTER:] += settling
        bias = np.broadcast_to(settling, (400, SCAN))
        profiles.append(trail_profile(frame[:, REGISTER - 3 : REGISTER] - 1000.0, frame[:, REGISTER:], bias=bias))
    fit = fit_trail(profiles, transfers=REGISTER)
    assert fit.inefficiency == pytest.approx(cti, rel=0.08)
    assert abs(fit.inefficiency - cti) < 5.0 * fit.error + 0.02 * cti
    assert fit.trap_time == pytest.approx(tau, rel=0.15)


def test_a_perfect_register_has_none() -> None:
    rng = np.random.default_rng(2)
    frame = _flat(rng, 3e4, 0.0, 0.7) + 4.4 * rng.standard_normal((400, REGISTER + SCAN))
    fit = fit_trail([trail_profile(frame[:, REGISTER - 3 : REGISTER], frame[:, REGISTER:])], transfers=REGISTER)
    assert fit.inefficiency < 4.0 * fit.error
    assert np.isinf(fit.trap_time_error)


def test_the_variance_of_a_flat_falls_as_foretold() -> None:
    rng = np.random.default_rng(3)
    loss = variance_loss(serial=2e-5, parallel=0.0, shape=(400, REGISTER))
    before = rng.poisson(4e4, (4000, REGISTER)).astype(float)
    after = transfer(before, inefficiency=2e-5, trap_time=0.7, register=REGISTER)
    measured = 1.0 - after[:, 10:].var() / before[:, 10:].var()
    assert measured == pytest.approx(loss, rel=0.15)


def test_nothing_to_measure_is_refused() -> None:
    with pytest.raises(Unprocessable, match="too short"):
        trail_profile(np.ones((10, 2)), np.ones((10, 8)))
    with pytest.raises(Unprocessable, match="no flats"):
        fit_trail([], transfers=10)
