from __future__ import annotations

from uraniborg.catalog.pools.errors import QueryCancelledError, QueryRefusedError, QueryTimeoutError, WorkerLostError
from uraniborg.core.errors import StoreError, UserError


def test_only_a_lost_worker_is_worth_another_try() -> None:
    assert issubclass(WorkerLostError, StoreError)
    for error in (QueryCancelledError, QueryRefusedError, QueryTimeoutError):
        assert issubclass(error, UserError)
        assert not issubclass(error, StoreError)
