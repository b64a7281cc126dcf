"""Engines that answer checked queries."""

from uraniborg.catalog.engine.duckdb import DuckDBEngine

__all__ = ("DuckDBEngine",)
