from __future__ import annotations

import dataclasses

import pytest

from uraniborg.catalog.pools import Limits, PoolPlan


def test_defaults_bound_time_and_memory() -> None:
    assert Limits().seconds is not None
    assert Limits().running < Limits().waiting
    assert PoolPlan().interactive > 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().rows = 5  # type: ignore[misc]
