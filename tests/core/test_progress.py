from __future__ import annotations

import logging

import pytest

from uraniborg.core.progress import progress


def test_without_a_terminal_the_end_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), progress("counting", 3) as bar:
        for _ in range(3):
            bar.advance()
    assert bar.done == 3
    assert "counting: 3 of 3" in caplog.text


def test_on_a_terminal_a_bar_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    with progress("counting", 2) as bar:
        bar.advance(note="one")
        bar.advance(note="two")
    assert bar.done == 2
    assert bar.rich.finished  # type: ignore[attr-defined]
