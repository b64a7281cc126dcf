from __future__ import annotations

import numpy as np
import pytest

from uraniborg.algorithms.isr.charge_transfer import correct_charge_transfer, restore_columns, restore_rows
from uraniborg.core.errors import UserError
from uraniborg.sim.camera.effects_charge import transfer


def test_simulated_losses_are_undone_exactly() -> None:
    rng = np.random.default_rng(1)
    truth = rng.uniform(0.0, 1e5, (20, 300))
    lines = np.concatenate([np.zeros((20, 10)), truth, np.zeros((20, 30))], axis=1)
    read = transfer(lines, inefficiency=2e-5, trap_time=0.7, register=310)
    seen = read[:, 10:310].astype(np.float32)
    assert np.abs(seen - truth).max() > 200.0
    np.testing.assert_allclose(restore_rows(seen, 2e-5, 0.7, 10), truth, atol=0.1)
    np.testing.assert_allclose(restore_columns(seen.T.copy(), 2e-5, 0.7, 10), truth.T, atol=0.1)


def test_noise_grows_by_no_more_than_the_losses() -> None:
    noise = np.random.default_rng(2).normal(0.0, 5.0, (400, 500)).astype(np.float32)
    found = restore_rows(noise, 1e-5, 0.7, 0)
    assert found.std() / noise.std() == pytest.approx(1.0, abs=0.01)


def test_each_amplifier_has_its_own_shares(layout) -> None:
    geometry, rng = layout(), np.random.default_rng(3)
    truth = rng.uniform(0.0, 1e5, geometry.shape)
    seen = truth.copy()
    serial, parallel, trap_time = rng.uniform(1e-5, 4e-5, 8), rng.uniform(0.0, 3e-5, 8), rng.uniform(0.5, 2.0, 8)
    parallel[3] = 0.0
    for k, amplifier in enumerate(geometry.amplifiers):
        part = truth[amplifier.detector_slices]
        if parallel[k]:
            part = transfer(part.T, inefficiency=parallel[k], trap_time=trap_time[k], register=32).T
        lines = np.concatenate([np.zeros((32, 3)), part], axis=1)
        seen[amplifier.detector_slices] = transfer(lines, inefficiency=serial[k], trap_time=trap_time[k], register=27)[
            :, 3:
        ]
    found = correct_charge_transfer(
        seen.astype(np.float32), geometry, serial=serial, parallel=parallel, trap_time=trap_time
    )
    assert np.abs(seen - truth).max() > 20.0
    np.testing.assert_allclose(found, truth, atol=0.1)


def test_shares_for_other_amplifiers_are_refused(layout) -> None:
    with pytest.raises(UserError, match="parallel has 7"):
        correct_charge_transfer(
            np.zeros((64, 96), np.float32), layout(), serial=np.zeros(8), parallel=np.zeros(7), trap_time=np.ones(8)
        )
