from __future__ import annotations

import numpy as np
import pytest

from uraniborg.sim.light_curves import band_factor, bazin, damped_walk, eclipses, rr_lyrae, sawtooth, sinusoid


@pytest.mark.parametrize("function", [sinusoid, sawtooth])
def test_variables_repeat_and_span_their_amplitude(function) -> None:  # type: ignore[no-untyped-def]
    shape = {"period": 0.7, "amplitude": 0.9, "phase": 0.3}
    time = np.linspace(0.0, 0.7, 20001)
    curve = function(time, **shape)
    assert np.ptp(curve) == pytest.approx(0.9, abs=1e-3)
    assert np.mean(curve[:-1]) == pytest.approx(0.0, abs=1e-3)
    assert function(time[5:100] + 0.7 * 12, **shape) == pytest.approx(curve[5:100], abs=1e-9)


def test_sawtooth_brightens_faster_than_it_fades() -> None:
    time = np.linspace(0.0, 1.0, 10001)
    curve = sawtooth(time, period=1.0, amplitude=1.0, phase=0.0, rise=0.15)
    assert np.mean(np.diff(curve) < 0) == pytest.approx(0.15, abs=0.01)


@pytest.mark.parametrize(("rise", "fall"), [(0.6, 2.5), (1.5, 5.0), (1.0, 30.0)])
def test_transient_peaks_at_one_when_it_should(rise: float, fall: float) -> None:
    time = np.linspace(-40.0, 60.0, 100001)
    curve = bazin(time, peak_time=3.0, rise=rise, fall=fall)
    assert curve.max() == pytest.approx(1.0, abs=1e-6)
    assert time[np.argmax(curve)] == pytest.approx(3.0, abs=2e-3)
    late = curve[(time > 40.0) & (time < 50.0)]
    assert np.log(late[0] / late[-1]) == pytest.approx(10.0 / fall, rel=2e-3)
    assert bazin(-400.0, peak_time=3.0, rise=rise, fall=fall) < 1e-12


def test_rr_lyrae_and_eclipses_have_their_amplitude_and_mean() -> None:
    time = np.linspace(0.0, 1.0, 20001)[:-1]
    one = {"period": 1.0, "amplitude": 0.8, "phase": 0.3}
    rr = rr_lyrae(time, **one)
    assert np.ptp(rr) == pytest.approx(0.8, rel=1e-3)
    assert rr.mean() == pytest.approx(0.0, abs=1e-4)
    dips = eclipses(time, **one)
    assert dips.max() == pytest.approx(0.8, rel=1e-3)
    assert np.mean(dips == 0.0) == pytest.approx(1.0 - 4 * 0.06, abs=1e-3)


def test_nuclei_walk_with_their_time_scale() -> None:
    phase = np.random.default_rng(1).uniform(size=3000)
    scale = np.full(3000, 100.0)
    first, later = (damped_walk(t, time_scale=scale, amplitude=np.full(3000, 0.2), phase=phase) for t in (0.0, 60.0))
    assert first.std() == pytest.approx(0.2, rel=0.06)
    assert np.mean(first * later) / 0.04 == pytest.approx(np.exp(-0.6), abs=0.08)
    again = damped_walk(60.0, time_scale=scale[:3], amplitude=np.full(3, 0.2), phase=phase[:3])
    assert np.array_equal(again, later[:3])
    assert band_factor("agn", "u") > band_factor("agn", "y")
    assert band_factor("sawtooth", "g") == 1.0
