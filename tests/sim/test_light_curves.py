from __future__ import annotations

import numpy as np
import pytest

from uraniborg.sim.light_curves import bazin, sawtooth, sinusoid


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
