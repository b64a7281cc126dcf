"""Times as ISO 8601 in UTC, as UWS writes them."""

from __future__ import annotations

from datetime import UTC, datetime

from uraniborg.core.errors import UserError

__all__ = ("iso", "seconds_of")


def iso(seconds: float) -> str:
    """Return a time [s since 1970] as ``2026-01-31T12:00:00.000Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds_of(text: str) -> float:
    """Return a time [s since 1970]; UTC if it names no zone.

    Raises
    ------
    UserError
        If it is no time.
    """
    try:
        time = datetime.fromisoformat(text.strip())
        return (time if time.tzinfo is not None else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise UserError(f"{text[:60]!r} is no time; write 2026-01-31T12:00:00Z") from None
