"""Who is next: the user who has had the least, so that one with many queries does not keep out the others."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

__all__ = ("FairQueue",)


class FairQueue[Item]:
    """Items of many users.

    Each user has a clock that runs with the seconds that his items cost; the earliest clock is served next. The clock
    of a user who comes anew starts where the earliest one is, so waiting saves nothing up.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Item]] = {}
        self._clock: dict[str, float] = {}
        self._now = 0.0

    def __len__(self) -> int:
        return sum(len(items) for items in self._waiting.values())

    def waiting(self, user: str) -> int:
        """Return how many items of a user wait."""
        return len(self._waiting.get(user, ()))

    def of(self, user: str) -> list[Item]:
        """Return the items of a user that wait."""
        return list(self._waiting.get(user, ()))

    def push(self, user: str, item: Item, *, first: bool = False) -> None:
        """Add an item, at the end of the user's own or as his first."""
        items = self._waiting.setdefault(user, deque())
        self._clock[user] = max(self._clock.get(user, 0.0), self._now)
        items.appendleft(item) if first else items.append(item)

    def pop(self, may_run: Callable[[str], bool]) -> Item | None:
        """Return the next item of the users who may run one, or None."""
        users = [user for user, items in self._waiting.items() if items and may_run(user)]
        if not users:
            return None
        user = min(users, key=lambda name: self._clock[name])
        self._now = max(self._now, self._clock[user])
        item = self._waiting[user].popleft()
        if not self._waiting[user]:
            del self._waiting[user]
        return item

    def charge(self, user: str, seconds: float) -> None:
        """Move the clock of a user on."""
        self._clock[user] = max(self._clock.get(user, 0.0), self._now) + seconds
        if len(self._clock) > 10_000:
            self._clock = {u: t for u, t in self._clock.items() if t > self._now or u in self._waiting}

    def remove(self, user: str, item: Item) -> bool:
        """Take an item out; return whether it was there."""
        items = self._waiting.get(user, deque())
        if item not in items:
            return False
        items.remove(item)
        if not items:
            del self._waiting[user]
        return True

    def place(self, user: str, item: Item) -> int:
        """Return how many items of the same user are before an item."""
        items = self._waiting.get(user, deque())
        return items.index(item) if item in items else 0
