from __future__ import annotations

import inspect

from uraniborg.testing.repository import RepositoryContract


def test_contract_asks_for_what_is_promised() -> None:
    tests = [name for name in dir(RepositoryContract) if name.startswith("test_")]
    for word in ("comes_back", "overwritten", "killed", "two_processes", "query", "validity", "chained", "removal"):
        assert any(word in name for name in tests), word
    for name in tests:
        assert "repository" in inspect.signature(getattr(RepositoryContract, name)).parameters
