from __future__ import annotations

from uraniborg.core.random import random_stream


def test_equal_arguments_give_equal_streams_in_any_order() -> None:
    a = random_stream(1, "noise", {"visit": 3, "detector": 4}).standard_normal(5)
    b = random_stream(1, "noise", {"detector": 4, "visit": 3}).standard_normal(5)
    assert (a == b).all()


def test_any_difference_gives_another_stream() -> None:
    base = random_stream(1, "noise", {"visit": 3}).standard_normal(5)
    for seed, name, key in [(2, "noise", {"visit": 3}), (1, "flat", {"visit": 3}), (1, "noise", {"visit": 4})]:
        assert (random_stream(seed, name, key).standard_normal(5) != base).all()
