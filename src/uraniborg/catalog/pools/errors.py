"""How a query can end other than well."""

from __future__ import annotations

from uraniborg.core.errors import StoreError, UserError

__all__ = ("QueryCancelledError", "QueryRefusedError", "QueryTimeoutError", "WorkerLostError")


class QueryTimeoutError(UserError):
    """A query took longer than it may."""


class QueryCancelledError(UserError):
    """A query was cancelled."""


class QueryRefusedError(UserError):
    """A query needs more than its user may have: memory, bytes of the answer, or places in the queue."""


class WorkerLostError(StoreError):
    """The process that answered a query died after a part of the answer was given out, or again and again."""
