from __future__ import annotations

from uraniborg.catalog.pools.fair import FairQueue


def test_users_take_turns_by_what_they_had() -> None:
    queue: FairQueue[str] = FairQueue()
    for i in range(6):
        queue.push("many", f"m{i}")
    queue.push("few", "f0")
    order = []
    while (item := queue.pop(lambda _: True)) is not None:
        order.append(item)
        queue.charge({"m": "many", "f": "few"}[item[0]], 1.0)
    assert order[:2] in (["m0", "f0"], ["f0", "m0"])
    assert len(queue) == 0


def test_waiting_saves_nothing_up() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.charge("old", 100.0)
    queue.push("old", "o")
    assert queue.pop(lambda _: True) == "o"
    queue.push("new", "n")
    queue.push("old", "o2")
    queue.charge("new", 1.0)
    assert queue.pop(lambda _: True) == "o2"


def test_users_who_may_not_run_are_passed_over() -> None:
    queue: FairQueue[str] = FairQueue()
    queue.push("a", "a0")
    queue.push("a", "a1", first=True)
    queue.push("b", "b0")
    assert queue.of("a") == ["a1", "a0"]
    assert (queue.waiting("a"), queue.place("a", "a0"), len(queue)) == (2, 1, 3)
    assert queue.pop(lambda user: user == "b") == "b0"
    assert queue.pop(lambda user: user == "b") is None
    assert queue.remove("a", "a1")
    assert not queue.remove("a", "a1")
    assert queue.pop(lambda _: True) == "a0"
