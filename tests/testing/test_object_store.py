from __future__ import annotations

import sys
from pathlib import Path

import pytest

from uraniborg.testing.object_store import find_object_store, run_object_store


def test_no_server_is_not_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert find_object_store() is None
    for status, wanted in ((127, None), (0, str(tmp_path / "moto_server"))):
        (tmp_path / "moto_server").write_text(f"#!/bin/sh\nexit {status}\n")
        (tmp_path / "moto_server").chmod(0o755)
        assert find_object_store() == wanted


def test_server_that_ends_at_once_is_told() -> None:
    with pytest.raises(RuntimeError, match="did not start"), run_object_store("/bin/false"):
        pass
