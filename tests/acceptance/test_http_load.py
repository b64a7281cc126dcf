from __future__ import annotations

import os

import numpy as np

from uraniborg.acceptance.http_load import Load, usage


def test_a_rate_is_of_the_wall_clock_unless_others_use_the_machine() -> None:
    seconds = np.full(100, 0.1)
    quiet = Load(10, seconds, 2.0, 1.0, 0.05, 0)
    assert quiet.rate == 50.0
    assert quiet.quantile(0.5) == 0.1
    busy = Load(10, seconds, 2.0, 1.0, 0.5, 0)
    assert busy.rate == 100 / min(2.0, 1.0 / (os.cpu_count() or 1) / 0.9)
    assert busy.quantile(0.5) < 0.1


def test_usage_grows_with_work() -> None:
    before = usage(os.getpid())
    sum(range(3_000_000))
    after = usage(os.getpid())
    assert after.own > before.own
    assert after.machine >= before.machine
    assert after.served >= before.served
