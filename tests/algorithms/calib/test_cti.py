from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.calib.cti import fit_trail, trail_profile, transfer_covariance
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


def test_variance_and_covariances_of_a_flat_change_as_foretold() -> None:
    rng = np.random.default_rng(3)
    cti, tau = 2e-5, 0.9
    expected = transfer_covariance(serial=cti, parallel=0.0, trap_time=tau, shape=(400, REGISTER), reach=2)
    before = rng.poisson(4e4, (4000, REGISTER)).astype(float)
    after = transfer(before, inefficiency=cti, trap_time=tau, register=REGISTER)
    fluctuation = (after - after.mean(axis=0))[:, 10:]
    assert fluctuation.var() / before[:, 10:].var() - 1.0 == pytest.approx(expected[0, 0], rel=0.15)
    original = (before - before.mean(axis=0))[:, 10:]
    for lag in (1, 2):
        made = np.mean(fluctuation[:, lag:] * fluctuation[:, :-lag]) - np.mean(original[:, lag:] * original[:, :-lag])
        assert made / 4e4 == pytest.approx(expected[0, lag], rel=0.15, abs=5e-5)
    assert not expected[1:].any()


def test_nothing_to_measure_is_refused() -> None:
    with pytest.raises(Unprocessable, match="too short"):
        trail_profile(np.ones((10, 2)), np.ones((10, 8)))
    with pytest.raises(Unprocessable, match="no flats"):
        fit_trail([], transfers=10)
