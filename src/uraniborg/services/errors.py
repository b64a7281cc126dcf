"""Errors that only a web door has, and the HTTP status of every error."""

from __future__ import annotations

from uraniborg.catalog.pools import QueryRefusedError
from uraniborg.core.errors import DataError, StoreError, UserError

__all__ = ("ForbiddenError", "NotSignedInError", "TooLargeError", "UnknownThingError", "status_of")


class NotSignedInError(UserError):
    """The caller has to say who he is."""


class ForbiddenError(UserError):
    """The caller may not do this."""


class UnknownThingError(UserError):
    """There is no such thing, or it is not the caller's."""


class TooLargeError(UserError):
    """The request is larger than allowed."""


_STATUS: tuple[tuple[type[Exception], int], ...] = (
    (NotSignedInError, 401),
    (ForbiddenError, 403),
    (UnknownThingError, 404),
    (TooLargeError, 413),
    (QueryRefusedError, 429),
    (UserError, 400),
    (StoreError, 503),
    (DataError, 500),
)


def status_of(error: Exception) -> int:
    """Return the HTTP status that tells an error."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
