from __future__ import annotations

import sys
import time

import numpy as np
import pytest

from uraniborg.acceptance.stages import peak_memory, profile_stages, reset_peak_memory


def _spin(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def outer() -> None:
    _spin(0.02)
    inner()


def inner() -> None:
    _spin(0.05)


def greedy() -> float:
    return float(np.ones(30_000_000).sum())


def failing() -> None:
    raise ValueError("no")


def test_seconds_go_to_the_outer_stage() -> None:
    with profile_stages({"outer": (outer,), "inner": (inner,), "unused": (greedy,)}) as profile:
        outer()
        inner()
        _spin(0.03)
    assert profile.stages["outer"].seconds == pytest.approx(0.07, abs=0.03)
    assert profile.stages["inner"].seconds == pytest.approx(0.05, abs=0.03)
    assert (profile.stages["outer"].calls, profile.stages["inner"].calls) == (1, 1)
    assert profile.stages["unused"].calls == 0
    assert profile.total_seconds == pytest.approx(0.15, abs=0.05)


def test_peak_memory_is_that_of_the_stage() -> None:
    if not reset_peak_memory():
        pytest.skip("this system does not tell the peak of a process' memory")
    with profile_stages({"greedy": (greedy,), "modest": (inner,)}) as profile:
        inner()
        before = profile.stages["modest"].peak_memory
        greedy()
        inner()
    assert profile.stages["greedy"].peak_memory > before + 200.0
    assert profile.stages["modest"].peak_memory < profile.stages["greedy"].peak_memory - 150.0
    assert peak_memory() > 0.0


def test_a_failure_is_passed_on_and_nothing_stays_behind() -> None:
    with pytest.raises(ValueError, match="no"), profile_stages({"failing": (failing,)}) as profile:
        failing()
    assert sys.getprofile() is None
    assert profile.stages["failing"].calls == 1
