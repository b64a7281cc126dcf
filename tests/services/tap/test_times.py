from __future__ import annotations

import pytest

from uraniborg.core.errors import UserError
from uraniborg.services.tap.times import iso, seconds_of


def test_times_go_and_come() -> None:
    assert iso(0.0) == "1970-01-01T00:00:00.000Z"
    assert seconds_of(iso(1.8e9 + 0.125)) == 1.8e9 + 0.125
    assert seconds_of("2026-01-01T01:00:00+01:00") == seconds_of("2026-01-01")
    for bad in ("", "tomorrow", "2026-13-01", "99999-01-01"):
        with pytest.raises(UserError, match="no time"):
            seconds_of(bad)
