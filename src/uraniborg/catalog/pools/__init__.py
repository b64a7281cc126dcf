"""Queries of many users at once: worker processes, fair queues, limits, and results that flow while they are made."""

from uraniborg.catalog.pools.errors import (
    QueryCancelledError,
    QueryRefusedError,
    QueryTimeoutError,
    WorkerLostError,
)
from uraniborg.catalog.pools.handle import Progress, QueryHandle
from uraniborg.catalog.pools.limits import Limits, PoolPlan
from uraniborg.catalog.pools.pools import QueryPools

__all__ = (
    "Limits",
    "PoolPlan",
    "Progress",
    "QueryCancelledError",
    "QueryHandle",
    "QueryPools",
    "QueryRefusedError",
    "QueryTimeoutError",
    "WorkerLostError",
)
