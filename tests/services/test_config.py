from __future__ import annotations

from pathlib import Path

import pytest

from uraniborg.core.errors import UserError
from uraniborg.services.config import ServiceConfig, is_loopback


def test_loopback_is_this_machine() -> None:
    assert all(is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "[::1]", "127.9.9.9"))
    assert not any(is_loopback(host) for host in ("10.0.0.1", "example.org", "0.0.0.0"))


def test_faults_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="2 fault") as caught:
        ServiceConfig(tmp_path / "none", tmp_path, schema="a-b")
    assert "uraniborg catalog load" in str(caught.value)
    for name in ("tap_schema", "MyDB", "user_bob"):
        with pytest.raises(UserError, match="schema of the service"):
            ServiceConfig(tmp_path, tmp_path, schema=name)


def test_only_names_of_the_service_are_its_names(tmp_path: Path) -> None:
    config = ServiceConfig(tmp_path, tmp_path)
    assert all(config.allows_host(h) for h in ("127.0.0.1:8765", "localhost", "[::1]:80"))
    assert not any(config.allows_host(h) for h in ("evil.example", "127.0.0.1.evil.example", ""))
    wide = ServiceConfig(tmp_path, tmp_path, host="0.0.0.0", hosts=("tap.example.org",))
    assert wide.allows_host("TAP.example.org:443")
    assert not wide.allows_host("example.org")
